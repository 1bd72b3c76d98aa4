"""The items of a body of JSON, of which no type can be relied on: each is read alone, so that none spoils another."""

import re
import time
from collections.abc import Iterable
from typing import Final, cast

import msgspec

from tracerd.importers.fields import number, wall_ns
from tracerd.text import printable
from tracerd.web.answers import bad_request

_FAILURES: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_MS: Final = 1_000_000
_SHOWN: Final = 40

MAX_LEVELS: Final = 250
"""The daemon takes 256, of which an event has some of its own."""

_TOO_MANY_DIGITS: Final = re.compile(rb"[0-9]{300}")
"""A double has 309 at most."""


class ItemError(Exception):
    """Raised when an item cannot be stored; says why."""


class Item:
    """An item, whose fields are taken one after the other; null is as if it were not there.

    Args:
        values: Its fields.
    """

    def __init__(self, values: dict[str, object]) -> None:
        self._left = {name: value for name, value in values.items() if value is not None}

    def rest(self) -> dict[str, object]:
        """What was not taken."""
        return self._left

    def needed(self, *names: str) -> str:
        """A text that must be there and not empty; the first of these names that is given.

        Raises:
            ItemError: It is not, or is no text.
        """
        if found := self.text(*names):
            return found
        raise ItemError(f"{names[0]}: missing, or empty")

    def text(self, *names: str) -> str:
        """A text, of the first of these names that is given; empty without.

        Raises:
            ItemError: It is no text.
        """
        value = self._take(*names)
        if value is None or isinstance(value, str):
            return value or ""
        raise _wrong(names[0], "a text", value)

    def time_ns(self, name: str) -> int | None:
        """A time in ns since 1970; None without. It is RFC 3339, or a number of milliseconds.

        Raises:
            ItemError: It is none.
        """
        value = self._take(name)
        if value is None:
            return None
        found = wall_ns(value) if isinstance(value, str) else _ns(value, _MS)
        if found is None:
            raise _wrong(name, "a time such as 2026-11-26T21:24:00Z, or milliseconds since 1970", value)
        return found

    def number(self, name: str) -> int | float | None:
        """A number; None without.

        Raises:
            ItemError: It is none.
        """
        value = self._take(name)
        found = None if isinstance(value, str) else number(value)
        if found is None and value is not None:
            raise _wrong(name, "a number", value)
        return found

    def fields(self, name: str) -> dict[str, object]:
        """An object; empty without.

        Raises:
            ItemError: It is none.
        """
        value = self._take(name)
        if value is None:
            return {}
        if isinstance(value, dict):
            return cast("dict[str, object]", value)
        raise _wrong(name, "an object", value)

    def texts(self, name: str) -> list[str]:
        """A list of texts; empty without.

        Raises:
            ItemError: It is none.
        """
        value = self._take(name)
        if value is None:
            return []
        found = cast("list[object]", value) if isinstance(value, list) else [None]
        texts = [one for one in found if isinstance(one, str)]
        if len(texts) < len(found):
            raise _wrong(name, "a list of texts", found if isinstance(value, list) else value)
        return texts

    def _take(self, *names: str) -> object:
        values = [self._left.pop(name, None) for name in names]
        return next((value for value in values if value is not None), None)


def _ns(value: object, unit_ns: int) -> int | None:
    found = number(value)
    return None if found is None else round(found * unit_ns)


def _wrong(name: str, expected: str, value: object) -> ItemError:
    shown = printable(repr(value))
    return ItemError(f"{name}: expected {expected}, not {shown[:_SHOWN]}{'...' if len(shown) > _SHOWN else ''}")


def now_ns() -> int:
    """The time, in ns since 1970."""
    return time.time_ns()


def parsed(body: bytes | bytearray) -> dict[str, msgspec.Raw]:
    """The fields of a body.

    Raises:
        Refusal: It is no object of JSON.
    """
    try:
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        raise bad_request("the body: it is no object of JSON") from None
    except _FAILURES as error:
        raise bad_request(f"the body: it is no JSON: {error}") from None


def items(body: dict[str, msgspec.Raw], name: str) -> list[msgspec.Raw]:
    """The items of a field; none without.

    Raises:
        Refusal: It is no list.
    """
    try:
        raw = body.get(name)
        return [] if raw is None else msgspec.json.decode(raw, type=list[msgspec.Raw] | None) or []
    except _FAILURES:
        raise bad_request(f"{name}: expected a list") from None


def read(raw: msgspec.Raw | bytes | bytearray) -> Item:
    """One item.

    Raises:
        ItemError: It is no object of JSON.
    """
    try:
        values = msgspec.json.decode(raw, type=dict[str, object])
    except msgspec.ValidationError:
        raise ItemError("expected an object") from None
    except _FAILURES as error:
        raise ItemError(f"it is no JSON: {error}") from None
    text = bytes(raw)
    if _TOO_MANY_DIGITS.search(text):
        raise ItemError("it has a number that no double holds")
    if text.count(b"{") + text.count(b"[") > MAX_LEVELS and _levels(values) > MAX_LEVELS:
        raise ItemError(f"it is nested deeper than {MAX_LEVELS} levels")
    return Item(values)


def _levels(value: object) -> int:
    """How deep a value is nested."""
    levels = 0
    level = [value]
    while level := [inner for one in level for inner in _inside(one)]:
        levels += 1
    return levels


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list) else ()
