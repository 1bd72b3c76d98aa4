"""`tracerd stats`: the figures of a trace."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd.cli.conditions import inputs_of, span_condition, span_keys
from tracerd.cli.options import BY_NAME, by_option, directory_option, top_option, trace_argument, where_option
from tracerd.cli.printing import can_print, print_json, print_lines
from tracerd.cli.reading import Read, read_trace

if TYPE_CHECKING:
    from tracerd.builds.steps import Build


@click.command()
@trace_argument
@directory_option
@by_option
@where_option("spans")
@top_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with all rows unless --top is given.")
def stats(trace: str, directory: Path, by: str | None, where: str | None, top: int | None, as_json: bool) -> None:
    """Count and measure the spans of a trace, and how much ran at once.

    Of a build that `tracerd exec` has recorded it is the steps, by program and by name; --by or --where asks for spans.

    TRACE is a path, a file name, a trace id, an unambiguous prefix of one, `latest`, or `-` for stdin.
    """
    from tracerd.view.chosen import choose
    from tracerd.view.stats import ASCII_BARS, BARS, SHOWN, Stats

    keys, condition = span_keys(by or BY_NAME), span_condition(where)
    inputs = inputs_of(keys, condition)
    read = read_trace(directory, trace, inputs, may_be_build=by is None and where is None)
    bars = BARS if can_print(BARS) else ASCII_BARS
    if read.build:
        _print_build(read, read.build, top, bars, as_json=as_json)
        return
    found = Stats(choose(read.recording, condition), keys)
    if as_json:
        print_json(found.as_json(read.trace_id, top))
    else:
        print_lines(found.as_text(read.trace_id, top or SHOWN, bars))


def _print_build(read: Read, build: "Build", top: int | None, bars: str, *, as_json: bool) -> None:
    """The steps, and the spans that processes have written by themselves."""
    from tracerd.builds.summary import summarize
    from tracerd.view import build_stats
    from tracerd.view.chosen import without_steps
    from tracerd.view.stats import SHOWN, Stats

    summary = summarize(build)
    others = without_steps(read.recording, build)
    spans = Stats(others, span_keys(BY_NAME)) if others.tracks else None
    if as_json:
        found = build_stats.as_json(summary, read.trace_id, top)
        found["spans"] = spans.groups_json(top) if spans else []
        print_json(found)
        return
    print_lines(build_stats.as_text(summary, read.trace_id, top or SHOWN, bars))
    if spans:
        click.echo()
        print_lines(spans.group_table(top or SHOWN))
