"""The only writer of logs and of the rejects beside them."""

import contextlib
import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from tracerd.core.counts import Totals
from tracerd.core.messages import Refused
from tracerd.core.protocol import KEPT_BYTES
from tracerd.daemon.log_throttle import LogThrottle
from tracerd.errors import LogFullError, NotAFileError
from tracerd.speedups import MAX_MOVED_BYTES
from tracerd.store.directory import TraceDirectory
from tracerd.store.files import close, pin
from tracerd.store.log import LogWriter
from tracerd.store.own_lines import clock_line, full_line, lost_line
from tracerd.store.packed import log_length, packed_path
from tracerd.store.rejects import RejectsFile, rejects_path
from tracerd.store.snapshot import Snapshot, log_path, snapshot
from tracerd.trace_id import TraceId

logger = logging.getLogger(__name__)

Fsync = Literal["never", "close", "always"]
"""When logs are brought to the disk: never by us, when they are closed, or then and before every OK."""

REMOVED_CHECK_S = 5.0
"""How often a log that is being written is checked: was it removed?"""


@dataclass(slots=True)
class _OpenLog:
    """A log that is being written."""

    writer: LogWriter
    max_bytes: float
    """What it may have, besides what is in its packed part."""
    check_at_s: float
    """When to check whether it was removed."""


@dataclass(slots=True)
class _Pin:
    """What keeps a log from being removed while exports wait to read it."""

    exports: int = 0
    fds: dict[Path, int] = field(default_factory=dict[Path, int])


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
        self._logs: dict[TraceId, _OpenLog] = {}
        self._rejects: dict[TraceId, RejectsFile] = {}
        self._clocked: set[TraceId] = set()  # traces whose log has this daemon's clock line
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
        log = self._logs.get(trace_id) or self._open(trace_id)
        if time.monotonic() >= log.check_at_s:
            log = self._check_removed(trace_id, log)
        writer = log.writer
        if writer.size >= log.max_bytes:
            raise LogFullError(
                f"the trace is full, its log has reached {self._max_log_bytes:.0f} bytes"
                " (the daemon's --max-trace-size)"
            )
        if trace_id not in self._clocked:
            block = clock_line() + block
        if writer.size + len(block) >= log.max_bytes:
            # The mark comes with the run that fills the log, so that each log has exactly one.
            block += full_line(int(self._max_log_bytes), block[block.rfind(b"\n", 0, -1) + 1 :])
        writer.append(block)
        self._clocked.add(trace_id)

    def flowing(self, trace_id: TraceId) -> LogWriter | None:
        """The log, if it may be moved to in C: begun, in its place a moment ago, and not nearly full."""
        log = self._logs.get(trace_id)
        if log is None or log.writer.torn or trace_id not in self._clocked or time.monotonic() >= log.check_at_s:
            return None
        return log.writer if log.writer.size + MAX_MOVED_BYTES < log.max_bytes else None

    def mark_lost(self, trace_id: TraceId, events: int, one: bytes) -> None:
        """Mark the place in the log where so many events are missing, this one among them; a full log has no room.

        Raises:
            OSError: It was not written.
        """
        with contextlib.suppress(LogFullError):
            self.append(trace_id, lost_line(events, one))

    def sync(self) -> Iterator[str]:
        """With fsync "always", bring all logs to the disk; yields what went wrong."""
        if self._fsync == "always":
            for log in self._logs.values():
                yield from _sync(log)

    def _open(self, trace_id: TraceId) -> _OpenLog:
        path = self.path(trace_id)
        if not self._only_log:
            self._directory.ensure()
        writer = LogWriter(path)
        try:
            # As text: a Path takes as long as the call.
            packed = log_length(path) - writer.size if os.path.lexists(f"{path}.gz") else 0
            if writer.size == 0 and trace_id in self._clocked:  # it was packed, or removed with its exports at exit
                self._clocked.remove(trace_id)
                if not packed:
                    self._on_removed(trace_id)
            writer.cut_torn_tail(partial(self._keep_tail, trace_id))
        except BaseException:  # no event may come behind half a line: the next try opens it anew
            writer.close()
            raise
        log = _OpenLog(writer, self._max_log_bytes - packed, time.monotonic() + REMOVED_CHECK_S)
        self._logs[trace_id] = log
        return log

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
            logger.warning("%s: %s; it goes to %s", self.path(trace_id), reason, name, extra={"trace": trace_id})

    def _check_removed(self, trace_id: TraceId, log: _OpenLog) -> _OpenLog:
        log.check_at_s = time.monotonic() + REMOVED_CHECK_S
        if not log.writer.was_removed():
            return log
        message = "%s was removed or renamed while in use; it is begun anew"
        logger.warning(message, log.writer.path, extra={"trace": trace_id})
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
        if log := self._logs.pop(trace_id, None):
            self._report_loss(trace_id, log.writer.close())
        if rejects := self._rejects.pop(trace_id, None):
            rejects.close()

    def _report_loss(self, trace_id: TraceId, *reasons: str) -> None:
        for reason in filter(None, reasons):  # as of a quota on NFS, where what was taken is refused later
            message = "%s: data lost: it may not be on the disk: %s"
            logger.error(message, self.path(trace_id), reason, extra={"trace": trace_id})

    def _warn(self, trace_id: TraceId, what: str, error: Exception) -> None:
        if self._warn_now(trace_id):
            path = rejects_path(self.path(trace_id))
            logger.warning("%s: %s could not be kept: %s", path, what, error, extra={"trace": trace_id})

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
        path = self.path(trace_id)
        for file in (path, packed_path(path)):
            if file not in pinned.fds and (fd := pin(file)) is not None:
                pinned.fds[file] = fd
        return snapshot(path, trace_id, refused, missing)

    def pinned(self) -> int:
        """The number of logs that exports wait to read."""
        return len(self._pins)

    def end_export(self, trace_id: TraceId) -> None:
        """An export of this trace is done, or has failed."""
        pinned = self._pins[trace_id]
        pinned.exports -= 1
        if not pinned.exports:
            del self._pins[trace_id]
            for fd in pinned.fds.values():
                close(fd)


def _sync(log: _OpenLog) -> Iterator[str]:
    try:
        log.writer.sync()
    except OSError as error:
        yield error.strerror or str(error)
