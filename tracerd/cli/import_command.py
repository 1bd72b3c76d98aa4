"""`tracerd import`: files of other tools into a trace."""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd.cli.options import directory_option, signed_duration, size, socket_option
from tracerd.cli.progress import Progress
from tracerd.text import plural, printable

if TYPE_CHECKING:
    from tracerd.importers.placing import Placement
    from tracerd.importers.run import Imported

_MAX_SIZE = 10_000_000_000


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--into", metavar="TRACE", help="The id of the trace to write to; without it a new one, which is printed."
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
    from tracerd.errors import TracerdError
    from tracerd.importers.connection import Connection
    from tracerd.importers.registry import BY_NAME
    from tracerd.importers.run import Importer, Options
    from tracerd.importers.timeline import Clock
    from tracerd.trace_id import TraceId

    if format_ is not None and format_ not in BY_NAME:
        raise click.BadParameter(f"{printable(format_)!r} is none of {', '.join(BY_NAME)}", param_hint="--format")
    trace = trace_id.new() if into is None else TraceId(into)
    options = Options(Clock(align) if align else None, round(offset * 1e9), format_ or "", max_size)
    connection: Connection | None = None

    def send(block: bytes) -> None:
        nonlocal connection
        sent.append(block.count(b"\n"))
        if dry_run:
            return
        if connection is None:
            connection = Connection(os.path.abspath(socket), trace)
            if into is None:
                click.echo(f"trace {trace}")
        connection.send(block)

    failed = False
    with _progress(files) as progress:
        importer = Importer(options, _place(directory, into), progress, is_new=into is None)
        sent: list[int] = []
        for file in files:
            shown = printable(os.fsdecode(os.fsencode(file))) if file != "-" else "stdin"
            try:
                imported = importer.read(file, send)
            except TracerdError as error:
                failed = True
                click.echo(f"{shown}: {printable(str(error))}", err=True)
                if connection is not None and not _is_about_the_file(error):
                    break
                continue
            click.echo(f"{shown}: {printable(_summary(imported))}")
            if imported.problem:
                failed = True
                click.echo(f"{shown} {imported.problem}: what is whole was imported", err=True)
    if connection is not None:
        stored, refused, lost = connection.flush()
        connection.close()
        if stored < sum(sent):
            failed = True
            reasons = "; ".join(connection.errors) or "`tracerd doctor` may show why"
            text = f"{refused} events refused and {lost} lost by the daemon, of {sum(sent)}: {reasons}"
            click.echo(printable(text), err=True)
    if failed:
        ctx.exit(1)


def _is_about_the_file(error: Exception) -> bool:
    from tracerd.errors import ImportFileError

    return isinstance(error, ImportFileError)


def _place(directory: Path, into: str | None) -> "Placement":
    """The clock of the trace, as far as its log shows it."""
    from tracerd.importers.placing import SINCE_1970_NS, Placement
    from tracerd.rows.event import decode_lines
    from tracerd.store.traces import SUFFIX, snapshot
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


@contextmanager
def _progress(files: tuple[str, ...]) -> Generator[Callable[[int], object]]:
    length = sum(os.path.getsize(file) for file in files if os.path.isfile(file))
    progress = Progress("reading")
    done = 0

    def read(size: int) -> None:
        nonlocal done
        done += size
        progress.reach(done / length if length else None)

    try:
        yield read
        progress.finish()
    finally:
        progress.close()
