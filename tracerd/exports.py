"""The exports in progress: written by worker threads, off the reading path.

Exports to one path run one after the other, in order of asking. While one runs, further wishes for the same trace and
path are one pending wish: the newest contains the others.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import trio

from tracerd.errors import ExportError
from tracerd.export import Forbidden, Summary, export_to_file, resolve_target
from tracerd.spool import Snapshot
from tracerd.state import Export
from tracerd.text import printable

logger = logging.getLogger(__name__)

WORKERS = 2
"""Exports that run at once: more would only take the disk and the interpreter from the readers."""


@dataclass(slots=True)
class _Job:
    source: Snapshot
    wishes: list[Export]


class ExportQueue:
    """Runs exports.

    Args:
        nursery: Where its tasks live; they end by themselves.
        forbidden: What no export may touch.
        on_ended: Called for each wish with the empty string, or with the reason why it failed.
    """

    def __init__(self, nursery: trio.Nursery, forbidden: Forbidden, on_ended: Callable[[Export, str], None]) -> None:
        self._nursery = nursery
        self._forbidden = forbidden
        self._on_ended = on_ended
        self._limiter = trio.CapacityLimiter(WORKERS)
        self._queues: dict[str, list[_Job]] = {}  # by path; the first job of each is running
        self._idle = trio.Event()
        self._idle.set()
        self._hurry = False

    def add(self, export: Export, source: Snapshot) -> None:
        """Write this snapshot to the path that was asked for, as soon as it is its turn."""
        queue = self._queues.get(export.path)
        if queue is None:
            self._queues[export.path] = [_Job(source, [export])]
            if self._idle.is_set():
                self._idle = trio.Event()
            self._nursery.start_soon(self._run, export.path)
            return
        wishes = [export]
        for job in queue[1:]:
            if job.source.trace_id == source.trace_id:
                queue.remove(job)
                wishes = [*job.wishes, export]
        queue.append(_Job(source, wishes))

    def hurry(self) -> None:
        """Give up what is running and pending: the daemon was told twice to stop."""
        self._hurry = True

    async def wait_idle(self) -> None:
        """Wait until no export is running or pending."""
        while self._queues:
            await self._idle.wait()

    async def _run(self, path: str) -> None:
        queue = self._queues[path]
        while queue:
            job = queue[0]
            error = await self._write(path, job.source)
            queue.pop(0)
            if not queue:
                del self._queues[path]
            for wish in job.wishes:
                self._on_ended(wish, error)
        if not self._queues:
            self._idle.set()

    async def _write(self, path: str, source: Snapshot) -> str:
        shown = printable(path)
        try:
            summary = await trio.to_thread.run_sync(self._write_in_thread, path, source, limiter=self._limiter)
        except ExportError as error:
            reason = printable(str(error))
            logger.warning("trace %s was not written to %s: %s", source.trace_id, shown, reason)
            return reason
        except Exception:
            logger.exception("a bug of tracerd: trace %s was not written to %s", source.trace_id, shown)
            return "an internal error of tracerd; see its log"
        logger.info("trace %s: %d events to %s, %d left out", source.trace_id, summary.events, shown, summary.left_out)
        return "" if source.complete else "written, but incomplete: out of file descriptors to accept all clients"

    def _write_in_thread(self, path: str, source: Snapshot) -> Summary:
        return export_to_file(source, resolve_target(path, self._forbidden), self._progress)

    def _progress(self, _size: int) -> None:
        if self._hurry:
            raise ExportError("given up, because the daemon was told to stop at once")
