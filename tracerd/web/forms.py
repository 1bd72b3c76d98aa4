"""The parameters of a request, strictly: what is unknown, given twice or out of range is refused."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from tracerd.query.computation import Window
from tracerd.query.lexer import did_you_mean
from tracerd.rows.moment import parse_moment
from tracerd.text import printable
from tracerd.web.answers import Refusal, bad_request

MAX_PARAMETERS: Final = 200

_MAX_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a route.

    Attributes:
        name: Its name.
        meaning: What it is, for the documentation.
        choices: The values that it may have; none for any.
        minimum: The least value of a number; None if it is a text.
        maximum: The largest value of a number.
        default: Without it; a text as it would be given. None for nothing.
        is_repeatable: Whether it may be given several times, also as `name[]`.
        is_required: Whether it must be given.
        is_time: Whether it is a time.
    """

    name: str
    meaning: str
    choices: Sequence[str] = ()
    minimum: int | None = None
    maximum: int = 0
    default: str | None = None
    is_repeatable: bool = False
    is_required: bool = False
    is_time: bool = False

    def check(self, value: str) -> None:
        """Check a value.

        Raises:
            Refusal: It is none of this parameter.
        """
        if self.minimum is not None:
            is_number = value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS
            if not is_number or not self.minimum <= int(value) <= self.maximum:
                raise self.wrong(f"a number from {self.minimum} to {self.maximum}", value)
        if self.choices and value not in self.choices:
            hint = did_you_mean(value, self.choices)
            raise self.wrong(f"one of {', '.join(self.choices)}", value, hint)
        if self.is_time:
            _microseconds(self, value, 0)

    def wrong(self, expected: str, value: str, hint: str = "") -> Refusal:
        """The refusal of a value."""
        return bad_request(f"{self.name}: expected {expected}, not {printable(value)!r}{hint}")


class Values:
    """The values of the parameters of one request.

    Args:
        parameters: Those that the route has.
        given: What was given of each.
    """

    def __init__(self, parameters: Sequence[Parameter], given: Mapping[str, list[str]]) -> None:
        self._parameters = {parameter.name: parameter for parameter in parameters}
        self._given = given

    def given(self) -> list[tuple[str, str]]:
        """All that was given, as it was."""
        return [(name, value) for name, values in self._given.items() for value in values]

    def texts(self, name: str) -> list[str]:
        """All values of a parameter that may be repeated."""
        return self._given.get(name, [])

    def text(self, name: str) -> str | None:
        """The value of a parameter, or its default."""
        given = self._given.get(name)
        return given[0] if given else self._parameters[name].default

    def number(self, name: str) -> int:
        """The value of a number with a default."""
        return int(self.text(name) or 0)

    def window(self, start: str, end: str) -> Window | None:
        """The part of time between two parameters: `[start, end)`.

        Raises:
            Refusal: It is empty.
        """
        now_us = time.time_ns() // 1000
        bounds = [
            None if (value := self.text(name)) is None else _microseconds(self._parameters[name], value, now_us)
            for name in (start, end)
        ]
        first, last = bounds
        if first is None and last is None:
            return None
        if first is not None and last is not None and first > last:
            raise bad_request(f"{start} is later than {end}")
        return Window("time", first, last)


def _microseconds(parameter: Parameter, value: str, now_us: int) -> float:
    try:
        moment = parse_moment(value)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.origin not in ("1970", "end"):
        raise parameter.wrong("a time such as 2026-11-26T21:24:00Z, or -5m for five minutes ago", value)
    return moment.ns / 1000 + (now_us if moment.origin == "end" else 0)


def read(parameters: Sequence[Parameter], query: bytes, *, skips_empty: bool = False) -> Values:
    """The parameters of a query string.

    Args:
        parameters: Those that the route has.
        query: The query string.
        skips_empty: Whether one without a value counts as not given: browsers send each field of a form.

    Raises:
        Refusal: One is not known, was given twice, is missing, or has a wrong value.
    """
    known = {parameter.name: parameter for parameter in parameters}
    given: dict[str, list[str]] = {}
    pairs = [pair for pair in query.split(b"&") if pair]
    if len(pairs) > MAX_PARAMETERS:
        raise bad_request(f"more than {MAX_PARAMETERS} parameters")
    for pair in pairs:
        key, _, raw = pair.partition(b"=")
        name, value = _text(key), _text(raw)
        bare = name.removesuffix("[]")
        parameter = known.get(bare)
        if parameter is None or (bare != name and not parameter.is_repeatable):
            raise bad_request(f"unknown parameter {printable(name)!r}{did_you_mean(bare, known)}")
        if bare in given and not parameter.is_repeatable:
            raise bad_request(f"{bare}: given more than once")
        if skips_empty and not value:
            continue
        parameter.check(value)
        given.setdefault(bare, []).append(value)
    for parameter in parameters:
        if parameter.is_required and parameter.name not in given:
            raise bad_request(f"{parameter.name}: missing")
    return Values(parameters, given)


def _text(quoted: bytes) -> str:
    try:
        text = unquote_to_bytes(quoted.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise bad_request("a parameter is not UTF-8") from None
    if "\0" in text:
        raise bad_request("a parameter holds a NUL")
    return text
