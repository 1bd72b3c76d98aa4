"""`tracerd list`: which traces there are."""

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd.cli.options import directory_option
from tracerd.text import printable, printable_json

if TYPE_CHECKING:
    from tracerd.store.attributes import Attributes
    from tracerd.store.traces import StoredTrace


@click.command("list")
@directory_option
@click.option(
    "-l",
    "--long",
    "long_",
    is_flag=True,
    help="Also show size, events, repaired, refused, lost, start, last write, and of commands of exec how they ended.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per trace and line, with all that -l shows.")
def list_command(directory: Path, long_: bool, as_json: bool) -> None:
    """List the logs, one path on each line, the oldest last write first.

    On a terminal there is a table instead: when each trace began, and of commands of `tracerd exec` how they ended.
    """
    from tracerd.store.traces import list_logs

    logs = list_logs(directory.absolute())
    if as_json:
        for line in _json_lines(logs):
            click.echo(line)
    elif long_:
        _print_table(_LONG_HEAD, _long_rows(logs))
    elif sys.stdout and sys.stdout.isatty():
        _print_table(_HEAD, _rows(logs))
    else:
        for log in logs:
            click.echo(printable(str(log.path)))


_HEAD = ("start", "took", "exit", "processes", "trace", "command")
_LONG_HEAD = (
    *("size", "events", "repaired", "refused", "lost", "start", "last write"),
    *("took", "exit", "processes", "command", "path"),
)
_LEFT = {"trace", "path", "command"}


def _described(logs: "Sequence[StoredTrace]") -> "Iterator[tuple[StoredTrace, Attributes]]":
    from tracerd.store.attributes import read_attributes

    for log in logs:
        try:
            yield log, read_attributes(log.path)
        except FileNotFoundError:  # removed since
            continue


def _rows(logs: "Sequence[StoredTrace]") -> Iterator[list[str]]:
    for log, about in _described(logs):
        yield [_time(about.start_s), *_ended(about), printable(log.trace_id), printable(about.command or "")]


def _long_rows(logs: "Sequence[StoredTrace]") -> Iterator[list[str]]:
    from tracerd.store.traces import totals
    from tracerd.view.tables import shortened

    for log, about in _described(logs):
        counted = totals(log)
        numbers = (log.log_size, counted.stored, counted.repaired, counted.refused, counted.lost)
        times = (_time(about.start_s), _time(log.last_write_s))
        command = shortened(printable(about.command or ""))
        yield [*map(str, numbers), *times, *_ended(about), command, printable(str(log.path))]


def _ended(about: "Attributes") -> list[str]:
    from tracerd.view.tables import duration_text

    took = "" if about.dur_us is None else duration_text(round(about.dur_us * 1000))
    code = "" if about.exit_code is None else str(about.exit_code)
    return [took, about.signal or code, "" if about.processes is None else str(about.processes)]


def _json_lines(logs: "Sequence[StoredTrace]") -> Iterator[bytes]:
    import orjson

    from tracerd.store.traces import totals

    for log, about in _described(logs):
        counted = totals(log)
        entry = {
            "trace_id": log.trace_id.encode(errors="backslashreplace").decode(),
            "path": str(log.path).encode(errors="backslashreplace").decode(),
            "size": log.log_size,
            "events": counted.stored,
            "repaired": counted.repaired,
            "refused": counted.refused,
            "lost": counted.lost,
            "start_s": about.start_s,
            "last_write_s": log.last_write_s,
            "command": about.command,
            "begun_by": about.begun_by,
            "exit_code": about.exit_code,
            "signal": about.signal,
            "dur_us": about.dur_us,
            "processes": about.processes,
        }
        yield printable_json(orjson.dumps(entry))


def _print_table(head: Sequence[str], rows: Iterator[list[str]]) -> None:
    """Columns as wide as their widest cell."""
    cells = [list(head), *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        columns = zip(row, widths, head, strict=True)
        click.echo(
            "  ".join(c.ljust(width) if name in _LEFT else c.rjust(width) for c, width, name in columns).rstrip()
        )


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    try:
        return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):  # a log from elsewhere may have any time
        return "-"
