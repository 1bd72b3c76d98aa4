"""`tracerd list`: which traces there are."""

from datetime import datetime
from pathlib import Path

import click

from tracerd.cli.options import directory_option
from tracerd.text import printable, printable_json


@click.command("list")
@directory_option
@click.option(
    "-l",
    "--long",
    "long_",
    is_flag=True,
    help="Also show size, events, repaired, refused, lost, start and last write.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per trace and line, with all that -l shows.")
def list_command(directory: Path, long_: bool, as_json: bool) -> None:
    """List the logs, one path on each line, the oldest last write first."""
    import orjson

    from tracerd.store.traces import list_logs, start_s, totals

    logs = list_logs(directory.absolute())
    if not long_ and not as_json:
        for log in logs:
            click.echo(printable(str(log.path)))
        return
    if long_ and not as_json:
        click.echo(_row("size", "events", "repaired", "refused", "lost", "start", "last write", "path"))
    for log in logs:
        try:
            counted, started_s = totals(log), start_s(log)
        except FileNotFoundError:  # removed since
            continue
        if as_json:
            entry = {
                "trace_id": log.trace_id.encode(errors="backslashreplace").decode(),
                "path": str(log.path).encode(errors="backslashreplace").decode(),
                "size": log.log_size,
                "events": counted.stored,
                "repaired": counted.repaired,
                "refused": counted.refused,
                "lost": counted.lost,
                "start_s": started_s,
                "last_write_s": log.last_write_s,
            }
            click.echo(printable_json(orjson.dumps(entry)))
        else:
            numbers = (log.log_size, counted.stored, counted.repaired, counted.refused, counted.lost)
            times = (_time(started_s), _time(log.last_write_s))
            click.echo(_row(*map(str, numbers), *times, printable(str(log.path))))


def _row(*cells: str) -> str:
    widths = (12, 10, 8, 8, 8, 19, 19, 0)
    return "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    try:
        return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):  # a log from elsewhere may have any time
        return "-"
