"""The values of a group, and what is asked of them.

Strategy: the loop over the rows only appends, which costs a tenth of what a method in Python does. Now and then what
was appended is folded: into a sum, a minimum and a maximum, and if a percentile is asked for into arrays of numbers.
"""

from array import array
from collections.abc import Sequence
from typing import Final, NamedTuple, cast

from tracerd.query.aggregate import Number, Sum, percentile_of

_MIN_INT: Final = -(2**63)
_MAX_INT: Final = 2**63 - 1


def _order(value: Number) -> tuple[Number, bool]:
    """Of 5 and 5.0 one is always the smaller, so that a result does not depend on their order."""
    return value, isinstance(value, float)


def _as_double(value: int) -> float | None:
    try:
        return float(value)
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


class Values:
    """The values of one expression in one group.

    Args:
        needs: What will be asked of them.

    Attributes:
        pending: What was appended and not folded yet; whatever is no number is left out then.
        count: How many numbers there are.
    """

    __slots__ = ("_doubles", "_high", "_integers", "_low", "_needs", "_sum", "count", "pending")

    def __init__(self, needs: Needs) -> None:
        self.pending: list[object] = []
        self.count = 0
        self._needs = needs
        self._sum = Sum()
        self._low: Number | None = None
        self._high: Number | None = None
        self._integers = array("q")
        self._doubles = array("d")

    def fold(self) -> None:
        """Take in what was appended."""
        kinds = set(map(type, self.pending))
        if kinds == {float}:
            self._add((), cast("list[float]", self.pending))
        elif kinds:
            integers = cast("list[int]", self.pending)
            if kinds != {int}:
                integers = [int(value) for value in self.pending if isinstance(value, int)]
            doubles = [value for value in self.pending if isinstance(value, float)] if float in kinds else []
            if integers and not _MIN_INT <= min(integers) <= max(integers) <= _MAX_INT:
                beyond = (_as_double(value) for value in integers if not _MIN_INT <= value <= _MAX_INT)
                doubles += [value for value in beyond if value is not None]
                integers = [value for value in integers if _MIN_INT <= value <= _MAX_INT]
            self._add(integers, doubles)
        self.pending.clear()

    def _add(self, integers: Sequence[int], doubles: Sequence[float]) -> None:
        self.count += len(integers) + len(doubles)
        needs = self._needs
        if needs.sum:
            self._sum.add_integers(integers)
            self._sum.add_doubles(doubles)
        if needs.range:
            for values in (integers, doubles):
                if values:
                    self._reach(min(values), max(values))
        if needs.order:
            self._integers.extend(integers)
            self._doubles.extend(doubles)

    def _reach(self, low: Number, high: Number) -> None:
        self._low = low if self._low is None else min(self._low, low, key=_order)
        self._high = high if self._high is None else max(self._high, high, key=_order)

    # ------------------------------------------------------------------ results

    def reduced(self, function: str, *, as_float: bool) -> Number | None:
        """`sum`, `avg`, `min` or `max`; of nothing the sum is 0, and the others are None.

        Args:
            function: Which.
            as_float: Give a double also of integers; a mean is always one.
        """
        match function:
            case "sum":
                return self._sum.result(as_float=as_float)
            case "avg":
                return self._sum.mean(self.count)
            case _:
                found = self._low if function == "min" else self._high
                return float(found) if as_float and found is not None else found

    def percentile(self, tenths: int) -> float | None:
        """A percentile, in tenths of a percent, always a double; None of nothing."""
        if not self.count:
            return None
        if not self._integers:
            return percentile_of(self._doubles, tenths)
        return percentile_of([*self._integers, *self._doubles] if self._doubles else self._integers, tenths)
