"""Parts of time: `over day`, `over 30s`. They are cut in UTC, at multiples of their length since 1970."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

NO_TIME: Final = "null"
"""The part of an event without a time, or with one that no calendar has."""

DAY_US: Final = 86400 * 1_000_000

_EPOCH: Final = date(1970, 1, 1)
_EPOCH_SECONDS: Final = datetime(1970, 1, 1, tzinfo=UTC)


def width_us(grain: str | int) -> int:
    """The length of the numbered parts that `label` names, in microseconds: of a calendar's parts one day."""
    return grain * 1_000_000 if isinstance(grain, int) else DAY_US


def label(grain: str | int) -> Callable[[int | None], str]:
    """What gives the name of a part: `2026-11-26T21:24:00Z`, `2026-11-26`, `2026-W48`, `2026-11`, `2026-Q4`, `2026`.

    Args:
        grain: Seconds, or `day`, `week`, `month`, `quarter`, `year`.

    Returns:
        A function of the time in microseconds since 1970, divided by `width_us`; None is no time.
    """
    name = _CALENDAR[grain] if isinstance(grain, str) else None

    @lru_cache(maxsize=1 << 16)
    def of(number: int | None) -> str:
        if number is None:
            return NO_TIME
        try:
            if isinstance(grain, int):
                moment = _EPOCH_SECONDS + timedelta(seconds=number * grain)
                return f"{moment.replace(tzinfo=None).isoformat()}Z"
            return name(_EPOCH + timedelta(days=number)) if name else NO_TIME
        except (OverflowError, ValueError):
            return NO_TIME

    return of


def _week(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year:04d}-W{week:02d}"


_CALENDAR: Final[dict[str, Callable[[date], str]]] = {
    "day": date.isoformat,
    "week": _week,
    "month": lambda day: f"{day.year:04d}-{day.month:02d}",
    "quarter": lambda day: f"{day.year:04d}-Q{(day.month + 2) // 3}",
    "year": lambda day: f"{day.year:04d}",
}
