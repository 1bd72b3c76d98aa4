"""The lines of a log with their trace and number in front: what databases that read JSON lines take.

A line is copied as it is, unless it repeats a key: some databases then take the first value, some refuse the line, and
Perfetto takes the last, as is written here.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
import orjson

TRACE, LINE = "_trace", "_line"
"""The keys in front; an event's own ones of these names are left out."""

_OWN_KEYS: Final = (b'"_trace"', b'"_line"')
_FAULTS: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)

_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class NumberedLines:
    """Numbers the lines of one trace.

    Args:
        trace_id: What the trace is called.

    Attributes:
        bad_lines: How many lines were left out because they are no JSON objects.
        first_bad_line: Which is the first of them; 0 for none.
    """

    def __init__(self, trace_id: str) -> None:
        self.bad_lines = self.first_bad_line = 0
        self._front = b'{"_trace":' + orjson.dumps(trace_id) + b',"_line":'
        self._line = 0

    def of(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """The text for each block of whole lines."""
        for block in blocks:
            yield b"".join(map(self._numbered, block.removesuffix(b"\n").split(b"\n")))

    def _numbered(self, line: bytes) -> bytes:
        self._line += 1
        try:
            event = _decoder.decode(line)
        except _FAULTS:
            self.bad_lines += 1
            self.first_bad_line = self.first_bad_line or self._line
            return b""
        front = self._front + str(self._line).encode()
        if event and _is_plain(line, event):
            return front + b"," + line.strip(b" \t\r")[1:] + b"\n"
        own = b"".join(
            b"," + orjson.dumps(key) + b":" + bytes(raw) for key, raw in event.items() if key not in (TRACE, LINE)
        )
        return front + own + b"}\n"


def _is_plain(line: bytes, event: dict[str, msgspec.Raw]) -> bool:
    """Whether no key of the line is repeated, nor one of ours; may be False for a line that is."""
    if b'" ' in line or b'"\t' in line or any(key in line for key in _OWN_KEYS):
        return False
    keys = line.count(b'":')
    if args := event.get("args"):
        keys -= bytes(args).count(b'":')
    return keys == len(event)
