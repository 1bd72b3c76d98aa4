"""Expressions to SQL, with the meaning that `program.py` gives them.

Nothing in this SQL raises: integers are computed with 128 bits and looked at afterwards, and divisors that are 0 are
null. What an engine cannot say exactly is an error.
"""

from collections.abc import Callable
from typing import Final, assert_never

from tracerd.errors import QueryError
from tracerd.query.kinds import BOOL, FLOAT, INT, JSON, MIN_INT, SMALL, TEXT
from tracerd.query.lexer import Text
from tracerd.query.sql_dialects import Dialect
from tracerd.query.sql_fragments import (
    FALSE,
    TRUE,
    Sql,
    Steps,
    Value,
    call,
    case,
    coalesce,
    constant,
    every,
    negated,
    some,
    sql,
)
from tracerd.query.sql_patterns import regex_of
from tracerd.query.tree import ARITHMETIC, MIRRORED, Args, At, Binary, Expr, If, Literal, Logic, Name, Signal, Unary

NOTHING: Final = Value()
"""Null."""

_SHORT: Final = 2**31


class SqlCode:
    """Expressions of one SELECT: what is computed on the way goes to the steps, and faults have places in the text."""

    def __init__(self, dialect: Dialect, steps: Steps, resolve: Callable[[Name], Value], text: Text) -> None:
        self._dialect = dialect
        self._steps = steps
        self._resolve = resolve
        self._text = text
        self._paths: dict[tuple[str, ...], Value] = {}

    def error(self, at: At, message: str) -> QueryError:
        """An error at its place."""
        return self._text.error(at, message)

    # ------------------------------------------------------------------ values

    def value(self, node: Expr) -> Value:
        """The value of an expression.

        Raises:
            QueryError: The engine cannot say it.
        """
        match node:
            case Literal():
                return self.literal(node.value)
            case Name():
                return self._resolve(node)
            case Args():
                return self.path(node.path)
            case Unary(operator="-"):
                return self._arithmetic(
                    "-", Value({INT: constant("0")}, False, small=0), self._named(node.operand), node.at
                )
            case Binary() if node.operator in ARITHMETIC:
                return self._arithmetic(node.operator, self._named(node.left), self._named(node.right), node.at)
            case Binary() | Logic() | Unary():
                return Value({BOOL: self.condition(node)}, is_nullable=False)
            case If():
                return self._if(node)
            case Signal():
                raise self.error(node.at, "a signal is for alerts, which SQL has not")
            case _:
                assert_never(node)

    def literal(self, value: bool | int | float | str | None) -> Value:
        """A constant."""
        if value is None:
            return NOTHING
        if isinstance(value, bool):
            return Value({BOOL: TRUE if value else FALSE}, is_nullable=False)
        if isinstance(value, str):
            return Value({TEXT: self._dialect.text(value)}, is_nullable=False)
        small = float(value) if abs(value) < SMALL else None
        if isinstance(value, float):
            digits = repr(value)
            return Value({FLOAT: constant(digits if "e" in digits else f"{digits}e0")}, is_nullable=False, small=small)
        whole = constant(str(value)) if abs(value) < _SHORT else self._long(value)
        return Value({INT: whole}, is_nullable=False, small=small)

    def _long(self, value: int) -> Sql:
        """The least of all is no literal: it would be minus of one beyond 64 bits."""
        digits = f"{value}" if value > MIN_INT else f"{value + 1} - 1"
        return constant(f"CAST({digits} AS {self._dialect.int_type})")

    def path(self, path: tuple[str, ...]) -> Value:
        """A value in args."""
        if path not in self._paths:
            found = self._dialect.at_path(constant('"args"'), path, self._steps.step)
            self._paths[path] = self._steps.value(found)
        return self._paths[path]

    def double(self, value: Value) -> Sql:
        """A number as a double; null if it is none."""
        parts = [value.parts[FLOAT]] if FLOAT in value.parts else []
        if INT in value.parts:
            parts.append(self._as_double(value.parts[INT], value.small))
        return coalesce(*parts)

    def _as_double(self, part: Sql, small: float | None = None) -> Sql:
        return (
            constant(f"{small!r}e0") if small is not None else call(f"CAST({{}} AS {self._dialect.float_type})", part)
        )

    def _named(self, node: Expr) -> Value:
        return self._steps.value(self.value(node))

    # ------------------------------------------------------------------ arithmetic

    def _arithmetic(self, operator: str, a: Value, b: Value, at: At) -> Value:
        if not (a.has_number() and b.has_number()):
            return NOTHING
        parts: dict[int, Sql] = {}
        is_float = FLOAT in a.parts or FLOAT in b.parts
        if operator == "/":
            parts[FLOAT] = self._quotient(a, b)
        elif is_float:
            parts[FLOAT] = self._of_doubles(operator, a, b, at)
        if operator != "/" and INT in a.parts and INT in b.parts:
            left, right = (call(self._dialect.wide, value.parts[INT]) for value in (a, b))
            right = self._divisor(right, b) if operator == "%" else right
            parts[INT] = call(self._dialect.narrow, sql(f"{{}} {operator} {{}}", left, right))
        is_loose = operator != "/" and (a.is_loose or b.is_loose)
        return self._steps.value(Value(parts, is_nullable=True, is_loose=is_loose))

    def _quotient(self, a: Value, b: Value) -> Sql:
        result = sql("{} / {}", self.double(a), self._divisor(self.double(b), b))
        return result if b.small is not None and abs(b.small) >= 1 else self._finite(result)

    def _of_doubles(self, operator: str, a: Value, b: Value, at: At) -> Sql:
        left, right = self.double(a), self.double(b)
        if operator == "%":
            if self._dialect.remainder is None:
                hint = "declare both sides as int in fields"
                raise self.error(at, f"{self._dialect.name} has no exact % of floats: {hint}")
            result = sql(self._dialect.remainder, left, self._divisor(right, b))
        else:
            result = self._finite(sql(f"{{}} {operator} {{}}", left, right))
        if INT not in a.parts or INT not in b.parts:
            return result
        integers = every([sql("{} IS NOT NULL", value.parts[INT]) for value in (a, b)])
        return case(negated(integers), result)

    def _divisor(self, part: Sql, value: Value) -> Sql:
        return part if value.small else call("nullif({}, 0)", part)

    def _finite(self, result: Sql) -> Sql:
        result = self._steps.step(result)
        return case(call(self._dialect.finite, result), result)

    def _if(self, node: If) -> Value:
        condition = self._steps.step(self.condition(node.condition))
        then, otherwise = self.value(node.then), self.value(node.otherwise or Literal(None))
        parts = {
            kind: case(condition, then.parts.get(kind), otherwise.parts.get(kind))
            for kind in sorted(then.parts.keys() | otherwise.parts.keys())
        }
        is_nullable = then.is_nullable or otherwise.is_nullable
        return Value(parts, is_nullable, then.is_loose or otherwise.is_loose)

    # ------------------------------------------------------------------ conditions

    def condition(self, node: Expr) -> Sql:
        """Whether an expression is true: never null.

        Raises:
            QueryError: The engine cannot say it.
        """
        match node:
            case Unary(operator="!"):
                return negated(self.condition(node.operand))
            case Logic():
                return (every if node.operator == "&&" else some)([self.condition(part) for part in node.operands])
            case Binary() if node.operator not in ARITHMETIC:
                left, right = self._named(node.left), self._named(node.right)
                if node.operator == "~":
                    return self._match(left, str(node.right.value) if isinstance(node.right, Literal) else "")
                if node.operator in ("==", "!="):
                    equal = self._equal(left, right, node.at)
                    return equal if node.operator == "==" else negated(equal)
                if node.operator in MIRRORED:
                    left, right = right, left
                operator = MIRRORED.get(node.operator, node.operator)
                return some([*self._numbers(operator, left, right), *self._same(operator, left, right, (TEXT,))])
            case _:
                return self._truth(self.value(node))

    def _truth(self, value: Value) -> Sql:
        if BOOL not in value.parts:
            return value.is_not_null()
        if len(value.parts) == 1:
            return self._known(value.parts[BOOL], value)
        others = Value({kind: part for kind, part in value.parts.items() if kind != BOOL})
        return coalesce(value.parts[BOOL], others.is_not_null())

    def _match(self, value: Value, pattern: str) -> Sql:
        if TEXT not in value.parts:
            return FALSE
        return self._known(call(self._dialect.match, value.parts[TEXT], self._dialect.text(regex_of(pattern))), value)

    def _equal(self, a: Value, b: Value, at: At) -> Sql:
        if JSON in a.parts and JSON in b.parts:
            raise self.error(at, "objects are not compared in SQL: declare the type of one side in fields")
        if not a.parts or not b.parts:
            return (b if not a.parts else a).is_null()
        found = [*self._numbers("=", a, b), *self._same("=", a, b, (BOOL, TEXT))]
        return some([*found, every([a.is_null(), b.is_null()])])

    def _same(self, operator: str, a: Value, b: Value, kinds: tuple[int, ...]) -> list[Sql]:
        return [
            self._known(sql(f"{{}} {operator} {{}}", a.parts[kind], b.parts[kind]), a, b)
            for kind in kinds
            if kind in a.parts and kind in b.parts
        ]

    def _numbers(self, operator: str, a: Value, b: Value) -> list[Sql]:
        """Comparisons of numbers; a double is compared with an integer as it is, not rounded."""
        if not (a.has_number() and b.has_number()):
            return []
        is_mixed = FLOAT in a.parts or FLOAT in b.parts
        if is_mixed and (a.small is not None or b.small is not None):  # rounding to a double keeps this order
            return [self._known(sql(f"{{}} {operator} {{}}", self.double(a), self.double(b)), a, b)]
        found: list[Sql] = self._same(operator, a, b, (INT, FLOAT))
        for first, second in ((INT, FLOAT), (FLOAT, INT)):
            if first in a.parts and second in b.parts:
                mixed = self._dialect.mixed_order(operator, a.parts[first], b.parts[second], is_int_first=first == INT)
                found.append(self._known(mixed))
        return found

    def _known(self, comparison: Sql, *values: Value) -> Sql:
        """False where a side is null, or of another kind."""
        is_sure = values and all(not value.is_nullable and len(value.parts) == 1 for value in values)
        return comparison if is_sure else call(self._dialect.known, comparison)
