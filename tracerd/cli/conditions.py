"""The options --where and --by: their texts to what readers take, and their errors, in one line, to exit code 2."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from tracerd.errors import QueryError
from tracerd.rows.levels import LEVELS

if TYPE_CHECKING:
    from tracerd.query.computation import Window
    from tracerd.query.single_events import EventTest
    from tracerd.query.tree import Expr
    from tracerd.query.where import Where
    from tracerd.rows.columns import Input


class _OptionError(click.ClickException):
    exit_code = 2


@contextmanager
def option_errors() -> Generator[None]:
    """A text that is wrong is misuse of its option."""
    try:
        yield
    except QueryError as error:
        raise _OptionError(str(error)) from None


def span_condition(where: str | None) -> "Where | None":
    """The condition of --where, on spans."""
    from tracerd.query.where import compile_where
    from tracerd.view.span_columns import TYPES

    with option_errors():
        return compile_where(where, "spans", TYPES)


def span_keys(by: str) -> "tuple[Input, ...]":
    """The columns of --by, of spans."""
    from tracerd.query.keys import parse_keys
    from tracerd.view.span_columns import TYPES

    with option_errors():
        return parse_keys(by, "spans", TYPES)


def inputs_of(keys: "tuple[Input, ...]", condition: "Where | None") -> "tuple[Input, ...]":
    """The columns and paths that keys and a condition take."""
    return keys if condition is None else (*keys, *condition.inputs)


def row_condition(
    where: str | None,
    names: Sequence[str],
    cats: Sequence[str],
    pids: Sequence[str],
    min_dur_s: float | None,
    level: str | None = None,
    *,
    is_played: bool = False,
    services: Sequence[str] = (),
    window: "Window | None" = None,
) -> "Where | None":
    """The condition of --where and the short options, on events; `is_played` if it is known how these nest."""
    if not any((names, cats, pids, services)) and all(it is None for it in (where, min_dur_s, level, window)):
        return None  # at once: to import what follows takes a while
    from tracerd.query import where as forms
    from tracerd.query.single_events import PLAYED_TYPES, TYPES

    also: list[Expr] = []
    if min_dur_s is not None:
        also.append(forms.takes_at_least(min_dur_s * 1e6))
    if pids:
        also.append(forms.is_of_process(pids))
    for column, patterns in (("name", names), ("cat", cats)):
        if patterns:
            also.append(forms.matches(column, patterns))
    if level is not None:
        also.append(forms.is_one_of("level", LEVELS[LEVELS.index(level) :]))
    if services:
        also.append(forms.is_one_of("service", services))
    if window is not None:
        also += forms.is_within(window.column, window.start, window.end)
    with option_errors():
        return forms.compile_where(where, "these events", PLAYED_TYPES if is_played else TYPES, also=also)


def event_test(condition: "Where | None") -> "EventTest | None":
    """The test of single events by `row_condition`."""
    from tracerd.query.single_events import EventTest

    return None if condition is None else EventTest(condition)
