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


def kind_of(value: object) -> int:
    """The kind of a value."""
    if value is None:
        return NULL
    return _KINDS.get(type(value), JSON)


_KINDS: Final[dict[type, int]] = {bool: BOOL, int: INT, float: FLOAT, str: TEXT}
