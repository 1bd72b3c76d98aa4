"""`tracerd export`: traces in the formats of databases and of tracing systems."""

import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd.cli.clickhouse import insert, password_option
from tracerd.cli.completion import complete_file
from tracerd.cli.options import complete_trace, directory_option, redact_option
from tracerd.cli.otlp_sending import JSON, PROTOBUF, is_url, position, send
from tracerd.cli.printing import check_stdout
from tracerd.cli.progress import Reading, progress_of
from tracerd.cli.reading import sources_of
from tracerd.cli.target import STDOUT, Target
from tracerd.cli.warnings import warn_bad_lines, warn_problem
from tracerd.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracerd.exporters.tables import Tables
    from tracerd.rows.source import Source

FORMATS = ("ndjson", "sqlite", "duckdb", "parquet", "clickhouse", "otlp", "jaeger")

_COPIED_BYTES = 1 << 20

_READS = {"ndjson": 1, "otlp": 5, "jaeger": 2}
"""How often a trace is read after its names; for databases once for each relation."""


def _format(name: str, what: str) -> "Callable[[Callable[..., None]], Callable[..., None]]":
    metavar = {"parquet": "DIRECTORY", "otlp": "FILE|URL", "clickhouse": "URL"}.get(name, "FILE")
    return click.option(f"--{name}", metavar=metavar, shell_complete=complete_file, help=what)


@click.command("export")
@click.argument("traces", nargs=-1, metavar="[TRACE]...", shell_complete=complete_trace)
@directory_option
@click.option("--all", "takes_all", is_flag=True, help="All traces of the directory.")
@click.option("--ndjson", is_flag=True, help="The lines of the logs, with _trace and _line in front, to stdout.")
@_format("sqlite", "A SQLite database.")
@_format("duckdb", "A DuckDB database; needs tracerd[sql].")
@_format("parquet", "A Parquet file for each table, into a directory; needs tracerd[sql].")
@_format(
    "clickhouse", "A database of ClickHouse, such as http://localhost:8123/tracerd, with the tables of docs/fleet.md."
)
@_format("otlp", "OpenTelemetry's spans, logs and metrics: JSON lines, or to a collector; - is stdout.")
@_format("jaeger", "A JSON document of spans that Jaeger's page opens; - is stdout.")
@redact_option
@click.option(
    "--otlp-protocol",
    "protocol",
    type=click.Choice([JSON, PROTOBUF]),
    default=JSON,
    show_default=True,
    help="How to send to a collector; http/protobuf needs tracerd[otlp].",
)
@click.option(
    "--header-file",
    metavar="FILE",
    shell_complete=complete_file,
    help="Headers for the collector, a line each, such as `Api-Key: KEY`.",
)
@password_option
@click.option("--resume", metavar="POSITION", help="Go on where an export to a collector has ended, as it printed.")
def export(
    traces: tuple[str, ...],
    directory: Path,
    takes_all: bool,
    redacts: bool,
    protocol: str,
    header_file: str | None,
    password_file: str | None,
    resume: str | None,
    **formats: str | bool | None,
) -> None:
    """Write traces in a format of other programs.

    TRACE is a path, a file name, a trace id, an unambiguous prefix of one, `latest`, or `-` for stdin.

    A collector of OpenTelemetry is named by a URL such as http://localhost:4318. Headers for it, such as a key, are
    also taken from OTEL_EXPORTER_OTLP_HEADERS.

    The tables of the databases are traces, events, spans, logs and points; docs/export.md has their columns.
    """
    chosen = [(name, formats[name]) for name in FORMATS if formats[name]]
    if len(chosen) != 1:
        raise click.UsageError(f"give one of {', '.join(f'--{name}' for name in FORMATS)}")
    if takes_all == bool(traces):
        raise click.UsageError("give TRACE, or --all")
    [(name, value)] = chosen
    output = value if isinstance(value, str) else STDOUT
    directory = directory.absolute()
    is_sent = name == "otlp" and is_url(output)
    if not is_sent and (header_file or resume):
        raise click.UsageError("--header-file and --resume are for --otlp URL")
    if password_file and name != "clickhouse":
        raise click.UsageError("--password-file is for --clickhouse")
    sources = [*sources_of(directory, traces)]
    if name == "clickhouse":
        insert(output, password_file, read_tables(sources, 5, redacts=redacts))
        return
    if is_sent:
        if takes_all:  # in an order that is the same later, for --resume
            sources.sort(key=lambda source: source.trace_id)
        send(
            output,
            sources,
            lambda some: read_tables(some, _READS[name], redacts=redacts),
            protocol=protocol,
            header_file=header_file,
            start=position(resume),
        )
        return
    reading = read_tables(sources, _READS.get(name, 4), redacts=redacts)
    if name == "parquet":
        _write_parquet(reading, sources, directory, output)
    elif name in ("sqlite", "duckdb"):
        _write_database(name, reading, sources, directory, output)
    else:
        _write_stream(name, reading, sources, directory, output)


def read_tables(sources: "Sequence[Source]", reads: int, *, redacts: bool = False) -> "Iterator[Tables]":
    """Each trace in turn, with its progress, and its warnings when it was read."""
    from tracerd.exporters.tables import Tables

    for source in sources:
        with progress_of(source.trace_id) as progress:
            tables = Tables(source, redacts=redacts, read=Reading(source, progress, reads + 1).read)
            yield tables
        warn_problem(source)
        warn_bad_lines(source.trace_id, tables.bad_lines, tables.first_bad_line)


def _write_stream(
    name: str, reading: "Iterable[Tables]", sources: "Sequence[Source]", directory: Path, output: str
) -> None:
    if output == STDOUT:
        check_stdout()
    targets = [Target(source, directory, output) for source in sources]
    for target in targets:
        target.check(output)
    with targets[0].sink(output) as sink:
        for part in _parts(name, reading):
            sink.write(part)


def _parts(name: str, reading: "Iterable[Tables]") -> "Iterator[bytes]":
    from tracerd.exporters.jaeger import jaeger_parts
    from tracerd.exporters.ndjson import NumberedLines
    from tracerd.exporters.otlp import otlp_lines

    if name == "jaeger":
        yield from jaeger_parts(reading)
        return
    for trace in reading:
        if name == "otlp":
            yield from otlp_lines(trace)
            continue
        lines = NumberedLines(trace.trace_id)
        yield from lines.of(trace.stored_blocks())
        trace.bad_lines, trace.first_bad_line = lines.bad_lines, lines.first_bad_line


def _write_database(
    name: str, reading: "Iterable[Tables]", sources: "Sequence[Source]", directory: Path, output: str
) -> None:
    from tracerd.exporters.duck import write_duckdb
    from tracerd.exporters.sqlite import write_sqlite

    with database_for(sources, directory, output) as path:
        (write_sqlite if name == "sqlite" else write_duckdb)(path, reading)


@contextmanager
def database_for(sources: "Sequence[Source]", directory: Path, output: str) -> "Generator[Path]":
    """Where to make a database, which takes its place when it is whole.

    Raises:
        ExportError: It cannot be written there; what was there stays.
    """
    targets = [Target(source, directory, output) for source in sources]
    for target in targets:
        target.check(output)
    with _temporary() as temporary, targets[0].sink(output) as sink:
        path = temporary / "database"
        yield path
        _copy(path, sink.write)


def _write_parquet(reading: "Iterable[Tables]", sources: "Sequence[Source]", directory: Path, output: str) -> None:
    from tracerd.exporters.duck import write_parquet

    with _made(output) as into, _temporary() as temporary:
        write_parquet(temporary, reading)
        for path in sorted(temporary.iterdir()):
            target = str(into / path.name)
            with Target(sources[0], directory, target).sink(target) as sink:
                _copy(path, sink.write)


@contextmanager
def _made(output: str) -> "Generator[Path]":
    """A directory, made at once if it is not there: that it cannot be made is known before any trace is read.

    Raises:
        ExportError: It cannot be made.
    """
    into = Path(output)
    was_there = into.is_dir()
    try:
        into.mkdir(exist_ok=True)
    except OSError as error:
        raise ExportError(f"cannot make the directory {output}: {error.strerror}") from None
    try:
        yield into
    except BaseException:
        if not was_there:
            with suppress(OSError):  # it is not empty
                into.rmdir()
        raise


@contextmanager
def _temporary() -> "Generator[Path]":
    """A directory for what a database writes: only what is whole takes its place."""
    try:
        with tempfile.TemporaryDirectory(prefix="tracerd-") as name:
            yield Path(name)
    except FileNotFoundError as error:
        raise ExportError(f"there is no directory for temporary files: {error.strerror}") from None


def _copy(path: Path, write: "Callable[[bytes], object]") -> None:
    with open(path, "rb") as file:
        while piece := file.read(_COPIED_BYTES):
            write(piece)
