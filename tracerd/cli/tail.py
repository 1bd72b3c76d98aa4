"""`tracerd tail`: events as they arrive, a line each."""

import contextlib
import select
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd.cli.conditions import event_test, row_condition
from tracerd.cli.options import complete_trace, directory_option, span_duration, where_option
from tracerd.cli.printing import check_stdout, has_colours
from tracerd.cli.warnings import warn_problem
from tracerd.errors import NoSuchTraceError, ViewError
from tracerd.rows.levels import LEVELS
from tracerd.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracerd.query.single_events import EventTest
    from tracerd.rows.follow import Growing, Live
    from tracerd.rows.source import Source
    from tracerd.view.tail import Output

POLL_MS = 100
"""How often a log that does not grow is read again."""


@click.command()
@click.argument("trace", required=False, shell_complete=complete_trace)
@directory_option
@click.option("-f", "--follow", is_flag=True, help="Go on with events as they arrive, until Ctrl-C.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    metavar="N",
    help="Begin with the last N matching events.",
)
@click.option("--name", "names", multiple=True, metavar="GLOB", help="Only events whose name matches; may be repeated.")
@click.option("--pid", "pids", multiple=True, metavar="N", help="Only events of this process; may be repeated.")
@click.option("--level", type=click.Choice(LEVELS), help="Only log events of this level or a more serious one.")
@click.option("--min-dur", type=span_duration, metavar="D", help="Only events that took D or longer, such as 5ms.")
@where_option("events")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per event and line.")
def tail(
    trace: str | None,
    directory: Path,
    follow: bool,
    lines: int,
    names: tuple[str, ...],
    pids: tuple[str, ...],
    level: str | None,
    min_dur: float | None,
    where: str | None,
    as_json: bool,
) -> None:
    """Print the last events of a trace, and with -f new ones as they arrive.

    TRACE is a path, a file name, a trace id, an unambiguous prefix of one, `latest`, or `-` for stdin.
    With -f it may be a trace that does not exist yet.
    Without TRACE, begin with the trace that was written last, and go on with all traces, including new ones.

    An event with a duration is printed when it is over, with the time at which it began. With -f, what runs for a
    second is also printed while it runs, if its begin is in the log.
    """
    from tracerd.rows.follow import Live
    from tracerd.view.tail import Output

    check_stdout()
    test = event_test(row_condition(where, names, (), pids, min_dur, level))
    output = Output(test, as_json=as_json, with_trace=trace is None, colour=has_colours(), warn=_warn_fault)
    directory = directory.absolute()
    source, path = _find(directory, trace, follow)
    if source and (source.log is None or source.log.packed_size):
        if follow and source.log is None:
            raise ViewError(f"{source.trace_id} is no log, and nothing is added to it: leave out -f")
        _print_last(source, output, lines, test)
        if follow:
            _print_logs(None, Live(directory, path, at_end=True), output, 0, follow=True)
    else:
        _print_logs(source, Live(directory, path), output, lines, follow=follow)
    if source and not follow and lines and not output.printed:
        what = "no events" if test is None else "no event that passes"
        raise ViewError(f"the trace {source.trace_id} has {what}")


def _print_logs(source: "Source | None", live: "Live", output: "Output", count: int, *, follow: bool) -> None:
    """Print the last events of a log, if there is one, and go on with those that arrive."""
    from tracerd.rows.follow import Growing

    with contextlib.suppress(KeyboardInterrupt), contextlib.closing(live):
        if source and source.log:
            first = Growing(source.log.path, source.trace_id, 0)
            live.follow(first)
            first.start_at_last(count, *output.test_from_end(first))
            if follow:
                sys.stdout.buffer.write(output.begun_in(first, first.blocks_before(first.size())))
            _print(output, live.poll())
        if follow:
            _follow(live, output)


def _find(directory: Path, trace: str | None, follow: bool) -> "tuple[Source | None, Path | None]":
    """The trace to begin with, if it is there, and the one to follow, if not all."""
    from tracerd.rows.source import find_trace
    from tracerd.store.snapshot import SUFFIX, log_path
    from tracerd.trace_id import TraceId
    from tracerd.traces.stored import LATEST, list_logs

    try:
        source = find_trace(directory, trace or LATEST)
        return source, source.path if trace else None
    except NoSuchTraceError:
        if not follow:
            raise
        if trace is None:
            return None, None
        if trace == LATEST or "/" in trace or any(log.trace_id.startswith(trace) for log in list_logs(directory)):
            raise
        return None, log_path(directory, TraceId(trace.removesuffix(SUFFIX)))


def _print_last(source: "Source", output: "Output", count: int, test: "EventTest | None") -> None:
    """Print the last events of what can only be read to its end."""
    from tracerd.view.tail import LastLines

    last = LastLines(source.trace_id, count, test)
    if test is not None and test.needs_others:
        source.keep()
        for block in source.blocks():
            last.around.take(block)
    for block in source.blocks():
        last.take(block)
    warn_problem(source)
    if last.has_faults:
        _warn_fault(source.trace_id)
    sys.stdout.buffer.write(output.of(last, last.block(), is_tested=True) if last.block() else b"")
    sys.stdout.buffer.flush()


def _print(output: "Output", blocks: "Iterable[tuple[Growing, bytes]]") -> None:
    for growing, block in blocks:
        if printed := output.of(growing, block):
            sys.stdout.buffer.write(printed)
    sys.stdout.buffer.flush()


def _follow(live: "Live", output: "Output") -> None:
    """Print what arrives, until the reader of stdout has gone."""
    poller = select.poll()
    poller.register(sys.stdout, 0)  # errors only: a pipe without a reader
    while not poller.poll(POLL_MS):
        _print(output, live.poll())
        sys.stdout.buffer.write(output.running(time.monotonic()))
        sys.stdout.buffer.flush()
    raise BrokenPipeError


def _warn_fault(trace_id: str) -> None:
    shown = printable(trace_id)
    click.echo(f"{shown}: a line is no event and is left out; `tracerd check {shown}` lists it", err=True)
