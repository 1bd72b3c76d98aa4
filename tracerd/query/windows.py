"""Points in windows: what a metric was, of each set of labels, in each part of time.

Strategy: one pass, in bounded memory. Values go into the window of their time as they come. If no step is asked for it
is the smallest of STEPS that cuts all of the range into few windows: the range is only known at the end, so it begins
with the smallest, and whenever there are too many windows they are merged. For that each step divides the next one.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tracerd.query.kinds import Number
from tracerd.query.values import Needs, Values, as_double
from tracerd.rows.labels import read_labels

FUNCTIONS: Final = ("avg", "min", "max", "sum", "count", "last", "p50", "p90", "p95", "p99")
"""What may be asked of the values in a window; `last` is the one of the latest time, of equal times the later line."""

MAX_WINDOWS: Final = 1000
"""Windows of a series that are kept: the newest."""

MAX_SERIES: Final = 50
"""Series that are kept: those that are met first."""

FEW_WINDOWS: Final = 60
"""So many windows there may be at most if no step is asked for."""

STEPS: Final = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 6 * 3600, 86400, 7 * 86400)
"""In seconds. Beyond the last one each is twice the one before."""

_SECOND_US: Final = 1_000_000
_MAX_LABELS: Final = 100
_MAX_KNOWN: Final = 1 << 16
_FOLD: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one set of labels.

    Attributes:
        labels: The labels, by key.
        values: Of each window in which there is a value the number, and the value; None beyond the doubles.
    """

    labels: dict[str, str]
    values: list[tuple[int, Number | None]]


@dataclass(frozen=True, slots=True)
class Windowed:
    """A metric in windows.

    Attributes:
        step: The length of a window, in seconds: the one with the number n begins at n times this.
        series: The series, by their labels.
        too_many: If there were more than MAX_SERIES, the labels with the most values, and of each how many it has, up
            to MAX_SERIES + 1; else empty.
        has_older: Whether there are older windows than those that were kept.
        label_values: Of each label how many values it has, up to MAX_SERIES + 1, also if series are not by it.
    """

    step: int
    series: list[Series]
    too_many: dict[str, int]
    has_older: bool
    label_values: dict[str, int]

    @property
    def is_truncated(self) -> bool:
        """Whether something was left out."""
        return bool(self.too_many) or self.has_older


class _Window:
    """What is in one window."""

    __slots__ = ("last", "last_at", "values")

    def __init__(self, needs: Needs) -> None:
        self.values = Values(needs)
        self.last_at = float("-inf")
        self.last: Number | None = None

    def take_all(self, later: "_Window") -> None:
        self.values.take_all(later.values)
        if later.last_at >= self.last_at:
            self.last_at, self.last = later.last_at, later.last


class _Series:
    def __init__(self, labels: dict[str, str]) -> None:
        self.labels = labels
        self.windows: dict[int, _Window] = {}
        self.floor: int | None = None  # older windows were dropped

    def drop_old(self) -> None:
        """Keep the newest MAX_WINDOWS."""
        newest = sorted(self.windows)[-MAX_WINDOWS:]
        self.floor = newest[0]
        self.windows = {number: self.windows[number] for number in newest}


class Windows:
    """Puts points into windows.

    Args:
        function: One of FUNCTIONS.
        step: The length of a window, in seconds; None for the smallest of STEPS that gives few windows.
        labels: Only points with these labels.
        by: The labels of a series; None for all that a point has.
    """

    def __init__(
        self, function: str, step: int | None, labels: Iterable[tuple[str, str]] = (), by: Sequence[str] | None = None
    ) -> None:
        self._function = function
        self._needs = Needs().with_function("p" if function[0] == "p" else function)
        self._is_fixed = step is not None
        self._step = step or STEPS[0]
        self._width_us = self._step * _SECOND_US
        self._wanted = list(labels)
        self._by = by
        self._known: dict[str, _Series | None] = {}
        self._series: dict[tuple[tuple[str, str], ...], _Series] = {}
        self._label_values: dict[str, set[str]] = {}
        self._is_beyond = False
        self._low = self._high = 0
        self._pending = 0

    def take(self, labels: str, at_us: int | float, value: Number) -> None:
        """Take a point: its labels as the column has them, its time in microseconds, and its value."""
        try:
            series = self._known[labels]
        except KeyError:
            series = self._find(labels)
        if series is None:
            return
        number = int(at_us // self._width_us)
        window = series.windows.get(number)
        if window is None:
            if series.floor is not None and number < series.floor:
                return
            number = self._reach(number, at_us)
            window = series.windows.get(number) or series.windows.setdefault(number, _Window(self._needs))
            if len(series.windows) >= 2 * MAX_WINDOWS:
                series.drop_old()
                window = series.windows.get(number, window)
        window.values.pending.append(value)
        if at_us >= window.last_at:
            window.last_at, window.last = at_us, value
        self._pending += 1
        if self._pending >= _FOLD:
            self._fold()

    def _find(self, text: str) -> _Series | None:
        """The series of some labels; None if its points are left out."""
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        labels = read_labels(text)
        found: _Series | None = None
        if all(labels.get(key) == value for key, value in self._wanted):
            self._note_values(labels)
            own = labels if self._by is None else {key: labels[key] for key in self._by if key in labels}
            found = self._series_of(own)
        self._known[text] = found
        return found

    def _note_values(self, labels: dict[str, str]) -> None:
        for key, value in labels.items():
            is_asked_for = self._by is not None and key in self._by
            if is_asked_for or key in self._label_values or len(self._label_values) < _MAX_LABELS:
                values = self._label_values.setdefault(key, set())
                if len(values) <= MAX_SERIES:
                    values.add(value)

    def _series_of(self, labels: dict[str, str]) -> _Series | None:
        own = tuple(sorted(labels.items()))
        if own not in self._series:
            if len(self._series) >= MAX_SERIES:
                self._is_beyond = True
                return None
            self._series[own] = _Series(labels)
        return self._series[own]

    def _reach(self, number: int, at_us: int | float) -> int:
        """The number of a window that was not there, after the step was made larger for it if it must be."""
        if self._is_fixed:
            return number
        if not any(series.windows for series in self._series.values()):
            self._low = self._high = number
        self._low, self._high = min(self._low, number), max(self._high, number)
        while self._high - self._low >= FEW_WINDOWS:
            self._enlarge()
        return int(at_us // self._width_us)

    def _enlarge(self) -> None:
        at = STEPS.index(self._step) + 1 if self._step in STEPS else len(STEPS)
        step = STEPS[at] if at < len(STEPS) else 2 * self._step
        factor = step // self._step
        for series in self._series.values():
            merged: dict[int, _Window] = {}
            for number, window in series.windows.items():
                if (there := merged.setdefault(number // factor, window)) is not window:
                    there.take_all(window)
            series.windows = merged
        self._low, self._high = self._low // factor, self._high // factor
        self._step, self._width_us = step, step * _SECOND_US

    def _fold(self) -> None:
        for series in self._series.values():
            for window in series.windows.values():
                if window.values.pending:
                    window.values.fold()
        self._pending = 0

    def result(self) -> Windowed:
        """What was taken until now."""
        self._fold()
        aggregate = _aggregate(self._function)
        has_older = False
        found: list[Series] = []
        for _, series in sorted(self._series.items()):
            if len(series.windows) > MAX_WINDOWS:
                series.drop_old()
            has_older |= series.floor is not None
            values = [(number, aggregate(series.windows[number])) for number in sorted(series.windows)]
            if values:
                found.append(Series(series.labels, values))
        counts = {key: len(values) for key, values in sorted(self._label_values.items())}
        return Windowed(self._step, found, self._too_many(counts) if self._is_beyond else {}, has_older, counts)

    def _too_many(self, counts: dict[str, int]) -> dict[str, int]:
        """The labels that make too many series: those that do alone, else all, the one with the most values first."""
        counts = {key: count for key, count in counts.items() if self._by is None or key in self._by}
        most = sorted(counts, key=lambda key: (-counts[key], key))
        return {key: counts[key] for key in most if counts[key] > MAX_SERIES} or {key: counts[key] for key in most}


def _aggregate(function: str) -> Callable[[_Window], Number | None]:
    if function == "count":
        return lambda window: window.values.count
    if function == "last":
        return lambda window: as_double(window.last)
    if function[0] == "p":
        tenths = int(function[1:]) * 10
        return lambda window: window.values.percentile(tenths)
    return lambda window: window.values.reduced(function, as_float=True)  # the column `value` is a float
