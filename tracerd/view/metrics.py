"""What `tracerd metrics` shows: JSON, and tables with small curves."""

from collections.abc import Iterator, Sequence
from typing import Final

from tracerd.query.grains import label
from tracerd.query.kinds import Number
from tracerd.query.windows import Series, Windowed
from tracerd.text import printable
from tracerd.view.query_text import number_text
from tracerd.view.tables import shortened, table

LEVELS: Final = "▁▂▃▄▅▆▇█"
ASCII_LEVELS: Final = "_.-=oO#@"

_COLUMNS: Final = 40
_BAR: Final = 20
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def as_json(found: Windowed, *, is_wall: bool) -> dict[str, object]:
    """The JSON of a metric in windows.

    Args:
        found: The metric.
        is_wall: Whether its windows count from 1970; otherwise a timestamp is the ts at which a window begins.
    """
    latest = [series.values[-1][0] for series in found.series]
    return {
        "data": [
            {
                "labels": series.labels,
                "values": [
                    {"timestamp": _timestamp(found, number, is_wall), "value": value} for number, value in series.values
                ],
            }
            for series in found.series
        ],
        "meta": {
            "latest_ts": _timestamp(found, max(latest), is_wall) if latest else None,
            "series_count": len(found.series),
            "truncated": found.is_truncated,
        },
    }


def _timestamp(found: Windowed, number: int, is_wall: bool) -> str | int:
    return label(found.step)(number) if is_wall else number * found.step * 1_000_000


def as_text(found: Windowed, what: str, levels: str, *, is_wall: bool) -> Iterator[str]:
    """One series as a line for each window; several as a line each, with a curve.

    Args:
        found: The metric; at least one series.
        what: What the values are.
        levels: The characters of curves, the lowest first.
        is_wall: As of `as_json`.
    """
    numbers = sorted({number for series in found.series for number, _ in series.values})
    first, last = (_place(found, number, is_wall) for number in (numbers[0], numbers[-1]))
    yield f"{printable(what)} in windows of {_length(found.step)}, from {first} to {last}"
    yield ""
    if len(found.series) == 1:
        only = found.series[0]
        if only.labels:
            yield shortened(printable(_labels(only)))
            yield ""
        yield from _windows(found, only, levels, is_wall)
        return
    rows = [_row(series, numbers, levels) for series in found.series]
    yield from table(["labels", "windows", "min", "max", "latest", "curve"], rows)


def _row(series: Series, numbers: Sequence[int], levels: str) -> list[str]:
    values = [value for _, value in series.values if value is not None]
    least, most = (number_text(of(values)) if values else "" for of in (min, max))
    curve = _curve(dict(series.values), numbers[0], numbers[-1], levels)
    return [
        _labels(series) or "(none)",
        f"{len(series.values):,}",
        least,
        most,
        number_text(series.values[-1][1]),
        curve,
    ]


def _curve(values: dict[int, Number | None], first: int, last: int, levels: str) -> str:
    """The values in at most _COLUMNS columns; several windows in one column are their largest value."""
    width = -(-(last - first + 1) // _COLUMNS)
    columns: list[Number | None] = [None] * -(-(last - first + 1) // width)
    for number, value in values.items():
        at = (number - first) // width
        there = columns[at]
        if value is not None and (there is None or value > there):
            columns[at] = value
    scale = _Scale([value for value in columns if value is not None])
    return "".join(" " if value is None else levels[round(scale.part(value) * (len(levels) - 1))] for value in columns)


def _windows(found: Windowed, series: Series, levels: str, is_wall: bool) -> Iterator[str]:
    scale = _Scale([value for _, value in series.values if value is not None])
    rows = [
        [
            _place(found, number, is_wall),
            number_text(value),
            "" if value is None else f"{levels[-1] * round(scale.part(value) * _BAR):<{_BAR}}",
        ]
        for number, value in series.values
    ]
    return table(["time" if is_wall else "ts", "value", " " * _BAR], rows)


class _Scale:
    """From 0, or the least value, to the largest one, or 0."""

    def __init__(self, values: Sequence[Number]) -> None:
        self._low = min([0, *values])
        self._range = max([0, *values]) - self._low

    def part(self, value: Number) -> float:
        """How far up a value is, from 0 to 1."""
        part = (value - self._low) / self._range if self._range else 0.0
        return part if part == part else 1.0  # the range may be infinite


def _place(found: Windowed, number: int, is_wall: bool) -> str:
    if is_wall:
        return label(found.step)(number)
    return f"{number * found.step:,} s"


def _labels(series: Series) -> str:
    return ",".join(f"{key}={value}" for key, value in series.labels.items())


def _length(seconds: int) -> str:
    return next(f"{seconds // size}{unit}" for size, unit in _UNITS if seconds % size == 0)
