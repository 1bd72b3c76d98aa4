"""`tracerd search`: log events that hold a text."""

import sys
from collections import deque
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd.cli.conditions import event_test, row_condition
from tracerd.cli.options import complete_trace, directory_option, moment, where_option
from tracerd.cli.printing import check_stdout, has_colours
from tracerd.cli.querying import window_of
from tracerd.cli.reading import reading_errors, sources_of
from tracerd.cli.warnings import warn_problem
from tracerd.rows.levels import LEVELS

if TYPE_CHECKING:
    from tracerd.rows.moment import Moment
    from tracerd.rows.source import Source
    from tracerd.view.search import Search


@click.command()
@click.argument("text")
@click.argument("traces", nargs=-1, metavar="[TRACE]...", shell_complete=complete_trace)
@directory_option
@click.option("-i", "--ignore-case", is_flag=True, help="Find small letters as large ones, and the other way round.")
@click.option("--level", type=click.Choice(LEVELS), help="Only log events of this level or a more serious one.")
@click.option("--service", "services", multiple=True, metavar="S", help="Only of this service; may be repeated.")
@click.option("--from", "start", type=moment, metavar="T", help="Only events from T on, see below.")
@click.option("--to", "end", type=moment, metavar="T", help="Only events before T.")
@where_option("events")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Print only the last N.")
@click.option("--all-events", is_flag=True, help="Search all events, and not only those of logs.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per event and line.")
@click.pass_context
def search(
    ctx: click.Context,
    text: str,
    traces: tuple[str, ...],
    directory: Path,
    ignore_case: bool,
    level: str | None,
    services: tuple[str, ...],
    start: "Moment | None",
    end: "Moment | None",
    where: str | None,
    limit: int | None,
    all_events: bool,
    as_json: bool,
) -> None:
    """Print the log events that hold a text, as `tail` prints them.

    TEXT is looked for in the message, and in each value in args; an empty TEXT is in all of them.
    TRACE is a path, a file name, a trace id, an unambiguous prefix of one, `latest`, or `-` for stdin.
    Without TRACE, search all traces of the directory, the one that was written last at the end.
    T is a time such as 2026-11-26T21:24:00Z, a time before now such as -5m, or a ts in microseconds.

    Exit 1 if nothing is found.
    """
    from tracerd.rows.text_search import TextSearch
    from tracerd.view.search import Search

    check_stdout()
    try:
        text.encode()
    except UnicodeEncodeError:
        raise click.UsageError("TEXT is not UTF-8") from None
    needle = TextSearch(text, ignores_case=ignore_case, only_logs=not all_events)
    window = window_of(start, end)
    test = event_test(row_condition(where, (), (), (), None, level, services=services, window=window))

    of = partial(Search, text=needle, test=test, as_json=as_json, with_trace=len(traces) != 1, colour=has_colours())
    sources = sources_of(directory.absolute(), traces)
    found = chain.from_iterable(_found(source, of(source.trace_id), bool(traces)) for source in sources)
    if limit is not None:
        last: list[bytes] = []
        for source in reversed([*sources]):
            last[:0] = deque(_found(source, of(source.trace_id), bool(traces)), limit - len(last))
            if len(last) == limit:
                break
        found = chain(last)
    is_found = False
    for line in found:
        is_found = True
        sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
    if not is_found:
        ctx.exit(1)


def _found(source: "Source", search: "Search", is_named: bool) -> Iterator[bytes]:
    """What is found in one trace."""
    with reading_errors(is_named):
        snapshot = source.snapshot()
        if search.needs_others:
            source.keep()
            search.learn(source.blocks(snapshot))
        yield from search.found(source.blocks(snapshot))
    warn_problem(source)
