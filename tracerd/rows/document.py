"""The finished trace that is shown: a log, written as a trace.json that has no name, or a trace.json that is there."""

import os
import tempfile
from pathlib import Path
from typing import IO

from tracerd.errors import UnsafePathError, ViewError
from tracerd.store.export import Progress, Summary, write_tef
from tracerd.store.files import open_for_reading
from tracerd.store.traces import Snapshot

SUFFIXES = (".json", ".json.gz")
"""How a name ends that is a trace.json and not a log."""

COMPRESSED = b"\x1f\x8b"
BEGINNINGS = (b"{", b"[", COMPRESSED)
"""Of the formats that a trace.json may have: an object, an array, compressed."""


def document_path(name: str) -> Path | None:
    """The trace.json that a person means by this; None if a log is meant."""
    path = Path(name)
    return path if name.endswith(SUFFIXES) and path.exists() else None


def finished(source: Snapshot, progress: Progress) -> tuple[IO[bytes], Summary]:
    """The trace as a file without a name: however this process ends, nothing is left.

    Raises:
        ExportError: The log cannot be read.
        ViewError: It holds nothing to be shown, or there is no room for the file.
    """
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
        try:
            summary = write_tef(source, file, progress)
            file.flush()
            _check(source, summary)
        except BaseException:
            file.close()
            raise
    except OSError as error:
        where = f"{tempfile.gettempdir()}: {error.strerror}"
        raise ViewError(f"cannot write the trace to a temporary file in {where}; TMPDIR names another place") from None
    return file, summary


def _check(source: Snapshot, summary: Summary) -> None:
    if summary.events:
        return
    if summary.left_out:
        reason = summary.first_left_out[0].reason
        raise ViewError(f"{source.path} holds no event that Perfetto reads; its first line: {reason}")
    raise ViewError(f"the trace {source.trace_id} has no events")


def given(path: Path) -> IO[bytes]:
    """A trace.json as it is.

    Raises:
        ViewError: It cannot be read, or is none.
    """
    try:
        file = open(open_for_reading(path.resolve()), "rb")  # noqa: SIM115 (the caller closes it)
    except (OSError, UnsafePathError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ViewError(f"cannot read {path}: {reason}") from None
    if os.pread(file.fileno(), 128, 0).lstrip().startswith(BEGINNINGS):
        return file
    file.close()
    raise ViewError(f"{path} is no trace.json")
