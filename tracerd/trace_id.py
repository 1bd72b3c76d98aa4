"""A trace id: parsed once, safe ever after as a file name."""

from __future__ import annotations

from tracerd.errors import InvalidTraceIdError

TYPE_CHECKING = False  # `tracerd exec` runs a hundred times in a build: it does not import typing
if TYPE_CHECKING:
    from typing import Self

MAX_TRACE_ID_BYTES = 200
"""Leaves room for `.rejected` under the 255 bytes that file systems allow a name."""


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
