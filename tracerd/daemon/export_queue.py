"""The exports in progress: written by worker threads, off the reading path.

Exports to one path run one after the other, in order of asking. While one runs, further wishes for the same trace and
path are one pending wish: the newest contains the others.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import trio

from tracerd.core.actions import Export
from tracerd.errors import ExportError
from tracerd.store.directory import Forbidden
from tracerd.store.snapshot import Snapshot
from tracerd.text import printable
from tracerd.trace_json.export import export_to_file
from tracerd.trace_json.target import resolve_target

logger = logging.getLogger(__name__)

WORKERS = 2
"""Exports that run at once: more would only take the disk and the interpreter from the readers."""


RESOLVE_S = 5.0
"""How long a file system may take to resolve a path; exports to others wait meanwhile."""

SHOWN_PATH = 200

STEP_BACK_S = 0.0005
"""How long an export lets the interpreter go, after each block, while clients are being read from. A thread that only
computes is given the interpreter for 5 ms whenever the reader waits for the kernel, so it would take most of it."""


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
        reads: How often clients have been read from so far: exports step back while that grows.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        forbidden: Forbidden,
        on_ended: Callable[[Export, str], None],
        reads: Callable[[], int],
    ) -> None:
        self._nursery = nursery
        self._forbidden = forbidden
        self._on_ended = on_ended
        self._reads = reads
        self._reads_seen = 0
        self._limiter = trio.CapacityLimiter(WORKERS)
        self._asked: deque[tuple[Export, Snapshot]] = deque()  # not resolved yet
        self._queues: dict[str, list[_Job]] = {}  # by target; the first job of each is running
        self._unfinished = 0
        self._idle = trio.Event()
        self._hurry = False
        self._resolving = trio.CancelScope()

    def add(self, export: Export, source: Snapshot) -> None:
        """Write this snapshot to the path that was asked for, as soon as it is its turn."""
        self._unfinished += 1
        self._asked.append((export, source))
        if len(self._asked) == 1:
            self._nursery.start_soon(self._resolve_all)

    def hurry(self) -> None:
        """Give up what is running and pending: the daemon got a second signal to stop."""
        self._hurry = True
        self._resolving.cancel()

    async def wait_idle(self) -> None:
        """Wait until no export is running or pending."""
        while self._unfinished:
            self._idle = trio.Event()
            await self._idle.wait()

    async def _resolve_all(self) -> None:
        """Find the file behind each path, in order of asking; in a thread, for the file system may be a slow one."""
        while self._asked:
            export, source = self._asked[0]
            try:
                target = await self._resolve(export.path)
            except Exception as error:  # no thread could be started, perhaps
                self._end([export], self._failed(export.path, _Job(source, [export]), error))
            else:
                self._enqueue(target, _Job(source, [export]))
            self._asked.popleft()

    async def _resolve(self, path: str) -> str:
        self._give_up_if_hurried()
        with trio.move_on_after(RESOLVE_S) as self._resolving:
            return await trio.to_thread.run_sync(resolve_target, path, self._forbidden, True, abandon_on_cancel=True)
        raise ExportError(f"the file system does not answer for {path[:SHOWN_PATH]}")

    def _enqueue(self, target: str, new: _Job) -> None:
        queue = self._queues.setdefault(target, [])
        for job in queue[1:]:
            if job.source.trace_id == new.source.trace_id:
                queue.remove(job)
                new.wishes[:0] = job.wishes
        queue.append(new)
        if len(queue) == 1:
            self._nursery.start_soon(self._run, target, queue)

    async def _run(self, target: str, queue: list[_Job]) -> None:
        while queue:
            job = queue[0]
            error = await self._write(target, job)
            del queue[0]
            if not queue:
                del self._queues[target]
            self._end(job.wishes, error)

    def _end(self, wishes: list[Export], error: str) -> None:
        for wish in wishes:
            self._unfinished -= 1
            self._on_ended(wish, error)
        if not self._unfinished:
            self._idle.set()

    async def _write(self, target: str, job: _Job) -> str:
        source = job.source
        try:
            summary = await trio.to_thread.run_sync(
                export_to_file, source, target, self._progress, limiter=self._limiter
            )
        except Exception as error:
            return self._failed(target, job, error)
        shown = printable(target)
        values = source.trace_id, summary.events, shown, summary.left_out
        logger.info("trace %s: %d events to %s, %d left out", *values, extra={"trace": source.trace_id})
        return source.missing and f"written, but incomplete: {source.missing}"

    def _failed(self, path: str, job: _Job, error: Exception) -> str:
        where = f"trace {job.source.trace_id} was not written to {printable(path)}"
        if not isinstance(error, ExportError):
            logger.error("a bug of tracerd: %s", where, exc_info=error, extra={"trace": job.source.trace_id})
            return "an internal error of tracerd; see its log"
        reason = printable(str(error))
        if any(wish.client is None for wish in job.wishes):  # clients are sent an ERROR, and it is logged
            logger.warning("%s: %s", where, reason, extra={"trace": job.source.trace_id})
        return reason

    def _give_up_if_hurried(self) -> None:
        if self._hurry:
            raise ExportError("given up, because the daemon had to stop at once")

    def _progress(self, _size: int) -> None:
        self._give_up_if_hurried()
        reads = self._reads()
        if reads != self._reads_seen:
            self._reads_seen = reads
            time.sleep(STEP_BACK_S)
