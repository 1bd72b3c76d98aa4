"""`tracerd get-tef`: a trace as a trace.json, from its file and without the daemon."""

import os
import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from tracerd import redact
from tracerd.cli.exporting import progress_bar, warn_left_out
from tracerd.cli.options import directory_option, trace_argument
from tracerd.errors import ExportError

if TYPE_CHECKING:
    import gzip

    from tracerd.rows.source import Source
    from tracerd.trace_json.export import Progress, Summary


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
@click.option(
    "--redact", "redacts", is_flag=True, help="Hide passwords, tokens and keys, as far as they can be recognised."
)
def get_tef(trace: str, directory: Path, output: str, redacts: bool) -> None:
    """Write a trace as a trace.json that Perfetto opens.

    TRACE is a path, a file name, a trace id, an unambiguous prefix of one, `latest`, or `-` for stdin.
    """
    from tracerd.rows.source import find_trace

    source = find_trace(directory.absolute(), trace)
    with progress_bar(source) as progress:
        summary = _write(source, directory, output, progress, redacts=redacts)
    warn_left_out(source, summary)


def _redacted(block: bytes) -> bytes:
    return b"\n".join(map(redact.line, block.split(b"\n")))


def _write(source: "Source", directory: Path, output: str, progress: "Progress", *, redacts: bool) -> "Summary":
    import gzip

    from tracerd.store.directory import Forbidden
    from tracerd.store.rejects import rejects_path
    from tracerd.trace_json.export import export_to_file, resolve_target, write_tef

    snapshot = replace(source.snapshot(), transform=_redacted if redacts else None)

    def write(file: "BinaryIO | gzip.GzipFile") -> "Summary":
        summary = write_tef(snapshot, file, progress, source.blocks(snapshot), source.verify)
        file.flush()
        return summary

    if source.path is not None and os.path.exists(output) and os.path.samefile(output, source.path):
        raise ExportError(f"{output} is the {'log' if source.log is not None else 'trace'} itself; choose another file")
    if output == "-" or _is_stream(output):
        if output == "-" and not sys.stdout:
            raise ExportError("cannot write to stdout: it is closed")
        try:
            if output == "-":
                return write(sys.stdout.buffer)
            with open(output, "wb") as file:
                if not output.endswith(".gz"):
                    return write(file)
                with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as compressed:
                    return write(compressed)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ExportError(f"cannot write {'to stdout' if output == '-' else output}: {error.strerror}") from None
    own_files = frozenset(os.path.realpath(path) for path in (snapshot.path, rejects_path(snapshot.path)))
    target = resolve_target(output, Forbidden(os.path.realpath(directory), own_files))
    return export_to_file(snapshot, target, progress, source.blocks(snapshot), source.verify)


def _is_stream(output: str) -> bool:
    """Whether `output` is a device or a pipe, which is written into and never replaced."""
    try:
        mode = os.stat(output).st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)
