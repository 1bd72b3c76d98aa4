"""What `tracerd query` does in SQL."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd.cli.clickhouse import server
from tracerd.cli.querying import read_tracker
from tracerd.text import printable

if TYPE_CHECKING:
    from tracerd.query.computation import Window
    from tracerd.query.result import Result
    from tracerd.query.tracker import Tracker


def tracker_or_metric(tracker: str | None, rest: tuple[str, ...]) -> "Tracker":
    """The tracker of `--tracker`, or of the one argument: a file, or else a metric.

    Raises:
        TracerdError: It cannot be read, or is wrong.
    """
    from tracerd.query.tracker import Tracker

    if (tracker is None) != (len(rest) == 1):
        raise click.UsageError("give an EXPR, or the FILE of a tracker, and no TRACE")
    if tracker is not None or Path(rest[0]).is_file():
        return read_tracker(tracker or rest[0])
    return Tracker.of_metric(rest[0], "EXPR")


def selects(tracker: "Tracker", engine: str, window: "Window | None") -> Iterator[str]:
    """The lines of the SELECT of each metric, below a comment with its name.

    Raises:
        QueryError: The engine cannot say one of them.
    """
    from tracerd.query.sql import metric_select

    found = [(metric.name, metric_select(tracker, metric, engine, window)) for metric in tracker.tree.metrics]
    for name, select in found:
        yield f"-- {printable(name)}"
        yield from f"{select};".split("\n")


def computed_by(
    engine: str, password_file: str | None, tracker: "Tracker", traces: tuple[str, ...], window: "Window | None"
) -> "Result":
    """The result of a tracker over traces in ClickHouse: those with these ids, or all.

    Raises:
        TracerdError: The engine cannot say it, or does not answer.
    """
    from tracerd.exporters.clickhouse_query import ask_tracker

    with server(engine, password_file) as found:
        return ask_tracker(found, tracker, traces, window)
