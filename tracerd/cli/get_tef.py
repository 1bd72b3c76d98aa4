"""`tracerd get-tef`: a log as a trace.json, from the directory and without the daemon."""

import os
import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from tracerd import redact
from tracerd.cli.exporting import progress_bar, tell_left_out
from tracerd.cli.options import directory_option, trace_argument
from tracerd.errors import ExportError

if TYPE_CHECKING:
    from tracerd.store.export import Progress, Summary
    from tracerd.store.traces import Snapshot


@click.command("get-tef")
@trace_argument
@directory_option
@click.option(
    "-o",
    "--output",
    default="-",
    metavar="FILE",
    help="Where to write; a name ending in .gz compresses. Without it, or with -, stdout.",
)
@click.option("--redact", "redacts", is_flag=True, help="Hide passwords, tokens and keys, as far as they can be told.")
def get_tef(trace: str, directory: Path, output: str, redacts: bool) -> None:
    """Write a trace as a trace.json that Perfetto opens.

    TRACE is a path, a file name, a trace id, an unambiguous prefix of one, or `latest`.
    """
    from tracerd.store.traces import find_log, snapshot

    log = find_log(directory.absolute(), trace)
    source = snapshot(log.path, log.trace_id)
    if redacts:
        source = replace(source, transform=_redacted)
    with progress_bar(log) as progress:
        summary = _write(source, directory, output, progress)
    tell_left_out(summary)


def _redacted(block: bytes) -> bytes:
    return b"\n".join(map(redact.line, block.split(b"\n")))


def _write(source: "Snapshot", directory: Path, output: str, progress: "Progress") -> "Summary":
    import gzip

    from tracerd.store.export import Forbidden, export_to_file, resolve_target, write_tef
    from tracerd.store.rejects import rejects_path

    if output == "-":
        if not sys.stdout:
            raise ExportError("cannot write to stdout: it is closed")
        return _write_open(sys.stdout.buffer, source, progress)
    if os.path.exists(output) and os.path.samefile(output, source.path):
        raise ExportError(f"{output} is the log itself; choose another file")
    if _is_stream(output):
        try:
            with open(output, "wb") as file:
                if not output.endswith(".gz"):
                    return write_tef(source, file, progress)
                with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as compressed:
                    return write_tef(source, compressed, progress)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ExportError(f"cannot write {output}: {error.strerror}") from None
    own_files = frozenset(os.path.realpath(path) for path in (source.path, rejects_path(source.path)))
    forbidden = Forbidden(os.path.realpath(directory), own_files)
    return export_to_file(source, resolve_target(output, forbidden), progress)


def _write_open(file: BinaryIO, source: "Snapshot", progress: "Progress") -> "Summary":
    from tracerd.store.export import write_tef

    try:
        summary = write_tef(source, file, progress)
        file.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ExportError(f"cannot write to stdout: {error.strerror}") from None
    return summary


def _is_stream(output: str) -> bool:
    """Whether `output` is a device or a pipe, which is written into and never replaced."""
    try:
        mode = os.stat(output).st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)
