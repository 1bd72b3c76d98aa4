"""The wire format of protobuf: the fields of a message, without knowing what they mean."""

from collections.abc import Iterator
from typing import Final, NamedTuple

VARINT: Final = 0
FIXED64: Final = 1
LENGTH: Final = 2
FIXED32: Final = 5
"""How a value is written. There are two more, of groups, which no message of OpenTelemetry has."""

_WIDTHS: Final = {FIXED64: 8, FIXED32: 4}
_MAX_VARINT: Final = 10
"""Bytes of a value."""


class Field(NamedTuple):
    """A field.

    Attributes:
        number: Its number in the message.
        kind: How its value is written.
        value: The bytes of its value, without their length.
        whole: All of its bytes.
    """

    number: int
    kind: int
    value: memoryview
    whole: memoryview

    def is_message(self, number: int) -> bool:
        """Whether it is a message, a text or bytes, of this number."""
        return self.number == number and self.kind == LENGTH


def read_fields(message: memoryview) -> Iterator[Field]:
    """The fields of a message.

    Raises:
        ValueError: It is none.
    """
    at, end = 0, len(message)
    while at < end:
        start = at
        tag, at = _varint(message, at)
        kind = tag & 7
        value_at = at
        if kind == LENGTH:
            length, value_at = _varint(message, at)
            at = value_at + length
        elif kind == VARINT:
            _, at = _varint(message, at)
        elif kind in _WIDTHS:
            at += _WIDTHS[kind]
        else:
            raise ValueError(f"a field is written as kind {kind}")
        if at > end:
            raise ValueError("it is cut off")
        if not tag >> 3:
            raise ValueError("a field has the number 0")
        yield Field(tag >> 3, kind, message[value_at:at], message[start:at])


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    value = 0
    for shift in range(0, 7 * _MAX_VARINT, 7):
        if at >= len(message):
            raise ValueError("it is cut off")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number has more than 64 bits")


def varint(value: int) -> bytes:
    """A number that is not negative, as protobuf writes it."""
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def field(number: int, value: bytes | memoryview) -> bytes:
    """A field with these bytes: a text, or a message."""
    return b"".join((varint(number << 3 | LENGTH), varint(len(value)), value))


def number_field(number: int, value: int) -> bytes:
    """A field with a number that is not negative."""
    return varint(number << 3 | VARINT) + varint(value)
