"""What the first bytes of a file show of its format."""

from functools import cached_property
from typing import cast

import msgspec

from tracerd.rows.elements import HEAD_BYTES, first_keys, is_document

_LINE_BYTES = 256 * 1024


class Head:
    """How a file begins.

    Args:
        text: Its first bytes; HEAD_BYTES, if it has so many.
    """

    def __init__(self, text: bytes) -> None:
        self.text = text.lstrip()

    def has(self, *keys: str) -> bool:
        """Whether the document, or the first line, is an object with these keys."""
        return self.keys.issuperset(keys)

    @cached_property
    def keys(self) -> frozenset[str]:
        """Those of the object that the file is, or begins with; as far as they are in the first bytes."""
        return frozenset(key.decode(errors="replace").strip('"') for key in first_keys(self.text))

    @cached_property
    def first(self) -> dict[str, object]:
        """The object in the first line, or the first one of an array; empty if there is none."""
        return _object(self.text.partition(b"\n")[0][:_LINE_BYTES]) or _object_of_array(self.text)

    @property
    def is_document(self) -> bool:
        """Whether it is an array of objects, or an object with traceEvents."""
        return is_document(self.text[:HEAD_BYTES])


def _object(line: bytes) -> dict[str, object]:
    try:
        value: object = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    while isinstance(value, list) and value:
        value = cast("list[object]", value)[0]
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _object_of_array(text: bytes) -> dict[str, object]:
    from tracerd.rows.elements import Elements

    if not text.startswith(b"["):
        return {}
    for elements in Elements([text]):
        return _object(bytes(elements[0])) if elements else {}
    return {}
