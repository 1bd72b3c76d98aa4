"""Trace ids: one maker, one test.

An id that is given may be any text that is safe as a file name. One that is made here ends in 32 hexadecimal digits, so
that it is also a trace id of W3C Trace Context.
"""

from __future__ import annotations

import os
import time

from tracerd.errors import InvalidTraceIdError

TYPE_CHECKING = False  # `tracerd exec` runs hundreds of times in a build, so it does not import typing
if TYPE_CHECKING:
    from typing import Self

MAX_TRACE_ID_BYTES = 200
"""Leaves room for `.rejected` under the 255 bytes that file systems allow a name."""

W3C_DIGITS = 32

_HEX = frozenset("0123456789abcdef")


class TraceId(str):
    """The name of a trace, known to be safe as a file name and harmless on a terminal.

    UTF-8, 1 to 200 bytes, printable, no blank, no `/`, not starting with `.` or `-`.

    Raises:
        InvalidTraceIdError: The text is anything else; the message says which rule it breaks.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check `text` and make it a trace id."""
        reason = _why_not(text)
        if reason:
            raise InvalidTraceIdError(f"a trace id {reason}")
        return super().__new__(cls, text)

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """The trace id that a client sent as bytes."""
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise InvalidTraceIdError("a trace id must be valid UTF-8") from None
        return cls(text)

    @property
    def w3c_digits(self) -> str:
        """The 32 hexadecimal digits at its end, a trace id of W3C Trace Context; empty if it has none."""
        end = self[-W3C_DIGITS:]
        return end if is_hex(end, W3C_DIGITS) else ""


def new(w3c_digits: str = "") -> TraceId:
    """An id for a new trace: `tr-`, the Unix time in seconds, `-` and these 32 hexadecimal digits, or random ones."""
    return TraceId(f"tr-{int(time.time())}-{w3c_digits or os.urandom(W3C_DIGITS // 2).hex()}")


def is_hex(text: str, digits: int) -> bool:
    """Whether this is a number of so many hexadecimal digits, in lower case and not 0."""
    return len(text) == digits and _HEX.issuperset(text) and text.strip("0") != ""


def _why_not(text: str) -> str:
    if not text:
        return "must not be empty"
    if " " in text:
        return "must not contain blanks"
    if not text.isprintable():  # control, bidi and other format characters, unusual blanks, lone surrogates
        return "must consist of printable characters"
    if "/" in text:
        return "must not contain '/'"
    if text[0] in ".-":
        return f"must not start with {text[0]!r}"
    if len(text.encode()) > MAX_TRACE_ID_BYTES:
        return f"must not be longer than {MAX_TRACE_ID_BYTES} bytes"
    return ""
