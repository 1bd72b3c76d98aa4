"""`tracerd list`: which traces there are."""

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, Unpack

import click

from tracerd.cli.list_catalog import DAY_SUMS, Options, catalog_options, chosen, days, page_of
from tracerd.cli.options import directory_option
from tracerd.cli.printing import print_json, time_text
from tracerd.text import encodable, printable

if TYPE_CHECKING:
    from tracerd.catalog.store import Described
    from tracerd.core.counts import Totals
    from tracerd.traces.attributes import Attributes
    from tracerd.traces.stored import StoredTrace

logger = logging.getLogger(__name__)


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
@catalog_options
def list_command(directory: Path, long_: bool, as_json: bool, **options: Unpack[Options]) -> None:
    """List the logs, one path on each line, the oldest last write first.

    On a terminal there is a table instead: when each trace began, and of commands of `tracerd exec` how they ended.

    All options but -d, -l and --json choose by what logs hold. A log is read once for that, and later only what it has
    grown by.
    """
    from tracerd.traces.stored import list_logs

    found = chosen(directory.absolute(), options) if any(options.values()) else None
    logs = list_logs(directory.absolute()) if found is None else [one.log for one in found]
    if not logs and sys.stdout and sys.stdout.isatty() and not any(options.values()):
        click.echo(f"there are no traces in {printable(str(directory))} yet; `tracerd exec CMD` records one", err=True)
    elif not logs and sys.stdout and sys.stdout.isatty() and not as_json:
        click.echo("no trace fits; `tracerd list` without conditions shows all", err=True)
    elif found is not None and options["by"]:
        _print_days(page_of(list(days(found)), options), as_json=as_json)
    elif as_json:
        for row in _json_rows(logs) if found is None else map(_catalog_json, found):
            print_json(row)
    elif long_:
        _print_table(_LONG_HEAD, _long_rows(logs))
    elif sys.stdout and sys.stdout.isatty():
        _print_table(*((_HEAD, _rows(logs)) if found is None else (_CATALOG_HEAD, map(_catalog_row, found))))
    else:
        for log in logs:
            click.echo(printable(log.file))


_HEAD = ("start", "took", "exit", "processes", "trace", "command")
_LONG_HEAD = (
    *("size", "events", "repaired", "refused", "lost", "start", "last write"),
    *("took", "exit", "processes", "command", "path"),
)
_CATALOG_HEAD = ("start", "took", "events", "spans", "errors", "trace", "name")
_DAY_HEAD = ("day", "traces", *DAY_SUMS)
_LEFT = {"trace", "path", "command", "name", "day"}


_T = TypeVar("_T")


def _read(logs: "Sequence[StoredTrace]", read: "Callable[[StoredTrace], _T]") -> "Iterator[tuple[StoredTrace, _T]]":
    """What is read of each log that can be read; the others are reported."""
    from tracerd.errors import UnsafePathError, reason_of

    for log in logs:
        try:
            found = read(log)
        except FileNotFoundError:  # removed since
            continue
        except (OSError, UnsafePathError) as error:
            logger.warning("cannot read %s: %s", printable(log.file), reason_of(error))
        else:
            yield log, found


def _about(log: "StoredTrace") -> "Attributes":
    from tracerd.traces.attributes import read_attributes

    return read_attributes(log.path)


def _counted(log: "StoredTrace") -> "tuple[Attributes, Totals]":
    from tracerd.traces.stored import totals

    return _about(log), totals(log)


def _rows(logs: "Sequence[StoredTrace]") -> Iterator[list[str]]:
    for log, about in _read(logs, _about):
        yield [time_text(about.start_s), *_ended(about), printable(log.trace_id), printable(about.command or "")]


def _long_rows(logs: "Sequence[StoredTrace]") -> Iterator[list[str]]:
    from tracerd.view.tables import shortened

    for log, (about, counted) in _read(logs, _counted):
        numbers = (log.log_size + log.packed_size, counted.stored, counted.repaired, counted.refused, counted.lost)
        times = (time_text(about.start_s), time_text(log.last_write_s))
        command = shortened(printable(about.command or ""))
        yield [*map(str, numbers), *times, *_ended(about), command, printable(log.file)]


def _ended(about: "Attributes") -> list[str]:
    from tracerd.view.tables import duration_text

    took = "" if about.dur_us is None else duration_text(round(about.dur_us * 1000))
    code = "" if about.exit_code is None else str(about.exit_code)
    return [took, about.signal or code, "" if about.processes is None else str(about.processes)]


def _json_rows(logs: "Sequence[StoredTrace]") -> Iterator[dict[str, object]]:
    for log, (about, counted) in _read(logs, _counted):
        yield {
            "trace_id": encodable(log.trace_id),
            "path": encodable(log.file),
            "size": log.log_size + log.packed_size,
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


def _catalog_row(found: "Described") -> list[str]:
    from tracerd.catalog.columns import COLUMNS
    from tracerd.view.tables import duration_text

    values = {name: column.value(found) for name, column in COLUMNS.items()}
    time_us, dur_us = found.summary.time, values["dur_us"]
    took = duration_text(round(dur_us * 1000)) if isinstance(dur_us, int | float) else ""
    counted = [str(values[name]) for name in ("events", "spans", "errors")]
    start = time_text(None if time_us is None else time_us / 1e6)
    return [start, took, *counted, printable(found.log.trace_id), printable(str(values["name"] or ""))]


def _catalog_json(found: "Described") -> dict[str, object]:
    """As `_json_rows`, but without a look at the log."""
    from tracerd.catalog.columns import as_json
    from tracerd.store.rejects import read_rejects, rejects_path

    log, values = found.log, as_json(found)
    counted = read_rejects(rejects_path(log.path))
    return {
        "trace_id": values.pop("trace"),
        "path": encodable(log.file),
        **values,
        "repaired": counted.repaired,
        "refused": counted.refused,
        "lost": counted.lost,
        "start_s": found.summary.start_s,
        "last_write_s": log.last_write_s,
    }


def _print_days(rows: "Sequence[dict[str, str | int]]", *, as_json: bool) -> None:
    if as_json:
        for row in rows:
            print_json(row)
    else:
        _print_table(_DAY_HEAD, ([str(value) for value in row.values()] for row in rows))


def _print_table(head: Sequence[str], rows: Iterator[list[str]]) -> None:
    from tracerd.view.tables import aligned

    for line in aligned([head, *rows], [name not in _LEFT for name in head]):
        click.echo(line)
