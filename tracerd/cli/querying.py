"""How `tracerd query` reads trackers and traces."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd.cli.progress import Reading, progress_of
from tracerd.cli.warnings import warn_bad_lines, warn_problem
from tracerd.errors import ViewError
from tracerd.text import printable

if TYPE_CHECKING:
    from tracerd.query.computation import Computation, Window
    from tracerd.query.result import Result
    from tracerd.query.tracker import Tracker
    from tracerd.rows.moment import Moment
    from tracerd.rows.source import Source

MAX_TRACKER_BYTES = 4_000_000


def read_tracker(path: str) -> "Tracker":
    """The tracker in a file.

    Raises:
        ViewError: The file cannot be read.
        QueryError: It is no tracker.
    """
    from tracerd.query.tracker import Tracker

    return Tracker.parse(read_text(path), path)


def read_text(path: str) -> str:
    """The text of a file of trackers.

    Raises:
        ViewError: It cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read(MAX_TRACKER_BYTES + 1).decode()
    except OSError as error:
        raise ViewError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ViewError(f"{path} is no tracker: it is not UTF-8") from None


def window_of(start: "Moment | None", end: "Moment | None") -> "Window | None":
    """The window between two moments, of which one such as -5m is counted from now."""
    from tracerd.query.computation import Window

    given = [moment for moment in (start, end) if moment is not None]
    if not given:
        return None
    if any(moment.origin == "start" for moment in given):
        raise click.UsageError("--from and --to cannot be times after a start here: there may be several traces")
    of_trace = {moment.origin == "zero" for moment in given}
    if len(of_trace) > 1:
        raise click.UsageError("--from and --to must both be times, or both be ts")
    now_us = time.time_ns() // 1000
    first, last = (
        None if moment is None else moment.ns / 1000 + (now_us if moment.origin == "end" else 0)
        for moment in (start, end)
    )
    return Window("ts_us" if of_trace == {True} else "time", first, last)


def computed(
    tracker: "Tracker", directory: Path, traces: tuple[str, ...], window: "Window | None", max_alerts: int
) -> "Result":
    """The result of a tracker over some traces, in their order.

    Raises:
        TracerdError: A trace is not found, or cannot be read.
    """
    from tracerd.query.computation import Computation
    from tracerd.rows.source import find_trace

    computation = Computation(tracker.tree, tracker.plan(window), window, max_alerts=max_alerts)
    for source in [find_trace(directory.absolute(), trace) for trace in traces]:
        _feed(computation, source)
    return computation.result()


def _feed(computation: "Computation", source: "Source") -> None:
    from tracerd.rows.names import ProcessNames

    names = ProcessNames()
    if computation.needs_names:
        source.keep()
        names.take(source.blocks())
    table = computation.table(source.trace_id, names)
    with progress_of(source.trace_id) as progress:
        computation.feed_table(table, Reading(source, progress).blocks())
    warn_problem(source)
    events = table.events
    if events.bad_lines and events.bad_lines == events.line:
        raise ViewError(f"the trace {printable(source.trace_id)} has no event; `tracerd check` says why")
    warn_bad_lines(source.trace_id, events.bad_lines, events.first_bad_line)
