"""A trace as it was at one moment, which an export writes and a reader reads."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tracerd.store.packed import log_length
from tracerd.store.rejects import rejects_path
from tracerd.trace_id import TraceId

SUFFIX = ".jsonl"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A trace as it was at one moment: later lines are not part of it.

    Attributes:
        path: The log, which need not exist.
        trace_id: The trace's name.
        log_length: Bytes of the lines that belong to it, of those in the packed part too.
        rejects_length: Bytes of the rejects that belong to it.
        refused: Lines refused since the last record in the rejects, as far as its daemon knows.
        missing: Why it may lack some of what clients had written; empty if it does not.
        transform: What becomes of each block of whole lines, such as redaction; as many lines come out.
    """

    path: Path
    trace_id: str
    log_length: int
    rejects_length: int
    refused: int = 0
    missing: str = ""
    transform: Callable[[bytes], bytes] | None = None


def log_path(directory: Path, trace_id: TraceId) -> Path:
    """Where the log of this trace is, or would be."""
    return directory / f"{trace_id}{SUFFIX}"


def snapshot(path: Path, trace_id: str, refused: int = 0, missing: str = "") -> Snapshot:
    """The trace as it is now; see `Snapshot` for the arguments."""
    return Snapshot(path, trace_id, log_length(path), _length(rejects_path(path)), refused, missing)


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # reading it gives the reason
        return 0
