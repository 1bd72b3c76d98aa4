"""`exec --collect`: what the tools of a build have written below the current directory while it ran, into its trace.

Run as a program when the command has ended: `python -m tracerd.importers.collect SOCKET TRACE SINCE`, SINCE in
microseconds of CLOCK_MONOTONIC. It prints what came, in one line, or nothing.
"""

import os
import sys
import time
from collections.abc import Iterator
from typing import Final

from tracerd.errors import ImportFileError, TracerdError
from tracerd.importers.connection import Connection
from tracerd.importers.placing import Placement
from tracerd.importers.run import Importer, Options
from tracerd.text import plural
from tracerd.trace_id import TraceId

MAX_FILES: Final = 200_000
"""More files are not looked at: the current directory is not that of a build."""

_COARSE_NS: Final = 10_000_000
"""The times of files are those of the last tick of the clock."""

_END_BYTES: Final = 400
_LEFT_OUT_DIRECTORIES: Final = frozenset({".git", ".hg", ".svn", "node_modules", ".venv"})


def written_since(directory: str, since_ns: int) -> Iterator[str]:
    """The files below a directory that tools of a build write for an importer.

    Args:
        directory: Where to search.
        since_ns: Files that were written before are left out, in ns since 1970.
    """
    seen = 0
    for parent, directories, names in os.walk(directory):
        directories[:] = sorted(name for name in directories if name not in _LEFT_OUT_DIRECTORIES)
        for name in sorted(names):
            seen += 1
            if seen > MAX_FILES:
                return
            path = os.path.join(parent, name)
            if _may_be(name) and _is_new(path, since_ns) and _is(name, path):
                yield path


def _may_be(name: str) -> bool:
    return (
        name == ".ninja_log" or name.endswith(".json") or (name.startswith("cargo-timing-") and name.endswith(".html"))
    )


def _is_new(path: str, since_ns: int) -> bool:
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return status.st_mtime_ns >= since_ns - _COARSE_NS and os.path.isfile(path) and status.st_size > 0


def _is(name: str, path: str) -> bool:
    """Whether a file of JSON is of clang, rustc or tsc: most others are not traces at all."""
    if not name.endswith(".json"):
        return True
    try:
        with open(path, "rb") as file:
            head = file.read(_END_BYTES)
            file.seek(max(0, os.fstat(file.fileno()).st_size - _END_BYTES))
            end = file.read()
    except OSError:
        return False
    return b'"beginningOfTime"' in end or b'"beginningOfTime"' in head or (head.startswith(b"[") and b'"tsc"' in head)


def collect(socket: str, trace: str, since_us: int) -> str:
    """Import the files; what came, for people.

    Args:
        socket: That of the daemon.
        trace: The trace of the command.
        since_us: When the command began, on CLOCK_MONOTONIC.

    Raises:
        TracerdError: The daemon has gone.
    """
    boot_ns = time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    since_ns = boot_ns + since_us * 1000
    options = Options(since_ns=since_ns, trusts_mtime=True)
    importer = Importer(options, Placement(since_us * 1000), lambda _: None, is_new=False)
    connection: Connection | None = None
    spans, files, problems = 0, 0, 0
    for path in written_since(".", since_ns):
        connection = connection or Connection(socket, trace)
        try:
            imported = importer.read(path, connection.send)
        except ImportFileError:
            problems += 1
            continue
        files += 1
        problems += bool(imported.problem)
        spans += imported.timeline.counts().get("span", 0)
    if connection is None:
        return ""
    connection.flush()
    connection.close()
    odd = f"; {problems} could not be read, or not to the end" if problems else ""
    return f"collected {plural(spans, 'span')} of {plural(files, 'file')}{odd}"


def main() -> None:
    """Collect for the arguments."""
    socket, trace, since_us = sys.argv[1:]
    try:
        text = collect(socket, TraceId(trace), int(since_us))
    except TracerdError as error:
        raise SystemExit(str(error)) from None
    if text:
        sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
