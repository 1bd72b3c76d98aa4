"""`tracerd diff`: the figures of two traces side by side."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from tracerd.cli.conditions import inputs_of, span_condition, span_keys
from tracerd.cli.options import (
    BY_NAME,
    by_option,
    complete_trace,
    directory_option,
    span_duration,
    top_option,
    where_option,
)
from tracerd.cli.printing import print_json, print_lines
from tracerd.cli.reading import Read, read_trace
from tracerd.text import printable

if TYPE_CHECKING:
    from tracerd.builds.steps import Build
    from tracerd.query.where import Where
    from tracerd.view.build_diff import BuildDiff
    from tracerd.view.diff import Comparison, Grown, Side
    from tracerd.view.groups import By

_PERCENT = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*%?", re.ASCII)


def percent(value: str) -> float:
    """A type for options: `10%`; as a part of 1."""
    match = _PERCENT.fullmatch(value.strip())
    if match is None:
        raise click.BadParameter(f"{printable(value)!r} is no percentage: write a number and %, such as 10%")
    return float(match[1]) / 100


@click.command()
@click.argument("a", shell_complete=complete_trace)
@click.argument("b", shell_complete=complete_trace)
@directory_option
@by_option
@where_option("spans")
@top_option
@click.option(
    "--fail-over",
    type=percent,
    metavar="PERCENT",
    help="Exit 1 if the trace, or the total of a name, is longer in B by more than PERCENT, such as 10%.",
)
@click.option(
    "--min-total",
    type=span_duration,
    default="0",
    metavar="D",
    help="For --fail-over, ignore totals below D, such as 5ms.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with all rows unless --top is given.")
@click.pass_context
def diff(
    ctx: click.Context,
    a: str,
    b: str,
    directory: Path,
    by: str | None,
    where: str | None,
    top: int | None,
    fail_over: float | None,
    min_total: float,
    as_json: bool,
) -> None:
    """Compare the statistics of two traces: A is before, B is after.

    Of two builds that `tracerd exec` has recorded it is their steps, by name; --by or --where asks for spans.

    A and B are a path, a file name, a trace id, an unambiguous prefix of one, `latest`, or `-` for stdin.
    """
    keys, condition = span_keys(by or BY_NAME), span_condition(where)
    may_be_build = by is None and where is None
    inputs = inputs_of(keys, condition)
    before, after = (
        _side(read_trace(directory, name, inputs, may_be_build=may_be_build), keys, condition) for name in (a, b)
    )
    least = round(min_total * 1e9)
    found = _compared(before, after, keys)
    over = [] if fail_over is None else found.grown(fail_over, least)
    ids = before.trace_id, after.trace_id
    (_print_json if as_json else _print)(found, ids, top, fail_over, over)
    if over:
        ctx.exit(1)


class _Side(NamedTuple):
    """A trace, of whose spans no more is kept than the figures: then there is room for the other."""

    trace_id: str
    spans: "Side"
    build: "Build | None"


def _side(read: Read, keys: "By", condition: "Where | None") -> _Side:
    from tracerd.view.chosen import choose
    from tracerd.view.diff import Side

    return _Side(read.trace_id, Side(choose(read.recording, condition), keys), read.build)


def _compared(a: _Side, b: _Side, keys: "By") -> "BuildDiff | Comparison":
    from tracerd.builds.summary import summarize
    from tracerd.view.build_diff import BuildDiff
    from tracerd.view.diff import Comparison

    if a.build and b.build:
        return BuildDiff(summarize(a.build), summarize(b.build))
    return Comparison(a.spans, b.spans, keys)


def _print_json(
    found: "BuildDiff | Comparison", ids: tuple[str, str], top: int | None, fail_over: float | None, over: "list[Grown]"
) -> None:
    from tracerd.view.diff import rounded

    grown = [{"name": one.name, "change": rounded(one.change)} for one in over]
    print_json(found.as_json(ids, top) | {"fail_over": fail_over, "over": grown})


def _print(
    found: "BuildDiff | Comparison", ids: tuple[str, str], top: int | None, fail_over: float | None, over: "list[Grown]"
) -> None:
    from tracerd.view.stats import SHOWN

    print_lines(found.as_text(ids, top or SHOWN))
    if fail_over is not None:
        click.echo()
        for one in over:
            click.secho(f"over {100 * fail_over:g}%: {printable(one.name)} {100 * one.change:+,.1f}%", fg="red")
        if not over:
            click.echo(f"nothing has grown by more than {100 * fail_over:g}%")
