"""Kinds of values: what an expression may give, as bits, so that the program can choose the shortest code."""

from typing import Final

NULL: Final = 1
BOOL: Final = 2
INT: Final = 4
FLOAT: Final = 8
TEXT: Final = 16
JSON: Final = 32
"""An object or an array."""

NUMBER: Final = INT | FLOAT
ANY: Final = NULL | BOOL | NUMBER | TEXT | JSON

MIN_INT: Final = -(2**63)
MAX_INT: Final = 2**63 - 1
"""Between these is every integer of the language; a log may hold others."""

SMALL: Final = 2**53
"""An integer up to here is a double, too."""

Number = int | float


def kind_of(value: object) -> int:
    """The kind of a value."""
    if value is None:
        return NULL
    return _KINDS.get(type(value), JSON)


_KINDS: Final[dict[type, int]] = {bool: BOOL, int: INT, float: FLOAT, str: TEXT}
