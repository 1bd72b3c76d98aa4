"""Moments that a person names, such as `--from`: as the trace counts time, or as the wall clock does."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from tracerd.replay.clocks import Clock

WALL_NS: Final = 10**18
"""From here on a `ts` is taken for one since 1970: 2001 as wall time, 32 years as the time since a start."""

Origin = Literal["zero", "start", "end", "1970"]


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a trace that is not known yet.

    Attributes:
        text: As the person wrote it.
        origin: What it is counted from: the 0 of `ts`, the trace's first event, its last one, or 1970.
        ns: How long after that, in nanoseconds.
    """

    text: str
    origin: Origin
    ns: int


_NUMBER = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,9})?", re.ASCII)
_SPAN = re.compile(r"(-?)([0-9]{1,12}(?:\.[0-9]{1,9})?)(ns|us|ms|s|m|h|d|w)", re.ASCII)
_HOUR_NS = 3600 * 10**9
_UNITS_NS = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": _HOUR_NS,
    "d": 24 * _HOUR_NS,
    "w": 7 * 24 * _HOUR_NS,
}


def parse_moment(text: str) -> Moment:
    """The moment that a text names.

    `2026-11-26T21:24:00Z` is a time of day (RFC 3339), `1.5s` is after the start of the trace, `-5m` before its end,
    and a number without a unit is a `ts` in microseconds. Who reads traces that may still grow, or many, counts `-5m`
    from now.

    Raises:
        ValueError: It names none.
    """
    if _NUMBER.fullmatch(text):
        return Moment(text, "zero", _scaled(text, 1000))
    if match := _SPAN.fullmatch(text):
        ns = _scaled(match[2], _UNITS_NS[match[3]])
        return Moment(text, "end", -ns) if match[1] else Moment(text, "start", ns)
    if "T" in text.upper():
        when = datetime.fromisoformat(text.upper())
        if when.tzinfo is not None:
            seconds = int(when.replace(microsecond=0).timestamp())
            return Moment(text, "1970", (seconds * 10**6 + when.microsecond) * 1000)
    raise ValueError(text)


def _scaled(text: str, factor: int) -> int:
    """A decimal number times a factor, exactly; what is left of it below 1 is dropped."""
    whole, _, decimals = text.partition(".")
    divisor: int = 10 ** len(decimals)
    return int(whole + decimals) * factor // divisor


class Bound:
    """A moment of a known trace.

    Args:
        moment: Which one.
        start: When the trace begins, in ns.
        end: When it ends, in ns.
        clocks: Its clock lines; the last one before a line counts there.

    Raises:
        ValueError: The moment is a time of day, and the trace has no clock line.
    """

    def __init__(self, moment: Moment, start: int, end: int, clocks: Sequence[Clock]) -> None:
        self._at = moment.ns + {"zero": 0, "start": start, "end": end, "1970": 0}[moment.origin]
        self._is_wall = moment.origin == "1970"
        self._lines: list[int] = []
        self._shifts = [0]
        if self._is_wall and start < WALL_NS:
            if not clocks:
                raise ValueError(moment.text)
            self._lines = [clock.line_no for clock in clocks]
            shifts = [clock.readings["CLOCK_REALTIME"] - clock.readings["CLOCK_MONOTONIC"] for clock in clocks]
            self._shifts = [shifts[0], *shifts]

    def at(self, line_no: int, ts: int) -> int:
        """The `ts` that this moment is, for an event of such a `ts` in this line; in ns."""
        if not self._is_wall or ts >= WALL_NS:
            return self._at
        return self._at - self._shifts[bisect_right(self._lines, line_no)]
