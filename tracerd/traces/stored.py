"""The traces of a directory: found and listed; nothing here writes.

A stored trace is its log and, beside it, a file of rejects. There is one type for it and one listing, which `list`,
`clear`, retention, `tail` and completion all use. What has the name of a log and is no regular file is no trace;
what has the name of rejects and is none is left alone, as if it were not there.
"""

import errno
import logging
import os
import stat
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from tracerd.core.counts import Totals
from tracerd.core.own_prefixes import BEGIN_PREFIX, OWN_MARK, OWN_PREFIXES
from tracerd.errors import NoSuchTraceError
from tracerd.store.packed import PACKED_SUFFIX, is_packed, packed_path, parts
from tracerd.store.rejects import REJECTS_SUFFIX, read_rejects, rejects_path
from tracerd.store.snapshot import SUFFIX
from tracerd.text import printable

logger = logging.getLogger(__name__)

LATEST = "latest"


class StoredTrace(NamedTuple):
    """What a trace keeps in the directory: its log and the rejects beside it, or one of them.

    Attributes:
        trace_id: The name of its files without their suffix; for a file from elsewhere it may be no valid trace id.
        file: Where the log is, or would be; as text, since a directory may hold ten thousand.
        has_log: Whether there is one, or its packed part: if every line was refused, there are rejects only.
        log_size: The length of the log in bytes; 0 without one.
        size: Of all its files, in bytes.
        last_write_s: When one of them was last written, in seconds of the Unix epoch.
        version: Device, inode and time of the last change of the log, in ns, and of its packed part: with the same
            nothing has changed.
        packed_size: The length of the packed part in bytes; 0 without one.
    """

    trace_id: str
    file: str
    has_log: bool
    log_size: int
    size: int
    last_write_s: float
    version: tuple[int, ...] = ()
    packed_size: int = 0

    @property
    def path(self) -> Path:
        """Where the log is, or would be."""
        return Path(self.file)


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
    packed = {name.removesuffix(PACKED_SUFFIX) for name in names if name.endswith(PACKED_SUFFIX)}
    prefix = str(directory / "_").removesuffix("_")
    found = [
        trace
        for stem in logs | rejects | packed
        if not stem.startswith(".") and (trace := _listed_trace(f"{prefix}{stem}", stem in rejects, stem in packed))
    ]
    return sorted(found, key=attrgetter("last_write_s", "trace_id"))


def _listed_trace(base: str, has_rejects: bool, has_packed: bool) -> StoredTrace | None:
    packed, rejects = base + PACKED_SUFFIX if has_packed else None, base + REJECTS_SUFFIX if has_rejects else None
    try:
        return _stored_trace(base + SUFFIX, packed, rejects)
    except OSError as error:  # of this trace: the others are listed
        logger.warning("cannot read the status of %s%s: %s", printable(base), SUFFIX, error.strerror)
        return None


def list_logs(directory: Path) -> list[StoredTrace]:
    """As `list_traces`, but only those that have a log."""
    return [trace for trace in list_traces(directory) if trace.has_log]


def stored_trace(path: Path) -> StoredTrace | None:
    """The trace with this log; None if nothing is kept of it, or something else lies there."""
    packed = str(packed_path(path)) if path.suffix == SUFFIX else None
    return _stored_trace(str(path), packed, str(rejects_path(path)))


def _stored_trace(file: str, packed_file: str | None, rejects_file: str | None) -> StoredTrace | None:
    log = _status(file)
    packed = _status(packed_file) if packed_file else None
    rejects = _status(rejects_file) if rejects_file else None
    if log and not stat.S_ISREG(log.st_mode):
        return None
    if packed and not is_packed(Path(file)):
        packed = None
    files = [status for status in (log, packed, rejects) if status and stat.S_ISREG(status.st_mode)]
    if not files:
        return None
    logs = (log, packed) if packed else (log,)
    return StoredTrace(
        trace_id=file[file.rfind("/") + 1 :].removesuffix(SUFFIX),
        file=file,
        has_log=log is not None or packed is not None,
        log_size=log.st_size if log else 0,
        size=sum([status.st_size for status in files]),
        last_write_s=max([status.st_mtime for status in files]),
        version=tuple(n for one in logs if one for n in (one.st_dev, one.st_ino, one.st_ctime_ns)),
        packed_size=packed.st_size if packed else 0,
    )


def _status(file: str) -> os.stat_result | None:
    try:
        return os.lstat(file)
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
            raise NoSuchTraceError(f"there is no log {name}; `tracerd list` shows those that there are")
        return trace
    traces = list_logs(directory)
    # Of a trace that is called `latest`, too.
    if exact := [trace for trace in traces if trace.trace_id + SUFFIX == name]:
        return exact[0]
    if name == LATEST:
        if not traces:
            raise NoSuchTraceError(f"there are no traces in {directory} yet; `tracerd exec CMD` records one")
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
    with parts(trace.path) as opened:
        counted.stored = sum(map(_count_events, opened.blocks()))
    return counted


def _count_events(block: bytes) -> int:
    count = block.count(b"\n")
    if block.rfind(OWN_MARK) >= 0:
        no_events = (*OWN_PREFIXES, BEGIN_PREFIX)
        count -= sum(block.count(b"\n" + prefix) + block.startswith(prefix) for prefix in no_events)
    return count
