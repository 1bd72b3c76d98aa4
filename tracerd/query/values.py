"""The values of a group, and what is asked of them.

Strategy: the loop over the rows only appends, which costs a tenth of what a method in Python does. Floats go into an
array at once: kept as objects, each is a miss of the cache when it is looked at again. From time to time what was
appended is folded: into a sum, a minimum and a maximum, unless a percentile is asked for, which needs all numbers.
"""

from array import array
from collections.abc import Sequence
from typing import Final, NamedTuple, cast

from tracerd.query.aggregate import Sum, percentile_of
from tracerd.query.kinds import MAX_INT, MIN_INT, Number


def _order(value: Number) -> tuple[Number, bool]:
    """Of 5 and 5.0 one is always the smaller, so that a result does not depend on their order."""
    return value, isinstance(value, float)


def as_double(value: Number | None) -> float | None:
    """A number as a double; None beyond the doubles."""
    try:
        return None if value is None else float(value)
    except OverflowError:
        return None


class Needs(NamedTuple):
    """What is asked of values."""

    sum: bool = False
    range: bool = False
    order: bool = False

    def with_function(self, function: str) -> "Needs":
        """This, and what a function needs: `sum`, `avg`, `min`, `max`, `p` for a percentile."""
        return self._replace(**{_NEED_OF[function]: True}) if function in _NEED_OF else self


_NEED_OF: Final = {"sum": "sum", "avg": "sum", "min": "range", "max": "range", "p": "order"}


class _Totals:
    """The sum and the range of numbers, as far as they are asked for."""

    __slots__ = ("high", "low", "needs", "sum")

    def __init__(self, needs: Needs) -> None:
        self.needs = needs
        self.sum = Sum()
        self.low: Number | None = None
        self.high: Number | None = None

    def add(self, integers: Sequence[int], doubles: Sequence[float]) -> None:
        if self.needs.sum:
            self.sum.add_integers(integers)
            self.sum.add_doubles(doubles)
        if self.needs.range:
            for values in (integers, doubles):
                if values:
                    self.reach(min(values), max(values))

    def reach(self, low: Number, high: Number) -> None:
        self.low = low if self.low is None else min(self.low, low, key=_order)
        self.high = high if self.high is None else max(self.high, high, key=_order)


class Values:
    """The values of one expression in one group.

    Attributes:
        doubles: Where floats are appended.
        pending: Where other values are appended, floats too; whatever is no number is left out.
    """

    __slots__ = ("_count", "_integers", "_needs", "_totals", "doubles", "pending")

    def __init__(self, needs: Needs) -> None:
        self.doubles = array("d")
        self.pending: list[object] = []
        self._count = 0  # of those in the totals
        self._needs = needs
        self._totals = _Totals(needs)
        self._integers = array("q")

    @property
    def count(self) -> int:
        """How many numbers were folded."""
        return self._count + len(self.doubles) + len(self._integers)

    def fold(self) -> None:
        """Take in what was appended."""
        if self.pending:
            self._sort_out()
            self.pending.clear()
        if not self._needs.order:
            self._count = self.count
            self._totals.add(self._integers, self.doubles)
            del self._integers[:], self.doubles[:]

    def _sort_out(self) -> None:
        """Put what is pending where it belongs: to the integers, to the doubles, or nowhere."""
        kinds = set(map(type, self.pending))
        integers = cast("list[int]", self.pending)
        if kinds != {int}:
            integers = [int(value) for value in self.pending if isinstance(value, int)]
            self.doubles.extend(array("d", [value for value in self.pending if isinstance(value, float)]))
        if integers and not MIN_INT <= min(integers) <= max(integers) <= MAX_INT:
            beyond = (as_double(value) for value in integers if not MIN_INT <= value <= MAX_INT)
            self.doubles.extend(value for value in beyond if value is not None)
            integers = [value for value in integers if MIN_INT <= value <= MAX_INT]
        self._integers.extend(array("q", integers))  # twice as fast as from a list

    def take_all(self, other: "Values") -> None:
        """Take in what another one holds, of which the same is asked."""
        self.fold()
        other.fold()
        totals = other._totals  # noqa: SLF001  of the same class
        self._count += other._count  # noqa: SLF001
        self._totals.sum.add_all(totals.sum)
        if totals.low is not None and totals.high is not None:
            self._totals.reach(totals.low, totals.high)
        self._integers.extend(other._integers)  # noqa: SLF001
        self.doubles.extend(other.doubles)

    # ------------------------------------------------------------------ results

    def reduced(self, function: str, *, as_float: bool) -> Number | None:
        """`sum`, `avg`, `min` or `max`; of nothing the sum is 0, and the others are None.

        Args:
            function: Which.
            as_float: Give a double also of integers; a mean is always one.
        """
        totals = self._totals
        if self._needs.order:
            totals = _Totals(Needs().with_function(function))
            totals.add(self._integers, self.doubles)
        match function:
            case "sum":
                return totals.sum.result(as_float=as_float)
            case "avg":
                return totals.sum.mean(self.count)
            case "min" | "max":
                found = totals.low if function == "min" else totals.high
                return float(found) if as_float and found is not None else found
            case _:
                raise AssertionError(function)

    def percentile(self, tenths: int) -> float | None:
        """A percentile, in tenths of a percent, always a double; None of nothing."""
        if not self.count:
            return None
        if not self._integers:
            return percentile_of(self.doubles, tenths)
        return percentile_of([*self._integers, *self.doubles] if self.doubles else self._integers, tenths)
