"""Which traces may stay in the trace directory, and the removal of the others: for `tracerd clear` and for the daemon.

Strategy: the decision is a pure function, `surplus`. A trace that is in use is never touched: its daemon holds a shared
lock on each file that it writes or still has to export, and a remover takes the exclusive lock first, without waiting.
"""

import contextlib
import fcntl
import logging
import math
import time
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tracerd.errors import InvalidTraceIdError, UnsafePathError
from tracerd.store.files import close, is_file_at, open_existing
from tracerd.store.packed import packed_path
from tracerd.store.rejects import rejects_path
from tracerd.text import printable, size_text
from tracerd.trace_id import TraceId
from tracerd.traces.attributes import is_of_exec
from tracerd.traces.packing import pack
from tracerd.traces.stored import StoredTrace, list_traces, stored_trace

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What may stay.

    Attributes:
        max_age_s: Nothing that was last written longer ago.
        max_total_bytes: Not more than this in all; the oldest go first.
        pack_after_s: Logs that were last written longer ago are compressed.
        keep: The newest so many stay in any case.
    """

    max_age_s: float = math.inf
    max_total_bytes: float = math.inf
    keep: int = 0
    pack_after_s: float = math.inf

    def __bool__(self) -> bool:
        """Whether anything is limited."""
        return self.can_expire or self.max_total_bytes < math.inf or self.pack_after_s < math.inf

    @property
    def can_expire(self) -> bool:
        """Whether a trace can exceed a limit by getting old."""
        return self.max_age_s < math.inf


NO_LIMITS = Limits()

EXEC_LIMITS = Limits(max_age_s=30 * 86400, max_total_bytes=2_000_000_000)
"""What may stay of the logs that `tracerd exec` has begun for itself: nobody else knows their names. They say so in
their first lines, since the version after 0.1.0; all other logs stay."""


# ------------------------------------------------------------------ the decision


def surplus(
    traces: Collection[StoredTrace], limits: Limits, now_s: float, in_use: Collection[StoredTrace] = ()
) -> list[StoredTrace]:
    """Which of these traces have to go, oldest first.

    Args:
        traces: All that there are.
        limits: What may stay.
        now_s: The time, in seconds of the Unix epoch.
        in_use: Those that cannot be removed; they count all the same.
    """
    oldest_first = sorted(traces, key=lambda trace: (trace.last_write_s, trace.trace_id))
    total = sum(trace.size for trace in traces)
    chosen: list[StoredTrace] = []
    for trace in oldest_first[: max(0, len(oldest_first) - limits.keep)]:
        if trace in in_use:
            continue
        if now_s - trace.last_write_s > limits.max_age_s or total > limits.max_total_bytes:
            chosen.append(trace)
            total -= trace.size
    return chosen


# ------------------------------------------------------------------ the removal


def is_in_use(trace: StoredTrace) -> bool:
    """Whether another process has a file of this trace open. An error counts as no: `remove` reports it."""
    with ExitStack() as stack, contextlib.suppress(OSError):
        return _lock(trace, stack) is None
    return False


def remove(trace: StoredTrace) -> bool:
    """Remove a trace; False if it is in use, or was written since it was listed.

    Raises:
        OSError: It cannot be removed.
    """
    with ExitStack() as stack:
        locked = _lock(trace, stack)
        if locked is None:
            return False
        if stored_trace(trace.path) != (trace if locked else None):  # without its log it may have been compressed
            return False
        # The log goes last: a daemon that opens the log now waits for us, finds it gone, and begins it again.
        # Were the log gone first, that new trace might have rejects by the time we come to remove the old ones.
        for path in reversed(locked):
            path.unlink(missing_ok=True)
    return True


def _lock(trace: StoredTrace, stack: ExitStack) -> list[Path] | None:
    """The files of the trace, the log first, locked until the stack is left; None if another process has one open."""
    locked: list[Path] = []
    log = trace.path
    for path in (log, *([packed_path(log)] if trace.packed_size else []), rejects_path(log)):
        try:
            fd = open_existing(path)
        except (FileNotFoundError, UnsafePathError):
            continue
        stack.callback(close, fd)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        if not is_file_at(path, fd):
            return None  # begun anew a moment ago
        locked.append(path)
    return locked


def enforce(directory: Path, limits: Limits) -> list[TraceId]:
    """Remove from this directory what exceeds the limits and is not in use, and compress what is old enough.

    Returns:
        The traces removed.

    Logs that exec has begun for itself have limits of their own, EXEC_LIMITS, besides these.

    Raises:
        NoSuchTraceError: The directory cannot be read.
    """
    traces = list_traces(directory)
    removed = _enforce(traces, limits)
    if surplus(traces, EXEC_LIMITS, time.time()):  # or else none of them can be too old or too much
        removed += _enforce([trace for trace in traces if _is_of_exec(trace)], EXEC_LIMITS)
    for trace in list_traces(directory) if limits.pack_after_s < math.inf else ():
        if trace.log_size and time.time() - trace.last_write_s > limits.pack_after_s:
            _try_pack(trace)
    return removed


def _is_of_exec(trace: StoredTrace) -> bool:
    try:
        return is_of_exec(trace.path)
    except (OSError, UnsafePathError):  # there are rejects only, or it was removed since
        return False


def _enforce(traces: list[StoredTrace], limits: Limits) -> list[TraceId]:
    """Remove of these traces what exceeds the limits, also from the list."""
    now_s = time.time()
    removed: list[TraceId] = []
    in_use: set[StoredTrace] = set()
    while chosen := surplus(traces, limits, now_s, in_use):
        for trace in chosen:
            if not _try_remove(trace):
                in_use.add(trace)
                continue
            traces.remove(trace)
            name = printable(trace.trace_id)
            logger.info("removed the trace %s, %s", name, size_text(trace.size), extra={"trace": name})
            with contextlib.suppress(InvalidTraceIdError):
                removed.append(TraceId(trace.trace_id))
    return removed


def _try_pack(trace: StoredTrace) -> None:
    """Move a log into its packed part, unless it is in use, or was written since it was listed."""

    def lock(stack: ExitStack) -> None:
        if not _lock(trace, stack) or stored_trace(trace.path) != trace:
            raise BlockingIOError

    name = printable(trace.trace_id)
    try:
        if pack(trace.path, lock):
            logger.info("compressed the trace %s, %s", name, size_text(trace.log_size), extra={"trace": name})
    except BlockingIOError:
        pass
    except (OSError, UnsafePathError) as error:
        logger.warning("cannot compress the trace %s: %s", name, error, extra={"trace": name})


def _try_remove(trace: StoredTrace) -> bool:
    try:
        return remove(trace)
    except OSError as error:
        name = printable(trace.trace_id)
        logger.warning("cannot remove the trace %s: %s", name, error.strerror, extra={"trace": name})
        return False
