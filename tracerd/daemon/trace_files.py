"""The only writer of logs and of the rejects beside them."""

import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from tracerd.core.counts import Totals
from tracerd.core.messages import Refused
from tracerd.core.protocol import KEPT_BYTES
from tracerd.daemon.log_throttle import LogThrottle
from tracerd.errors import LogFullError, NotAFileError
from tracerd.store.directory import TraceDirectory
from tracerd.store.files import close, pin
from tracerd.store.log import LogWriter
from tracerd.store.own_lines import clock_line, full_line, lost_line
from tracerd.store.rejects import RejectsFile, rejects_path
from tracerd.store.traces import Snapshot, log_path, snapshot
from tracerd.trace_id import TraceId

logger = logging.getLogger(__name__)

Fsync = Literal["never", "close", "always"]
"""When logs are brought to the disk: never by us, when they are closed, or then and before every OK."""

REMOVED_CHECK_S = 5.0
"""How often a log that is being written is checked: was it removed?"""


@dataclass(slots=True)
class _Pin:
    """What keeps a log from being removed while exports wait to read it."""

    exports: int = 0
    fd: int | None = None


class TraceFiles:
    """Writes each trace's log, opening it at the first event and closing it when the trace has ended.

    Args:
        directory: Where the logs are; checked before a log is opened in it.
        only_log: The one log of `--into-file`, wherever it lies.
        on_removed: Called when a log was removed under us, and was begun anew.
        max_log_bytes: A log that has reached this size takes no more.
        fsync: When logs are brought to the disk.
    """

    def __init__(
        self,
        directory: TraceDirectory,
        only_log: Path | None,
        on_removed: Callable[[TraceId], None],
        max_log_bytes: float = math.inf,
        fsync: Fsync = "never",
    ) -> None:
        self._directory = directory
        self._only_log = only_log
        self._on_removed = on_removed
        self._logs: dict[TraceId, LogWriter] = {}
        self._rejects: dict[TraceId, RejectsFile] = {}
        self._clocked: set[TraceId] = set()  # traces whose log has this daemon's clock line
        self._check_at_s: dict[TraceId, float] = {}
        self._max_log_bytes = max_log_bytes
        self._fsync = fsync
        self._warn_now = LogThrottle()
        self._pins: dict[TraceId, _Pin] = {}
        self._unrecorded: dict[TraceId, Totals] = {}  # of traces that have ended, but could not be recorded

    def path(self, trace_id: TraceId) -> Path:
        """Where the log of this trace is, or would be."""
        return self._only_log or log_path(self._directory.path, trace_id)

    def append(self, trace_id: TraceId, block: bytes) -> None:
        """Write a run of events to the trace's log: when this returns, they are in the page cache.

        Raises:
            LogFullError: The log is as long as it may be.
            OSError: None of them was written.
            NotAFileError: What lies in the log's place is no regular file.
            TracerdError: The directory cannot be used now.
        """
        if self._append(trace_id, block):
            return
        raise LogFullError(
            f"the trace is full, its log has reached {self._max_log_bytes:.0f} bytes (the daemon's --max-trace-size)"
        )

    def _append(self, trace_id: TraceId, block: bytes) -> bool:
        """As `append`; false if the log is full."""
        log = self._logs.get(trace_id) or self._open(trace_id)
        if time.monotonic() >= self._check_at_s[trace_id]:
            log = self._check_removed(trace_id, log)
        limit = self._max_log_bytes
        if log.size >= limit:
            return False
        if trace_id not in self._clocked:
            block = clock_line() + block
        if log.size + len(block) >= limit:
            # The mark comes with the run that fills the log, so that each log has exactly one.
            block += full_line(int(limit), block[block.rfind(b"\n", 0, -1) + 1 :])
        log.append(block)
        self._clocked.add(trace_id)
        return True

    def mark_lost(self, trace_id: TraceId, events: int, one: bytes) -> None:
        """Mark the place in the log where so many events are missing, this one among them; a full log has no room.

        Raises:
            OSError: It was not written.
        """
        self._append(trace_id, lost_line(events, one))

    def sync(self) -> Iterator[str]:
        """With fsync "always", bring all logs to the disk; yields what went wrong."""
        if self._fsync == "always":
            for log in self._logs.values():
                yield from _sync(log)

    def _open(self, trace_id: TraceId) -> LogWriter:
        path = self.path(trace_id)
        if not self._only_log:
            self._directory.ensure()
        log = LogWriter(path)
        try:
            if log.size == 0:
                self._begin(trace_id)
            log.cut_torn_tail(partial(self._keep_tail, trace_id))
        except BaseException:  # no event may come behind half a line: the next try opens it anew
            log.close()
            raise
        self._logs[trace_id] = log
        self._check_at_s[trace_id] = time.monotonic() + REMOVED_CHECK_S
        return log

    def _begin(self, trace_id: TraceId) -> None:
        """Forget the log that was there before, if it was removed, and its exports at exit."""
        if trace_id in self._clocked:
            self._clocked.remove(trace_id)
            self._on_removed(trace_id)

    def _keep_tail(self, trace_id: TraceId, tail: bytes) -> None:
        """Keep what is about to be cut.

        Raises:
            OSError: It cannot be kept now.
        """
        reason = "a torn line at the end of the log, left by a daemon that was killed"
        try:
            self._rejects_of(trace_id).add_torn(reason, tail[:KEPT_BYTES])
        except NotAFileError as error:  # which a retry would not change
            self._warn(trace_id, reason, error)
        else:
            name = rejects_path(self.path(trace_id)).name
            logger.warning("%s: %s; it goes to %s", self.path(trace_id), reason, name)

    def _check_removed(self, trace_id: TraceId, log: LogWriter) -> LogWriter:
        self._check_at_s[trace_id] = time.monotonic() + REMOVED_CHECK_S
        if not log.was_removed():
            return log
        logger.warning("%s was removed or renamed while in use; it is begun anew", log.path)
        self._close(trace_id)
        return self._open(trace_id)

    def reject(self, trace_id: TraceId, client_pid: int, refused: Refused) -> None:
        """Keep a refused line in the trace's rejects, as far as there is room."""
        try:
            self._rejects_of(trace_id).add(refused.line_no, client_pid, refused.reason, refused.line)
        except (OSError, NotAFileError) as error:
            self._warn(trace_id, "a refused line", error)

    def end(self, trace_id: TraceId, totals: Totals) -> None:
        """The trace has no clients any more: record what was counted, unless all was stored, and close its files."""
        totals.add(self._unrecorded.pop(trace_id, Totals()))
        if totals.repaired or totals.refused or totals.lost:
            try:
                self._rejects_of(trace_id).record(totals)
            except (OSError, NotAFileError) as error:
                self._unrecorded[trace_id] = totals  # for the next record
                self._warn(trace_id, "the totals", error)
        if trace_id in self._logs and self._fsync != "never":
            self._report_loss(trace_id, *_sync(self._logs[trace_id]))
        self._close(trace_id)

    def _close(self, trace_id: TraceId) -> None:
        self._check_at_s.pop(trace_id, None)
        if log := self._logs.pop(trace_id, None):
            self._report_loss(trace_id, log.close())
        if rejects := self._rejects.pop(trace_id, None):
            rejects.close()

    def _report_loss(self, trace_id: TraceId, *reasons: str) -> None:
        for reason in filter(None, reasons):  # as of a quota on NFS, where what was taken is refused later
            logger.error("%s: data lost: it may not be on the disk: %s", self.path(trace_id), reason)

    def _warn(self, trace_id: TraceId, what: str, error: Exception) -> None:
        if self._warn_now(trace_id):
            logger.warning("%s: %s could not be kept: %s", rejects_path(self.path(trace_id)), what, error)

    def _rejects_of(self, trace_id: TraceId) -> RejectsFile:
        if trace_id not in self._rejects:
            self._rejects[trace_id] = RejectsFile(rejects_path(self.path(trace_id)))
        return self._rejects[trace_id]

    def forget(self, trace_id: TraceId) -> None:
        """Forget a trace that we have removed ourselves, unless it has begun anew."""
        if trace_id not in self._logs and not os.path.lexists(self.path(trace_id)):
            self._clocked.discard(trace_id)
            self._on_removed(trace_id)

    def begin_export(self, trace_id: TraceId, refused: int, missing: str) -> Snapshot:
        """The trace as it is now; its log is not removed until `end_export`, even if the trace ends before."""
        pinned = self._pins.setdefault(trace_id, _Pin())
        pinned.exports += 1
        if pinned.fd is None:
            pinned.fd = pin(self.path(trace_id))
        return snapshot(self.path(trace_id), trace_id, refused, missing)

    def pinned(self) -> int:
        """The number of logs that exports wait to read."""
        return len(self._pins)

    def end_export(self, trace_id: TraceId) -> None:
        """An export of this trace is done, or has failed."""
        pinned = self._pins[trace_id]
        pinned.exports -= 1
        if not pinned.exports:
            del self._pins[trace_id]
            if pinned.fd is not None:
                close(pinned.fd)


def _sync(log: LogWriter) -> Iterator[str]:
    try:
        log.sync()
    except OSError as error:
        yield error.strerror or str(error)
