"""What operators mean, for values whose kinds are known only when they come.

Nothing here raises. Arithmetic without a result is null: of what is no number, by zero, beyond 64 bits or a double.
"""

import math
import operator
import sys
from collections.abc import Callable, Mapping
from typing import Final, TypeGuard, cast

from tracerd.query.kinds import MAX_INT, MIN_INT, Number

LARGEST: Final = sys.float_info.max
LOWEST: Final = -LARGEST
"""Between these is every result that is a double; infinity and what is no number are not."""


def _is_number(value: object) -> TypeGuard[int | float]:
    return value.__class__ is int or value.__class__ is float


def _result(compute: Callable[[Number, Number], Number], a: object, b: object) -> Number | None:
    if not _is_number(a) or not _is_number(b):
        return None
    try:
        value = compute(a, b)
    except (ZeroDivisionError, OverflowError, ValueError):  # an integer of a log may be beyond a double
        return None
    if value.__class__ is int:
        return value if MIN_INT <= value <= MAX_INT else None
    return value if LOWEST <= value <= LARGEST else None


def add(a: object, b: object) -> Number | None:
    """`a + b`."""
    return _result(operator.add, a, b)


def subtract(a: object, b: object) -> Number | None:
    """`a - b`."""
    return _result(operator.sub, a, b)


def multiply(a: object, b: object) -> Number | None:
    """`a * b`."""
    return _result(operator.mul, a, b)


def divide(a: object, b: object) -> Number | None:
    """`a / b`, a double also of integers."""
    return _result(_quotient, a, b)


def _quotient(a: Number, b: Number) -> Number:
    return a / b


def remainder(a: object, b: object) -> Number | None:
    """`a % b`, with the sign of `a`."""
    return _result(_remainder, a, b)


def _remainder(a: Number, b: Number) -> Number:
    if isinstance(a, int) and isinstance(b, int):
        rest = abs(a) % abs(b)
        return -rest if a < 0 else rest
    return math.fmod(a, b)


def negate(a: object) -> Number | None:
    """`-a`."""
    return _result(operator.sub, 0, a)


def equal(a: object, b: object) -> bool:
    """`a == b`: null equals null, numbers compare as numbers, true is no number; objects compare key by key."""
    if a.__class__ is not b.__class__:
        return _is_number(a) and _is_number(b) and a == b
    try:
        if isinstance(a, dict):
            return _equal_objects(cast("dict[str, object]", a), cast("dict[str, object]", b))
        if isinstance(a, list):
            return _equal_arrays(cast("list[object]", a), cast("list[object]", b))
    except RecursionError:  # deeper than anything that a person compares
        return False
    return a == b


def _equal_objects(a: dict[str, object], b: dict[str, object]) -> bool:
    return a.keys() == b.keys() and all(equal(value, b[key]) for key, value in a.items())


def _equal_arrays(a: list[object], b: list[object]) -> bool:
    return len(a) == len(b) and all(map(equal, a, b))


def less(a: object, b: object) -> bool:
    """`a < b`: of two numbers, or of two texts by code points; else false."""
    if _is_number(a) and _is_number(b):
        return a < b
    return isinstance(a, str) and isinstance(b, str) and a < b


def at_most(a: object, b: object) -> bool:
    """`a <= b`, as `less`."""
    if _is_number(a) and _is_number(b):
        return a <= b
    return isinstance(a, str) and isinstance(b, str) and a <= b


def truth(value: object) -> bool:
    """A condition: a bool is itself, and of anything else whether it is not null."""
    return value if isinstance(value, bool) else value is not None


ARITHMETIC: Final[Mapping[str, Callable[[object, object], Number | None]]] = {
    "+": add, "-": subtract, "*": multiply, "/": divide, "%": remainder,
}  # fmt: skip
