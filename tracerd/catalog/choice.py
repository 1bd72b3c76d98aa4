"""Which traces a person asked for, by what is known of each, and in which order."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from tracerd.catalog.columns import COLUMNS, TYPES, other_attributes
from tracerd.catalog.store import Described
from tracerd.query import where as forms
from tracerd.query.computation import Window
from tracerd.query.tree import Binary, Expr, Literal, Name
from tracerd.rows.attributes import TAGS
from tracerd.rows.table_values import at_path


@dataclass(frozen=True, slots=True)
class Choice:
    """Which traces are asked for: those for which all of this holds.

    Attributes:
        names: Patterns, of which one fits the name; none for any name, and so on.
        one_of: Columns, and the values of which each has one.
        tags: The tags that it has, all of them.
        errors: Whether it has an error.
        window: When it began: of the column `time`.
        where: An expression.
    """

    names: Sequence[str] = ()
    one_of: tuple[tuple[str, Sequence[str]], ...] = ()
    tags: Sequence[str] = ()
    errors: bool = False
    window: Window | None = None
    where: str | None = None

    def condition(self, source: str = "--where") -> Callable[[Described], bool]:
        """Whether a trace is asked for.

        Args:
            source: What errors call the expression.

        Raises:
            QueryError: The expression is wrong.
        """
        also: list[Expr] = [forms.matches("name", self.names)] if self.names else []
        also += [forms.is_one_of(column, values) for column, values in self.one_of if values]
        if self.errors:
            also.append(Binary(">", Name(("errors",)), Literal(0)))
        if self.window:
            also += forms.is_within("time", self.window.start, self.window.end)
        where, tags = forms.compile_where(self.where, "traces", TYPES, source=source, also=also), set(self.tags)
        columns = [COLUMNS[name].value for name in where.columns] if where else []

        def is_wanted(found: Described) -> bool:
            if tags:
                has = COLUMNS[TAGS].value(found)
                if not (isinstance(has, list) and tags.issubset(cast("list[object]", has))):
                    return False
            if where is None:
                return True
            args = other_attributes(found) if where.paths else None
            return where.passes(*[value(found) for value in columns], *[at_path(args, path) for path in where.paths])

        return is_wanted


def in_order(found: Iterable[Described], column: str, *, largest_first: bool) -> list[Described]:
    """In the order of a column; what is not known comes last."""
    value: Callable[[Described], Any] = COLUMNS[column].value
    every = list(found)
    known = [one for one in every if value(one) is not None]
    known.sort(key=value, reverse=largest_first)
    return known + [one for one in every if value(one) is None]
