"""Cuts the events out of a JSON document that is too large to be read whole.

Strategy: the text comes in pieces, and nothing is held but the piece at hand and an element that is not over yet.
Where an element ends is decided by brackets and strings alone. So bare words (`nan`), control characters in strings,
missing commas and a missing end do no harm here; what stands inside an element is for others to judge.

The usual document is strict JSON, and is cut by a few calls into C. If the text from an element's begin to some `}` is
an array of strict JSON once it has brackets around it, then that `}` ends an element: brackets that match prove the
depth. Where no such `}` is found in a piece, its elements are followed bracket by bracket, which is exact.
"""

import math
import re
from collections.abc import Container, Generator, Iterable, Iterator
from typing import Final

import msgspec

EVENTS_KEY: Final = b'"traceEvents"'
"""The key of the array of events. An object may have it more than once, beside other keys; each array counts."""

HEAD_BYTES: Final = 1024 * 1024
"""So much is read to decide whether a file is a document."""

MAX_WORD_BYTES: Final = 1024
"""What is longer and no string, object or array is cut; no number is as long."""

_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])

_TRIES: Final = 3
"""So many `},` are tried, the last of a piece first: the last ones may be inside of an event."""

# Possessive, so that none goes back. Each ends where something must be decided, or where the piece ends; a backslash at
# the end of a piece is left for the next one, with what it escapes. `(?!)` is for Python before 3.11.5, as in
# redact/rules.py.
_NO_BRACKET: Final = re.compile(rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+|(?!))*+', re.DOTALL)
_IN_STRING: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_IN_WORD: Final = re.compile(rb'[^",:{}\[\]\s]*+')
_BOM_OR_BLANKS: Final = re.compile(rb"[\xef\xbb\xbf\s]*+")
_BLANKS: Final = re.compile(rb"\s*+")
_COMMAS: Final = re.compile(rb"[,\s]*+")
_COLON: Final = re.compile(rb"[:\s]*+")

_LONG_KEY: Final = b'""'
"""A key that is too long to be held is none that has a meaning."""

_QUOTE: Final = ord('"')
_BACKSLASH: Final = ord("\\")
_BEGINS_NESTED: Final = b'"{['
_DEPTH: Final = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}


class _Text:
    """The document, of which only the piece at hand is there; the text of longer values than max_bytes is not held.

    Attributes:
        piece: What is at hand.
        at: The next byte of it that has not been taken.
        is_strict: Whether the piece may be strict JSON.
    """

    def __init__(self, pieces: Iterable[bytes], max_bytes: float = math.inf) -> None:
        self._pieces = iter(pieces)
        self._max_bytes = max_bytes
        self.piece = b""
        self.at = 0
        self.is_strict = True

    def next_piece(self) -> bool:
        """Go on to the next piece, with what has not been taken of this one; False at the end."""
        more = next(self._pieces, b"")
        self.piece = self.piece[self.at :] + more
        self.at = 0
        self.is_strict = True
        return bool(more)

    def next_byte(self, skipped: re.Pattern[bytes]) -> bytes:
        """The byte behind what is skipped, which is not taken; empty at the end."""
        while True:
            if match := skipped.match(self.piece, self.at):
                self.at = match.end()
            if self.at < len(self.piece):
                return self.piece[self.at : self.at + 1]
            if not self.next_piece():
                return b""

    def strict_elements(self) -> list[msgspec.Raw]:
        """The elements from here to the last one that is followed by a comma in this piece; none if that fails."""
        end = len(self.piece)
        for _ in range(_TRIES):
            end = self.piece.rfind(b"},", self.at, end)
            if not self.is_strict or end < 0:
                break
            try:
                elements = _ARRAY.decode(b"[%s]" % self.piece[self.at : end + 1])
            except (msgspec.DecodeError, RecursionError):
                continue
            self.at = end + 1
            return elements
        self.is_strict = False
        return []

    def next_key(self) -> bytes:
        """Take the next key of an object, with its quotes; `}` at its end, nothing if the text ends first."""
        while (byte := self.next_byte(_COMMAS)) not in (b'"', b"}", b""):
            if self.value(keep=False) is None:  # there is no key before it
                return b""
        if byte == b'"':
            return b"" if (key := self.value()) is None else key or _LONG_KEY
        self.at += len(byte)
        return byte

    def value(self, *, keep: bool = True) -> bytes | None:
        """Take the value that begins here: an object, an array, a string, or anything up to a comma or a bracket.

        Args:
            keep: Whether the text is needed.

        Returns:
            The text; nothing of it if it is not needed, or too long; None if the document ends first.
        """
        if self.piece[self.at] not in _BEGINS_NESTED:
            return self._word()
        parts: list[bytes] = []
        size = 0
        start = self.at
        depth = 0
        if in_string := self.piece[start] == _QUOTE:
            self.at += 1
        while True:
            match = (_IN_STRING if in_string else _NO_BRACKET).match(self.piece, self.at)
            self.at = match.end() if match else self.at
            byte = self.piece[self.at] if self.at < len(self.piece) else _BACKSLASH
            if byte == _BACKSLASH:  # which is in a string, at the end of a piece
                size += self.at - start
                if size > self._max_bytes:
                    keep = False
                    parts.clear()
                if keep:
                    parts.append(self.piece[start : self.at])
                if not self.next_piece():
                    return None
                start = 0
                continue
            self.at += 1
            if byte == _QUOTE:
                in_string = not in_string
            else:
                depth += _DEPTH[byte]
            if depth <= 0 and not in_string:
                parts.append(self.piece[start : self.at])
                return b"".join(parts) if keep else b""

    def _word(self) -> bytes | None:
        """Take a number or a word; if there is neither, a byte that belongs to nothing."""
        while True:
            match = _IN_WORD.match(self.piece, self.at)
            end = match.end() if match else self.at
            if end < len(self.piece) or end - self.at > MAX_WORD_BYTES:
                break
            if not self.next_piece():
                return None
        start, self.at = self.at, max(end, self.at + 1)
        return self.piece[start : self.at]


class Elements:
    """The elements of the events of a document, in lists.

    Args:
        pieces: The document, cut anywhere; none of them is empty.
        wanted: Other keys of an object whose values are kept, each with its quotes.
        max_bytes: Elements and values that are longer by a piece are left out.

    Attributes:
        too_long: How many elements were left out.
        is_complete: Whether the document has its end; known when all elements have been taken. An array needs no `]`,
            since programs that may be killed leave it out, but its last element must be whole.
        is_closed: Whether an array has its `]`.
        values: What was wanted and met so far, as JSON.
    """

    def __init__(self, pieces: Iterable[bytes], wanted: Container[bytes] = (), max_bytes: float = math.inf) -> None:
        self.too_long = 0
        self.is_complete = False
        self.is_closed = True
        self.values: dict[bytes, bytes] = {}
        self._wanted = wanted
        self._text = _Text(pieces, max_bytes)

    def __iter__(self) -> Iterator[list[bytes] | list[msgspec.Raw]]:
        """Take the elements; once."""
        text = self._text
        match text.next_byte(_BOM_OR_BLANKS):
            case b"[":
                text.at += 1
                last = yield from self._elements()
                self.is_complete = last is not None
                self.is_closed = last == b"]"
            case b"{":
                text.at += 1
                yield from self._arrays()
            case _:
                pass

    def _arrays(self) -> Generator[list[bytes] | list[msgspec.Raw]]:
        """The elements of an object's arrays of events."""
        text = self._text
        while (key := text.next_key()) not in (b"}", b""):
            byte = text.next_byte(_COLON)
            if key == EVENTS_KEY and byte == b"[":
                text.at += 1
                if not (yield from self._elements()):
                    return
                continue
            keep = key in self._wanted
            if not byte or (value := text.value(keep=keep)) is None:
                return
            if value:
                self.values[key] = value
        self.is_complete = key == b"}"

    def _elements(self) -> Generator[list[bytes] | list[msgspec.Raw], None, bytes | None]:
        """The elements of an array; returns its `]`, nothing if the text ends before it, None if within an element."""
        text = self._text
        while (byte := text.next_byte(_COMMAS)) not in (b"]", b""):
            if elements := text.strict_elements():
                yield elements
                continue
            element = text.value()
            if element is None:
                return None
            if element:
                yield [element]
            else:
                self.too_long += 1
        text.at += len(byte)
        return byte


def is_document(head: bytes) -> bool:
    """Whether a file with these first HEAD_BYTES is a document; else it is a log, of which each line is an object."""
    text = _Text([head])
    byte = text.next_byte(_BOM_OR_BLANKS)
    text.at += 1
    if byte == b"[":
        return text.next_byte(_BLANKS) in (b"{", b"]", b"")
    if byte != b"{":
        return False
    while (key := text.next_key()) not in (b'"ph"', b"}", b""):
        byte = text.next_byte(_COLON)
        if key == EVENTS_KEY:
            return byte == b"["
        if not byte or text.value(keep=False) is None:
            break
    else:
        if key:
            return False
    # Whatever comes first is long. So long is what other tools write before the events, and seldom an event.
    return len(head) >= HEAD_BYTES


def first_keys(head: bytes) -> set[bytes]:
    """The keys, with their quotes, of the object that a file begins with, as far as they are in its first bytes."""
    text = _Text([head])
    found: set[bytes] = set()
    if text.next_byte(_BOM_OR_BLANKS) != b"{":
        return found
    text.at += 1
    while (key := text.next_key()) not in (b"}", b""):
        found.add(key)
        if not text.next_byte(_COLON) or text.value(keep=False) is None:
            break
    return found
