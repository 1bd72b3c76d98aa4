"""The aggregates: what a count, a sum, a mean and a percentile are, for every reader.

Results depend on the values alone, not on their order: sums of integers are exact, and sums of doubles are rounded
once. A percentile lies between the two nearest values, by linear interpolation; of n values the first is percentile 0
and the last is percentile 100, as in numpy and in spreadsheets.
"""

import math
from array import array
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Final

from tracerd.query.kinds import Number

PER_PERCENT: Final = 10
"""Percentiles are given in tenths of a percent: p99.9 is 999."""

_WHOLE: Final = 100 * PER_PERCENT

_CHUNK: Final = 1 << 16
"""Doubles that a Sum keeps before it adds them up."""


def _place(count: int, tenths: int) -> tuple[int, int]:
    """The index of the value below a percentile, and how far it is to the next one, in parts of _WHOLE."""
    return divmod((count - 1) * tenths, _WHOLE)


def percentile(ordered: Sequence[Number], tenths: int) -> float:
    """The percentile, in tenths of a percent, of values in order, of which there is one at least."""
    at, rest = _place(len(ordered), tenths)
    return _between(ordered[at], ordered[at + 1] if rest else 0, rest)


def _between(low: Number, high: Number, rest: int) -> float:
    """What lies so far between two values, in parts of _WHOLE."""
    if not rest:
        return float(low)
    if isinstance(low, int) and isinstance(high, int):
        return (low * (_WHOLE - rest) + high * rest) / _WHOLE
    part = rest / _WHOLE
    gap = high - low
    return low + gap * part if math.isfinite(gap) else low * (1 - part) + high * part


_SAMPLES: Final = 1 << 12
_MARGIN: Final = 1 << 7
"""Of samples: four times by how many the place of a percentile among them may be expected to be off."""


def percentile_of(values: Sequence[Number], tenths: int) -> float:
    """The same of values in any order.

    Strategy: of many values most are only compared with two of a sample between which it must lie, which takes a third
    of the time of sorting them. If it does not lie there, they are sorted.
    """
    count = len(values)
    if count <= 4 * _SAMPLES:
        return percentile(sorted(values), tenths)
    sample = sorted(values[:: count // _SAMPLES])
    expected = len(sample) * tenths // _WHOLE
    low = sample[expected - _MARGIN] if expected >= _MARGIN else -math.inf
    high = sample[expected + _MARGIN] if expected + _MARGIN < len(sample) else math.inf
    above = [value for value in values if value >= low]
    near = sorted(value for value in above if value <= high)
    at, rest = _place(count, tenths)
    at -= count - len(above)
    if at < 0 or at + bool(rest) >= len(near):
        return percentile(sorted(values), tenths)
    return _between(near[at], near[at + 1] if rest else 0, rest)


def rounded_percentile(ordered: Sequence[int], tenths: int) -> int:
    """The percentile of integers in order, rounded to one; halves are rounded up."""
    at, rest = _place(len(ordered), tenths)
    if not rest:
        return ordered[at]
    return (ordered[at] * (_WHOLE - rest) + ordered[at + 1] * rest + _WHOLE // 2) // _WHOLE


def rounded_mean(total: int, count: int) -> int:
    """The mean of integers, rounded to one; halves are rounded up; of none 0."""
    return (total + count // 2) // count if count else 0


class Sum:
    """Adds integers and doubles; the result is exact but for one rounding, if any of them is a double.

    Attributes:
        integers: The sum of the integers.
        doubles: Some doubles whose sum is exactly that of those that were added.
    """

    __slots__ = ("_limit", "doubles", "integers")

    def __init__(self) -> None:
        self.integers = 0
        self.doubles = array("d")
        self._limit = _CHUNK

    def add_integers(self, values: Iterable[int]) -> None:
        """Add integers."""
        self.integers += sum(values)

    def add_doubles(self, values: Iterable[float]) -> None:
        """Add doubles."""
        self.doubles.extend(array("d", values))  # twice as fast as from a list
        if len(self.doubles) >= self._limit:
            try:
                self.doubles = array("d", _expansion(self.doubles))
            except OverflowError:  # larger ones may still cancel out
                self._limit = 2 * len(self.doubles)

    def add_all(self, other: "Sum") -> None:
        """Add what another one has added."""
        self.integers += other.integers
        self.doubles.extend(other.doubles)

    def result(self, *, as_float: bool = False) -> Number | None:
        """The sum, an integer if all are, unless it is to be a double; None beyond the doubles."""
        if not self.doubles and not as_float:
            return self.integers
        try:
            return math.fsum([*self.doubles, *_expansion_of_integer(self.integers)])
        except OverflowError:
            return self._slow_result()

    def _slow_result(self) -> float | None:
        """Without doubles on the way, which the sum of some may not fit into though the sum of all does."""
        try:
            return float(self.integers + sum(map(Fraction, self.doubles)))
        except OverflowError:
            return None

    def mean(self, count: int) -> float | None:
        """The sum by a count; None of nothing, or beyond the doubles."""
        if not count:
            return None
        total = self.result()
        try:
            return None if total is None else total / count
        except OverflowError:
            return None


def _expansion(values: Iterable[float]) -> list[float]:
    """Few doubles whose sum is exactly that of many: what is lost by rounding is added up again."""
    rest = [*values]
    count = len(rest)
    while True:
        total = math.fsum(rest)
        if not total:
            return [-lost for lost in rest[count:]]
        rest.append(-total)


def _expansion_of_integer(value: int) -> list[float]:
    """Doubles whose sum is exactly an integer."""
    found: list[float] = []
    while value:
        nearest = float(value)
        found.append(nearest)
        value -= int(nearest)
    return found
