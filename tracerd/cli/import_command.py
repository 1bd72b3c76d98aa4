"""`tracerd import`: files of other tools into a trace."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd.cli.completion import complete_file, complete_trace
from tracerd.cli.options import directory_option, signed_duration, size, socket_option
from tracerd.cli.progress import progress_of
from tracerd.text import plural, printable

if TYPE_CHECKING:
    from tracerd.importers.connection import Connection
    from tracerd.importers.placing import Placement
    from tracerd.importers.run import Imported, Importer
    from tracerd.trace_id import TraceId

_MAX_SIZE = 10_000_000_000


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=complete_file)
@click.option(
    "--into",
    metavar="TRACE",
    shell_complete=complete_trace,
    help="The id of the trace to write to; without it a new one, which is printed.",
)
@click.option(
    "--offset", type=signed_duration, default=0.0, metavar="D", help="Add this to all times, such as 2s or -1.5ms."
)
@click.option(
    "--align",
    type=click.Choice(["monotonic", "wall", "start"]),
    help="What times count from: the machine's start, 1970, or the trace's first event; else as the tool writes them.",
)
@click.option("--format", "format_", metavar="F", help="The format of all files; without it, their content decides.")
@click.option("--dry-run", is_flag=True, help="Read the files and report what is in them, but send nothing.")
@click.option(
    "--max-size",
    type=size,
    default=_MAX_SIZE,
    show_default="10GB",
    metavar="N",
    help="Reject files that inflate to more.",
)
@directory_option
@socket_option
@click.pass_context
def import_command(
    ctx: click.Context,
    files: tuple[str, ...],
    into: str | None,
    offset: float,
    align: str | None,
    format_: str | None,
    dry_run: bool,
    max_size: float,
    directory: Path,
    socket: Path,
) -> None:
    """Put files of compilers, build tools, test runners and tracers on one timeline.

    FILE is a path, or `-` for stdin; it may be compressed by gzip. What a file holds decides how it is read.
    Exit 1 if a file could not be read, or not to its end; the others come all the same.
    """
    from tracerd import trace_id
    from tracerd.importers.registry import BY_NAME
    from tracerd.importers.run import Importer, Options
    from tracerd.importers.timeline import Clock
    from tracerd.trace_id import TraceId

    if format_ is not None and format_ not in BY_NAME:
        raise click.BadParameter(f"{printable(format_)!r} is none of {', '.join(BY_NAME)}", param_hint="--format")
    trace = trace_id.new() if into is None else TraceId(into)
    options = Options(Clock(align) if align else None, round(offset * 1e9), format_ or "", max_size)
    sending = _Sending(os.path.abspath(socket), trace, is_new=into is None, is_dry=dry_run)
    length = sum(os.path.getsize(file) for file in files if os.path.isfile(file))
    done = 0

    def reach(size: int) -> None:
        nonlocal done
        done += size
        progress.reach(done / length if length else None)

    with progress_of("reading") as progress:
        importer = Importer(options, _place(directory, into), reach, is_new=into is None)
        if into is None and len(files) > 1:
            importer.prepare(file for file in files if os.path.isfile(file))
        all_came = True
        for file in files:
            all_came &= _import(importer, file, sending, progress.clear)
            if sending.has_failed:
                break
    if not (sending.finish() and all_came):
        ctx.exit(1)


class _Sending:
    """What is sent to the daemon, which is started if there is none, when the first lines come.

    Attributes:
        sent: How many lines were sent.
        has_failed: Whether the daemon has gone, or hangs.
    """

    def __init__(self, socket: str, trace: "TraceId", *, is_new: bool, is_dry: bool) -> None:
        self.sent = 0
        self.has_failed = False
        self._socket = socket
        self._trace = trace
        self._is_new = is_new
        self._is_dry = is_dry
        self._connection: Connection | None = None
        self._totals = (0, 0, 0)

    def send(self, block: bytes) -> None:
        """Send some lines."""
        if self._is_dry:
            return
        if self._connection is None:
            from tracerd.importers.connection import Connection

            self._connection = Connection(self._socket, self._trace)
            if self._is_new:
                click.echo(f"trace {self._trace}")
        self.sent += block.count(b"\n")
        self._connection.send(block)

    def flush(self) -> None:
        """Wait until the daemon has stored what was sent."""
        if self._connection is not None:
            self._totals = self._connection.flush()

    def interrupt(self) -> bool:
        """Mark the trace as not complete; False if there is none."""
        from tracerd.importers.run import INCOMPLETE

        if self._connection is None:
            return False
        self._connection.interrupt(INCOMPLETE)
        return True

    def finish(self) -> bool:
        """Report what the daemon did not take; whether it took all."""
        if self._connection is None:
            return not self.has_failed
        self._connection.close()
        if self.has_failed:
            return False
        stored, refused, lost = self._totals
        if stored >= self.sent:
            return True
        reasons = "; ".join(self._connection.errors) or "`tracerd doctor` may show why"
        text = f"{plural(refused, 'event')} refused and {lost:,} lost by the daemon, of {self.sent:,}: {reasons}"
        click.echo(printable(text), err=True)
        return False


def _import(importer: "Importer", file: str, sending: _Sending, clear: Callable[[], object]) -> bool:
    """Import a file and report it; whether all of it came."""
    from tracerd.errors import ImportFileError, TracerdError

    shown = printable(os.fsdecode(os.fsencode(file))) if file != "-" else "stdin"
    before = sending.sent
    try:
        imported = importer.read(file, sending.send)
        sending.flush()
    except TracerdError as error:
        sending.has_failed = not isinstance(error, ImportFileError)
        part = sending.sent - before
        came = f"; {part:,} of its lines were sent, and the trace may hold a part of them" if part else ""
        clear()
        click.echo(f"{shown}: {printable(str(error))}{came}", err=True)
        return False
    except KeyboardInterrupt:
        if sending.interrupt():
            clear()
            click.echo(f"{shown}: interrupted: the trace has what was sent, and is marked as not complete", err=True)
        raise
    clear()
    click.echo(f"{shown}: {printable(_summary(imported))}")
    if imported.problem:
        click.echo(f"{shown} {imported.problem}: what is whole was imported", err=True)
    return not imported.problem


def _place(directory: Path, into: str | None) -> "Placement":
    """The clock of the trace, as far as its log shows it."""
    from tracerd.importers.placing import SINCE_1970_NS, Placement
    from tracerd.rows.event import decode_lines
    from tracerd.store.snapshot import SUFFIX, snapshot
    from tracerd.trace_json.export import log_blocks

    path = directory.absolute() / f"{into}{SUFFIX}"
    if into is None or not path.is_file():
        return Placement()
    for block in log_blocks(snapshot(path, into)):
        for _, event in decode_lines(block):
            if event is not None and event.ph != "M" and event.ts is not None:
                first_ns = round(event.ts * 1000)
                return Placement(first_ns, is_wall=first_ns > SINCE_1970_NS)
    return Placement()


def _summary(imported: "Imported") -> str:
    from tracerd.importers.run import left_out_of
    from tracerd.importers.timeline import Clock

    timeline, laned = imported.timeline, imported.laned
    counts = [_counted(count, what) for what, count in timeline.counts().items()] or ["nothing"]
    parts = [f"{timeline.tool}: {', '.join(counts)}, {_where(imported)}", *timeline.notes]
    if laned.spans:
        parts.append(f"{_counted(laned.spans, 'span')} put on {_counted(laned.lanes, 'lane')} of their own")
    if laned.crossing:
        parts.append(f"{_counted(laned.crossing, 'span')} beside their threads, which have too many lanes")
    if laned.arrows:
        parts.append(f"{_counted(laned.arrows, 'arrow end')} without a span left out")
    if imported.clock is not Clock.START and timeline.clock is Clock.START:
        parts.append("the tool itself writes no such clock")
    return "; ".join(filter(None, [*parts, left_out_of(timeline)]))


def _where(imported: "Imported") -> str:
    from tracerd.importers.timeline import Clock

    if imported.clock is Clock.START:
        return "placed at the start of the trace"
    if imported.clock is Clock.MONOTONIC:
        return "placed on the machine's monotonic clock"
    first_ns = imported.timeline.first_ns + imported.timeline.base_ns
    try:
        first = datetime.fromtimestamp(first_ns // 1_000_000_000, UTC)
    except (ValueError, OverflowError):
        return "placed on the wall clock"
    return f"placed on the wall clock from {first:%Y-%m-%d %H:%M:%S} UTC"


def _counted(count: int, what: str) -> str:
    noun, without, more = what.partition(" without")
    return f"{plural(count, noun)}{without}{more}"
