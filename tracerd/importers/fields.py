"""The values of a decoded JSON document, of which no type can be relied on."""

import math
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, cast

import msgspec

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_MAX_NS: Final = 2.0**62
_MAX_DIGITS: Final = 25

_FAILED: Final = frozenset(
    [
        "fail",
        "failed",
        "failure",
        "error",
        "timeout",
        "timedout",
        "timed_out",
        "interrupt",
        "interrupted",
        "unexpectedpass",
        "startup_failure",
    ]
)
"""How go, GitHub, Jest, JUnit, meson and Playwright call what has failed; in lower case."""


def decoded(text: bytes) -> object:
    """A JSON value; None if it is none."""
    try:
        value: object = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return value


def fields(value: object) -> dict[str, object]:
    """An object; empty if it is none."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def array(value: object) -> list[object]:
    """The items of an array; empty if it is none."""
    return cast("list[object]", value) if isinstance(value, list) else []


def items(value: object) -> list[object]:
    """The items of an array; anything else is the only one."""
    return cast("list[object]", value) if isinstance(value, list) else [value]


def objects(value: object) -> Iterator[dict[str, object]]:
    """The objects of an array; nothing if it is none."""
    for item in array(value):
        if isinstance(item, dict):
            yield cast("dict[str, object]", item)


def text(value: object) -> str:
    """A text; empty if it is none."""
    return value if isinstance(value, str) else ""


def texts(value: object) -> list[str]:
    """The texts of an array."""
    return [item for item in array(value) if isinstance(item, str)]


def number(value: object) -> int | float | None:
    """A finite number, which may be written as a text of digits; None if it is none."""
    if isinstance(value, str):
        if len(value) > _MAX_DIGITS:
            return None
        try:
            value = int(value)
        except ValueError:
            try:
                value = float(value)
            except ValueError:
                return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        return None
    return value


def nanoseconds(value: object, unit_ns: int) -> int | None:
    """A number of units in nanoseconds; None if it is no number, or beyond all times."""
    found = number(value)
    if found is None or not -_MAX_NS < found * unit_ns < _MAX_NS:
        return None
    if isinstance(found, int):
        return found * unit_ns
    whole = math.floor(found)  # apart from the decimals, which would be lost behind the digits since 1970
    return whole * unit_ns + round((found - whole) * unit_ns)


def wall_ns(value: object) -> int | None:
    """A date and time with its zone, such as `2026-11-26T21:24:00.123456789Z`, in ns since 1970; None if it is none."""
    head, dot, tail = text(value).partition(".")
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    try:
        moment = datetime.fromisoformat(head + tail[len(digits) :])
    except ValueError:
        return None
    if moment.tzinfo is None or (dot and not digits):
        return None
    return (moment - _EPOCH) // _SECOND * 1_000_000_000 + int(f"{digits:0<9.9}")


def outcome(word: object) -> str | None:
    """`failed`, which is an error to readers, if the word of a tool for how something ended says so; else None."""
    return "failed" if text(word).lower() in _FAILED else None


def without_empty(**values: object) -> dict[str, object]:
    """The values, without those that are empty."""
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}
