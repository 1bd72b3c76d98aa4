"""What an expression is, once it has been read. Trees are equal if they mean the same, wherever they stand."""

from dataclasses import dataclass, field
from typing import Final, assert_never

At = int
"""Where in the text something begins, as an index."""

Value = None | bool | int | float | str

ARITHMETIC: Final = ("+", "-", "*", "/", "%")
ORDER: Final = ("<", "<=", ">", ">=")
EQUALITY: Final = ("==", "!=", "~")
MIRRORED: Final = {">": "<", ">=": "<="}
"""`a > b` is `b < a`."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A number within 64 bits or a finite double, a string, `true`, `false` or `null`."""

    value: Value
    at: At = field(default=0, compare=False)

    def __eq__(self, other: object) -> bool:
        """1, 1.0 and true are not the same."""
        return isinstance(other, Literal) and (type(self.value), self.value) == (type(other.value), other.value)

    def __hash__(self) -> int:
        """As equality."""
        return hash((type(self.value), self.value))


@dataclass(frozen=True, slots=True)
class Name:
    """A column, a field or a derived value, or a part of a group such as `event.id`."""

    parts: tuple[str, ...]
    at: At = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Args:
    """A value in the args of an event.

    Attributes:
        path: One key; or several, which are first joined by dots and then followed one by one.
        at: Where it stands.
    """

    path: tuple[str, ...]
    at: At = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x` or `!x`."""

    operator: str
    operand: "Expr"
    at: At = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator of ARITHMETIC, ORDER or EQUALITY between two values."""

    operator: str
    left: "Expr"
    right: "Expr"
    at: At = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Logic:
    """`a && b && c` or `a || b || c`: two operands or more."""

    operator: str
    operands: tuple["Expr", ...]
    at: At = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class If:
    """`if condition then a else b`; without `else` it is null."""

    condition: "Expr"
    then: "Expr"
    otherwise: "Expr | None"
    at: At = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Signal:
    """`signal("type", payload)`: what an alert is."""

    type: str
    payload: "Expr | None"
    at: At = field(default=0, compare=False)


Expr = Literal | Name | Args | Unary | Binary | Logic | If | Signal


def children(node: Expr) -> tuple[Expr, ...]:
    """The parts of an expression, in the order of the text."""
    match node:
        case Unary():
            return (node.operand,)
        case Binary():
            return (node.left, node.right)
        case Logic():
            return node.operands
        case If():
            return tuple(part for part in (node.condition, node.then, node.otherwise) if part is not None)
        case Signal():
            return () if node.payload is None else (node.payload,)
        case Literal() | Name() | Args():
            return ()
        case _:
            assert_never(node)
