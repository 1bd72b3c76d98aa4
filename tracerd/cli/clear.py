"""`tracerd clear`: remove traces that are not in use."""

import math
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd.cli.options import complete_trace, directory_option, duration
from tracerd.cli.printing import time_text
from tracerd.errors import NoSuchTraceError, UnsafePathError
from tracerd.text import plural, printable, size_text

if TYPE_CHECKING:
    from tracerd.traces.stored import StoredTrace

FEW_NAMES = 5
"""How many of the traces left alone are named."""


@click.command()
@click.argument("traces", metavar="[TRACE]...", nargs=-1, shell_complete=complete_trace)
@directory_option
@click.option("--older-than", type=duration, metavar="AGE", help="Only traces whose last write is older, such as 7d.")
@click.option(
    "--keep", type=click.IntRange(min=0), default=0, show_default=True, metavar="N", help="Keep the N newest of them."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def clear(traces: tuple[str, ...], directory: Path, older_than: float | None, keep: int, yes: bool) -> None:
    """Remove traces, each with its log and rejects file: the named ones, or all. A trace in use is not removed.

    TRACE is a path, a file name, a trace id, an unambiguous prefix of one, or `latest`.
    """
    from tracerd.traces.retention import Limits, is_in_use, remove, surplus
    from tracerd.traces.stored import list_traces

    directory = directory.absolute()
    _check(directory)
    named = {_find(directory, name) for name in traces}
    limits = Limits(-math.inf if older_than is None else older_than, keep=keep)
    in_use: list[StoredTrace] = []
    chosen: list[StoredTrace] = []
    for trace in surplus(named if traces else list_traces(directory), limits, time.time()):
        (in_use if is_in_use(trace) else chosen).append(trace)
    if chosen and not yes:
        _ask(chosen)
    removed: list[StoredTrace] = []
    failed = False
    for trace in chosen:
        try:
            (removed if remove(trace) else in_use).append(trace)
        except OSError as error:
            failed = True
            click.echo(f"cannot remove {printable(trace.trace_id)}: {error.strerror}", err=True)
    click.echo(f"removed {_amount(removed)}" if removed or failed else "nothing to remove")
    if in_use:
        click.echo(f"left alone, because in use: {_names(in_use)}", err=True)
    if failed or (traces and in_use):
        raise SystemExit(1)


def _check(directory: Path) -> None:
    """Refuse a directory that is no daemon's: files that end in `.jsonl` may be those of other programs."""
    from tracerd.store.directory import LOCK_NAME

    if directory.exists() and not (directory / LOCK_NAME).exists():
        raise UnsafePathError(
            f"no tracerd has ever kept logs in {directory} (it has no {LOCK_NAME}); remove what is there with rm"
        )


def _find(directory: Path, name: str) -> "StoredTrace":
    """The trace that a person means.

    Raises:
        NoSuchTraceError: There is none in this directory.
    """
    from tracerd.store.snapshot import SUFFIX
    from tracerd.traces.stored import LATEST, find_log, stored_trace

    by_id = directory / f"{name}{SUFFIX}"  # it may have rejects only
    is_id = "/" not in name and name != LATEST and not (name.endswith(SUFFIX) and stored_trace(directory / name))
    path = by_id if is_id and stored_trace(by_id) else find_log(directory, name).path
    trace = stored_trace(directory / path.name) if path.parent.resolve() == directory.resolve() else None
    if trace is None or path.suffix != SUFFIX:
        raise NoSuchTraceError(f"{name} is no log in {directory}")
    return trace


def _ask(traces: "Collection[StoredTrace]") -> None:
    amount = _amount(traces)
    if not sys.stdin.isatty():
        raise click.ClickException(
            f"nothing is removed: there is no terminal to ask for confirmation; --yes would remove {amount}"
        )
    for trace in traces:
        last_write = time_text(trace.last_write_s)
        click.echo(f"{size_text(trace.size).rjust(9)}  {last_write}  {printable(trace.trace_id)}", err=True)
    click.confirm(f"Remove {amount}?", abort=True, err=True)


def _amount(traces: "Collection[StoredTrace]") -> str:
    count, size = len(traces), sum(trace.size for trace in traces)
    return f"{plural(count, 'trace')}, {size_text(size)}"


def _names(traces: "Collection[StoredTrace]") -> str:
    names = [printable(trace.trace_id) for trace in traces]
    more = len(names) - FEW_NAMES
    return ", ".join(names[:FEW_NAMES]) + (f" and {more} more" if more > 0 else "")
