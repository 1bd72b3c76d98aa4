"""The values of a group, and what is asked of them.

Strategy: the loop over the rows only appends, which costs a tenth of what a method in Python does. Now and then what
was appended is folded: into a sum, a minimum and a maximum, and if a percentile is asked for into arrays of numbers.
"""

from array import array
from itertools import chain
from typing import Final

from tracerd.query.aggregate import Number, Sum, percentile

_INTEGERS: Final = {bool, int}
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


class Values:
    """The values of one expression in one group.

    Args:
        keeps: Whether a percentile is asked for, so that each value must be kept.

    Attributes:
        pending: What was appended and not folded yet; whatever is no number is left out then.
        count: How many numbers there are.
    """

    __slots__ = ("_doubles", "_high", "_integers", "_keeps", "_low", "_sum", "count", "pending")

    def __init__(self, *, keeps: bool) -> None:
        self.pending: list[object] = []
        self.count = 0
        self._keeps = keeps
        self._sum = Sum()
        self._low: Number | None = None
        self._high: Number | None = None
        self._integers = array("q")
        self._doubles = array("d")

    def fold(self) -> None:
        """Take in what was appended."""
        kinds = set(map(type, self.pending))
        integers = [int(value) for value in self.pending if isinstance(value, int)] if kinds & _INTEGERS else []
        doubles: list[float] = []
        if float in kinds:
            doubles = [value for value in self.pending if isinstance(value, float)]
        self.pending.clear()
        if integers and not _MIN_INT <= min(integers) <= max(integers) <= _MAX_INT:
            beyond = (_as_double(value) for value in integers if not _MIN_INT <= value <= _MAX_INT)
            doubles += [value for value in beyond if value is not None]
            integers = [value for value in integers if _MIN_INT <= value <= _MAX_INT]
        self.count += len(integers) + len(doubles)
        self._sum.add_integers(integers)
        self._sum.add_doubles(doubles)
        if integers:
            self._reach(min(integers), max(integers))
        if doubles:
            self._reach(min(doubles), max(doubles))
        if self._keeps:
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
        return percentile(sorted(chain(self._integers, self._doubles)), tenths)
