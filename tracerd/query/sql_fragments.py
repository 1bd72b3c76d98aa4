"""Pieces of SQL: expressions, and the values that are made of them.

SQL is typed and the language is not, so a value is a record: for each kind that it may have one expression, which is
null when the value is of another kind. Kinds that a value cannot have are left out, so that what a tracker declares
makes its SQL short.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from tracerd.query.kinds import FLOAT, INT


class Sql(NamedTuple):
    """An expression of SQL.

    Attributes:
        text: The expression.
        level: How many steps lie between it and the table.
        steps: The steps that it names.
        is_atomic: Whether it needs no parentheses.
        is_name: Whether it is a column, a step or a constant, which may be repeated.
        is_logic: Whether it is made of AND and OR.
    """

    text: str
    level: int = 0
    steps: frozenset[str] = frozenset()
    is_atomic: bool = False
    is_name: bool = False
    is_logic: bool = False


def constant(text: str) -> Sql:
    """A constant, or a column."""
    return Sql(text, is_atomic=True, is_name=True)


TRUE: Final = constant("TRUE")
FALSE: Final = constant("FALSE")
NULL_SQL: Final = constant("NULL")


def sql(template: str, *parts: Sql) -> Sql:
    """An expression with others in the places `{}`; an expression of operators."""
    texts = [part.text if part.is_atomic else f"({part.text})" for part in parts]
    level = max((part.level for part in parts), default=0)
    return Sql(template.format(*texts), level, frozenset().union(*(part.steps for part in parts)))


def call(template: str, *parts: Sql) -> Sql:
    """An expression with others in the places `{}`; a call or a CASE, which needs no parentheses."""
    level = max((part.level for part in parts), default=0)
    steps = frozenset[str]().union(*(part.steps for part in parts))
    return Sql(template.format(*(part.text for part in parts)), level, steps, is_atomic=True)


def case(condition: Sql, then: Sql | None, otherwise: Sql | None = None) -> Sql:
    """`CASE`: one of two values, of which each may be null."""
    if then is None and otherwise is not None:
        return call("CASE WHEN NOT {} THEN {} END", _closed(condition), otherwise)
    if otherwise is None:
        return call("CASE WHEN {} THEN {} END", condition, then or NULL_SQL)
    return call("CASE WHEN {} THEN {} ELSE {} END", condition, then or NULL_SQL, otherwise)


def negated(condition: Sql) -> Sql:
    """A condition that is true if another is false."""
    return {TRUE: FALSE, FALSE: TRUE}.get(condition) or sql("NOT {}", condition)


def every(conditions: Iterable[Sql]) -> Sql:
    """True if all conditions are; none of them is null."""
    return _joined(conditions, " AND ", TRUE, FALSE)


def some(conditions: Iterable[Sql]) -> Sql:
    """True if one condition is; none of them is null."""
    return _joined(conditions, " OR ", FALSE, TRUE)


def coalesce(*parts: Sql) -> Sql:
    """The first that is not null."""
    return parts[0] if len(parts) == 1 else call(f"COALESCE({', '.join(['{}'] * len(parts))})", *parts)


def _joined(conditions: Iterable[Sql], operator: str, neutral: Sql, final: Sql) -> Sql:
    parts = [part for part in dict.fromkeys(conditions) if part != neutral]
    if final in parts:
        return final
    if len(parts) < 2:
        return parts[0] if parts else neutral
    closed = [_closed(part) if part.is_logic else part for part in parts]
    return call(operator.join(["{}"] * len(parts)), *closed)._replace(is_atomic=False, is_logic=True)


def _closed(part: Sql) -> Sql:
    return part if part.is_atomic else part._replace(text=f"({part.text})", is_atomic=True)


@dataclass(frozen=True, slots=True)
class Value:
    """A value, by its kind.

    Attributes:
        parts: For each kind that it may have an expression.
        is_nullable: Whether it may be null; then all parts are.
        is_loose: Whether it may be an integer in the log where there is a double here.
        small: What it is, if it is a constant between -2**53 and 2**53.
        null: Whether it is null, if that is shorter than to look at all parts.
    """

    parts: Mapping[int, Sql] = field(default_factory=dict[int, Sql])
    is_nullable: bool = True
    is_loose: bool = False
    small: float | None = None
    null: Sql | None = None

    def is_null(self) -> Sql:
        """Whether it is null."""
        if not self.is_nullable:
            return FALSE
        if self.null is not None:
            return self.null
        return every(sql("{} IS NULL", part) for part in self.parts.values())

    def is_not_null(self) -> Sql:
        """Whether it is anything else."""
        if not self.is_nullable:
            return TRUE
        if self.null is not None:
            return negated(self.null)
        return some(sql("{} IS NOT NULL", part) for part in self.parts.values())

    def has_number(self) -> bool:
        """Whether it may be a number."""
        return INT in self.parts or FLOAT in self.parts


class Steps:
    """Columns that are computed on the way, each in a subquery, so that nothing is written or computed twice."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, Sql]] = []
        self._known: dict[str, Sql] = {}

    def step(self, expression: Sql) -> Sql:
        """The name of an expression."""
        if expression.is_name:
            return expression
        if expression.text not in self._known:
            name = f"v{len(self._steps) + 1}"
            self._steps.append((name, expression))
            named = Sql(name, expression.level + 1, frozenset({name}), is_atomic=True, is_name=True)
            self._known[expression.text] = named
        return self._known[expression.text]

    def value(self, value: Value) -> Value:
        """The same value, of names alone."""
        parts = {kind: self.step(part) for kind, part in value.parts.items()}
        return replace(value, parts=parts)

    def source(self, table: str, used: Iterable[Sql]) -> str:
        """What stands after FROM: the table, inside of as many subqueries as the expressions need."""
        needed = frozenset[str]().union(*(part.steps for part in used))
        layers: dict[int, list[str]] = {}
        for name, expression in reversed(self._steps):
            if name in needed:
                needed |= expression.steps
                layers.setdefault(expression.level, []).insert(0, f"{expression.text} AS {name}")
        source = table
        for _, columns in sorted(layers.items()):
            listed = ",\n    ".join(columns)
            source = f"(SELECT *,\n    {listed}\n  FROM {source})"  # noqa: S608  names and texts are quoted
        return source
