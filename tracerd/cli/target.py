"""Where a trace.json goes that a person asks for: to a file, to stdout, or into a device or a pipe."""

import os
import stat
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tracerd.errors import ExportError

if TYPE_CHECKING:
    from tracerd.rows.source import Source
    from tracerd.trace_json.export import Sink

STDOUT = "-"


def is_stream(output: str) -> bool:
    """Whether `output` is stdout, a device or a pipe, which is written into and never replaced."""
    if output == STDOUT:
        return True
    try:
        mode = os.stat(output).st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


def _are_one(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:  # one of them is not there
        return False


class Target:
    """Where a trace goes: to an output that is neither its source nor in the trace directory."""

    def __init__(self, source: "Source", directory: Path, output: str) -> None:
        self.output = output
        self._source = source
        self._directory = directory

    def numbered(self, number: int) -> str:
        """The path of one of several files: the number goes before what the name ends in."""
        name, gz = (self.output[:-3], ".gz") if self.output.endswith(".gz") else (self.output, "")
        stem, suffix = os.path.splitext(name)
        return f"{stem}-{number}{suffix}{gz}"

    def check(self, path: str) -> None:
        """Make sure that a file may be written there; so a long reading is not in vain.

        Raises:
            ExportError: It must not.
        """
        source = self._source
        if source.path is not None and _are_one(path, str(source.path)):
            raise ExportError(
                f"{path} is the {'log' if source.log is not None else 'trace'} itself; choose another file"
            )
        if path == STDOUT and not sys.stdout:
            raise ExportError("cannot write to stdout: it is closed")
        if not is_stream(path):
            self._resolve(path)

    def _resolve(self, path: str) -> str:
        from tracerd.store.directory import Forbidden
        from tracerd.store.packed import packed_path
        from tracerd.store.rejects import rejects_path
        from tracerd.trace_json.target import resolve_target

        log = self._source.snapshot().path
        own_files = frozenset(os.path.realpath(file) for file in (log, packed_path(log), rejects_path(log)))
        return resolve_target(path, Forbidden(os.path.realpath(self._directory), own_files))

    @contextmanager
    def sink(self, path: str) -> "Generator[Sink]":
        """What is written into; a name ending in `.gz` compresses.

        Raises:
            ExportError: It cannot be written; a file is then as it was before.
        """
        import gzip

        from tracerd.trace_json.export import replaced

        self.check(path)
        if not is_stream(path):
            with replaced(self._resolve(path)) as sink:
                yield sink
            return
        try:
            if path == STDOUT:
                yield sys.stdout.buffer
                sys.stdout.buffer.flush()
                return
            with open(path, "wb") as file:
                if not path.endswith(".gz"):
                    yield file
                    return
                with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as compressed:
                    yield compressed
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ExportError(f"cannot write {'to stdout' if path == STDOUT else path}: {error.strerror}") from None
