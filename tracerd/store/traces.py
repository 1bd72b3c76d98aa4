"""The trace directory: find, list and describe what is stored there; nothing here writes.

A stored trace is its log and, beside it, a file of rejects. There is one type for it and one listing, which `list`,
`clear`, retention, `tail` and completion all use. What has the name of a log and is no regular file is no trace;
what has the name of rejects and is none is left alone, as if it were not there.
"""

import errno
import logging
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tracerd.core.counts import Totals
from tracerd.core.tef import BEGIN_PREFIX, OWN_MARK, OWN_PREFIXES
from tracerd.errors import NoSuchTraceError
from tracerd.store.log import read_blocks
from tracerd.store.rejects import REJECTS_SUFFIX, read_rejects, rejects_path
from tracerd.text import printable
from tracerd.trace_id import TraceId

logger = logging.getLogger(__name__)

SUFFIX = ".jsonl"
LATEST = "latest"


@dataclass(frozen=True, slots=True)
class StoredTrace:
    """What a trace keeps in the directory: its log and the rejects beside it, or one of them.

    Attributes:
        trace_id: The name of its files without their suffix; for a file from elsewhere it may be no valid trace id.
        path: Where the log is, or would be.
        has_log: Whether there is one: if every line of a trace was refused, there are rejects only.
        log_size: The length of the log in bytes; 0 without one.
        size: Of both files, in bytes.
        last_write_s: When one of them was last written, in seconds of the Unix epoch.
    """

    trace_id: str
    path: Path
    has_log: bool
    log_size: int
    size: int
    last_write_s: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A trace as it was at one moment: later lines are not part of it.

    Attributes:
        path: The log, which need not exist.
        trace_id: The trace's name.
        log_length: Bytes of the log that belong to it.
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
    return Snapshot(path, trace_id, _length(path), _length(rejects_path(path)), refused, missing)


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # reading it gives the reason
        return 0


# ------------------------------------------------------------------ find and list


def list_traces(directory: Path) -> list[StoredTrace]:
    """All traces of a directory, oldest last write first; none if there is no such directory.

    Raises:
        NoSuchTraceError: The directory cannot be read.
    """
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise NoSuchTraceError(f"cannot read the directory {directory}: {error.strerror}") from None
    logs = {name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)}
    rejects = {name.removesuffix(REJECTS_SUFFIX) for name in names if name.endswith(REJECTS_SUFFIX)}
    found = [
        trace
        for stem in logs | rejects
        if not stem.startswith(".") and (trace := _listed_trace(directory / f"{stem}{SUFFIX}", stem in rejects))
    ]
    return sorted(found, key=lambda trace: (trace.last_write_s, trace.trace_id))


def _listed_trace(path: Path, may_have_rejects: bool) -> StoredTrace | None:
    try:
        return _stored_trace(path, may_have_rejects)
    except OSError as error:  # of this trace: the others are listed
        logger.warning("cannot read the status of %s: %s", printable(str(path)), error.strerror)
        return None


def list_logs(directory: Path) -> list[StoredTrace]:
    """As `list_traces`, but only those that have a log."""
    return [trace for trace in list_traces(directory) if trace.has_log]


def stored_trace(path: Path) -> StoredTrace | None:
    """The trace with this log; None if nothing is kept of it, or something else lies there."""
    return _stored_trace(path, may_have_rejects=True)


def _stored_trace(path: Path, may_have_rejects: bool) -> StoredTrace | None:
    log = _status(path)
    rejects = _status(rejects_path(path)) if may_have_rejects else None
    if log and not stat.S_ISREG(log.st_mode):
        return None
    files = [file for file in (log, rejects) if file and stat.S_ISREG(file.st_mode)]
    if not files:
        return None
    return StoredTrace(
        trace_id=path.name.removesuffix(SUFFIX),
        path=path,
        has_log=log is not None,
        log_size=log.st_size if log else 0,
        size=sum(file.st_size for file in files),
        last_write_s=max(file.st_mtime for file in files),
    )


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return None
        raise


def find_log(directory: Path, name: str) -> StoredTrace:
    """The trace that a person means: a path, a file name, `latest`, a trace id, or an unambiguous prefix of one.

    The first of these that fits: `run.jsonl` is the log `run.jsonl`, and only without it the trace `run.jsonl`.

    Raises:
        NoSuchTraceError: No trace that has a log fits, or more than one.
    """
    if "/" in name:
        trace = stored_trace(Path(name).resolve())
        if trace is None or not trace.has_log:
            raise NoSuchTraceError(f"there is no log {name}")
        return trace
    traces = list_logs(directory)
    if exact := [trace for trace in traces if trace.path.name == name]:  # also of a trace that is called `latest`
        return exact[0]
    if name == LATEST:
        if not traces:
            raise NoSuchTraceError(f"there are no logs in {directory} yet")
        return traces[-1]
    fitting = [trace for trace in traces if trace.trace_id == name] or [
        trace for trace in traces if trace.trace_id.startswith(name)
    ]
    if not fitting:
        raise NoSuchTraceError(f"no trace {name!r} in {directory}; `tracerd list` shows what is there")
    if len(fitting) > 1:
        some = ", ".join(trace.trace_id for trace in fitting[:3])
        raise NoSuchTraceError(f"{name!r} fits {len(fitting)} traces ({some} ...); give more of the id")
    return fitting[0]


# ------------------------------------------------------------------ describe


def totals(trace: StoredTrace) -> Totals:
    """What was counted for a trace that has a log: stored events by the log, all others by the rejects.

    Reading the log takes about a second for each GB.

    Raises:
        OSError: The log cannot be read.
    """
    counted = read_rejects(rejects_path(trace.path))
    with trace.path.open("rb", buffering=0) as file:
        counted.stored = sum(map(_count_events, read_blocks(file.fileno(), trace.log_size)))
    return counted


def _count_events(block: bytes) -> int:
    count = block.count(b"\n")
    if block.rfind(OWN_MARK) >= 0:
        no_events = (*OWN_PREFIXES, BEGIN_PREFIX)
        count -= sum(block.count(b"\n" + prefix) + block.startswith(prefix) for prefix in no_events)
    return count
