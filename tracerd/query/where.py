"""Which rows a person asked for: `--where EXPR`, and the short options as forms of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tracerd.query.grammar import parse_expression
from tracerd.query.lexer import Text
from tracerd.query.program import Code
from tracerd.query.scope import Columns
from tracerd.query.tree import Binary, Expr, Literal, Logic, Name
from tracerd.rows.columns import Input


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on rows.

    Attributes:
        columns: The columns that it reads.
        paths: The values in args that it reads, each as the keys of a `tree.Args`.
        passes: Takes the values of these columns, then of these paths, one argument each, and returns whether the row
            passes. It raises nothing, whatever the values are.
    """

    columns: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...]
    passes: Callable[..., bool]

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What `passes` takes."""
        return *self.columns, *self.paths


def compile_where(
    text: str | None, relation: str, types: Mapping[str, str], *, source: str = "--where", also: Sequence[Expr] = ()
) -> Where | None:
    """The condition that a text is.

    Args:
        text: An expression; None for none.
        relation: What the rows are called.
        types: The columns that they have, and the type of each: `text`, `int`, `float`, `bool`, `json`, `int or text`.
        source: What the text is called in an error.
        also: More conditions that must hold.

    Returns:
        None if there is no condition at all.

    Raises:
        QueryError: The text is no expression, or names a column that is not there.
    """
    whole = Text(text or "", source)
    conditions = [*also, *([] if text is None else [parse_expression(whole)])]
    if not conditions:
        return None
    code = Code(Columns(relation, types, whole).resolve)
    passes = code.condition(all_of(conditions))
    inputs = sorted(code.inputs, key=lambda what: isinstance(what, tuple))
    run = code.compiled([code.inputs[what] for what in inputs], [*code.lines, f"        return {passes}"])
    columns = tuple(what for what in inputs if isinstance(what, str))
    paths = tuple(what for what in inputs if isinstance(what, tuple))
    return Where(columns, paths, run)


# ------------------------------------------------------------------ the short options


def all_of(conditions: Sequence[Expr]) -> Expr:
    """That each of these holds."""
    return conditions[0] if len(conditions) == 1 else Logic("&&", tuple(conditions))


def any_of(conditions: Sequence[Expr]) -> Expr:
    """That one of these holds."""
    return conditions[0] if len(conditions) == 1 else Logic("||", tuple(conditions))


def matches(column: str, patterns: Sequence[str]) -> Expr:
    """That one of these patterns fits a column."""
    return any_of([Binary("~", Name((column,)), Literal(pattern)) for pattern in patterns])


def is_of_process(pids: Sequence[str]) -> Expr:
    """`--pid`: one of these is the pid, be it a number or a text."""
    values: list[int | str] = [*pids]
    values += [int(pid) for pid in pids if len(pid) < 20 and pid.isascii() and pid.isdigit() and str(int(pid)) == pid]
    return any_of([Binary("==", Name(("pid",)), Literal(value)) for value in values])


def takes_at_least(dur_us: float) -> Expr:
    """`--min-dur`: the duration is known, and no shorter."""
    return Binary(">=", Name(("dur_us",)), Literal(dur_us))


def is_one_of(column: str, values: Sequence[str]) -> Expr:
    """That a column has one of these values."""
    return any_of([Binary("==", Name((column,)), Literal(value)) for value in values])


def is_within(column: str, start: float | None, end: float | None) -> list[Expr]:
    """That a time lies in `[start, end)`; None is no bound."""
    bounds = ((">=", start), ("<", end))
    return [Binary(operator, Name((column,)), Literal(bound)) for operator, bound in bounds if bound is not None]
