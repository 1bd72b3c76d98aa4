"""The daemon at work: it serves clients, exports after a barrier, and stops in order.

Strategy: `Intake` reads, `DaemonState` decides, `Performer` performs, all in one task turn for each read. What has to
wait for other clients does not happen there: an export that was asked for, and the decision that a trace has ended,
wait for the barrier loop. It first takes in all that any process had written by then (see `barrier`), so an export
holds what the children of its asker had written, and no trace ends while a client of it waits in a queue.

Two nurseries make the order of the stop: readers are cancelled first, workers (exports, replies) end by themselves.
"""

import logging
import math
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import trio

from tracerd.core.actions import Export
from tracerd.core.limits import DEFAULT_MAX_LINE_BYTES, DEFAULT_MAX_UNFINISHED_BYTES
from tracerd.core.state import DaemonState
from tracerd.daemon import barrier
from tracerd.daemon.export_queue import ExportQueue
from tracerd.daemon.housekeeping import Housekeeping
from tracerd.daemon.intake import Intake
from tracerd.daemon.listeners import AnyListener
from tracerd.daemon.performer import Performer
from tracerd.daemon.trace_files import Fsync, TraceFiles
from tracerd.store.directory import TraceDirectory
from tracerd.store.own_lines import wall_offset_us
from tracerd.trace_id import TraceId
from tracerd.traces.retention import NO_LIMITS, Limits

logger = logging.getLogger(__name__)

ENDS_PER_TURN = 100
"""Traces whose files are closed before others get their turn."""

REPLY_DEADLINE_S = 0.5
"""At a stop: how long clients may take to read the replies they were promised."""


class Server:
    """One daemon.

    Args:
        listeners: Where clients connect.
        directory: Where the logs are.
        only_trace: The one trace of all clients, and its log (`--into-file`).
        max_line_bytes: Longer lines are refused.
        max_unfinished_bytes: When lines that have not ended yet take more, the longest is refused.
        max_log_bytes: A log that has reached this size takes no more.
        fsync: When logs are brought to the disk.
        limits: What may stay in the directory.
    """

    def __init__(
        self,
        listeners: Sequence[AnyListener],
        directory: TraceDirectory,
        *,
        only_trace: tuple[TraceId, Path] | None = None,
        max_line_bytes: int = DEFAULT_MAX_LINE_BYTES,
        max_unfinished_bytes: int = DEFAULT_MAX_UNFINISHED_BYTES,
        max_log_bytes: float = math.inf,
        fsync: Fsync = "never",
        limits: Limits = NO_LIMITS,
    ) -> None:
        self._listeners = listeners
        self._directory = directory
        self._state = DaemonState(only_trace[0] if only_trace else None, wall_offset_us)
        self._trace_files = TraceFiles(
            directory,
            only_trace[1] if only_trace else None,
            self._state.exit_paths.forget,
            max_log_bytes,
            fsync,
        )
        self._housekeeping = Housekeeping(directory.path, limits, self._forget)
        self._performer = Performer(self._state, directory.path, self._trace_files, self._housekeeping)
        self._intake = Intake(self._state, self._performer, self._trace_files, max_line_bytes, max_unfinished_bytes)
        self._perform = self._performer.perform
        self._appender = self._performer.appender
        self._connections = self._performer.connections
        self._signals = 0

    async def run(self) -> None:
        """Serve until DIE, DIE_WHEN_IDLE or `stop`; returns when everything is safe."""
        async with trio.open_nursery() as workers:
            self._performer.start(workers)
            self._exports = ExportQueue(
                workers, self._directory.forbidden, self._export_ended, lambda: self._intake.reads
            )
            async with trio.open_nursery() as readers:
                self._intake.start(readers)
                for listener in self._listeners:
                    readers.start_soon(self._intake.accept_loop, listener)
                readers.start_soon(self._barrier_loop)
                readers.start_soon(self._retry_loop)
                readers.start_soon(self._housekeeping.loop)
                await self._performer.stop.wait()
                readers.cancel_scope.cancel()
            logger.info("stopping: %d connections to read to their end", len(self._connections))
            await self._stop_in_order()
            # What is left are replies on their way: the nursery waits for them, but not for ever.
            workers.cancel_scope.deadline = trio.current_time() + REPLY_DEADLINE_S
        self._performer.close_all()

    def stop(self) -> None:
        """Stop as DIE does, because of a signal. The second call gives up the exports that are still running."""
        self._signals += 1
        if self._signals > 1:
            self._exports.hurry()
        self._performer.stop.set()

    async def wait_stopping(self) -> None:
        """Wait until the stop begins."""
        await self._performer.stop.wait()

    def _forget(self, trace_id: TraceId) -> None:
        """Forget a trace that housekeeping has removed."""
        if trace_id not in self._state.traces:
            self._trace_files.forget(trace_id)

    async def _retry_loop(self) -> None:
        """Try again as long as events wait."""
        while True:
            for trace_id in await self._appender.wait_retry():
                self._perform(self._appender.retry(trace_id))
                self._intake.check_for_ends()
                await trio.lowlevel.checkpoint()

    # ------------------------------------------------------------------ the barrier, and what follows from it

    async def _barrier_loop(self) -> None:
        while True:
            self._intake.wake_at_s = self._state.next_end_s()
            with trio.move_on_at(max(self._intake.wake_at_s, trio.current_time() - 1)):
                await self._performer.work.wait()
            self._performer.work = trio.Event()
            if self._performer.exports or self._state.next_end_s() <= trio.current_time():
                await self._round()
            await trio.lowlevel.checkpoint()

    async def _round(self) -> None:
        """Serve the exports pending now, and the traces that have ended by now, after one barrier."""
        began_s, pending = trio.current_time(), len(self._performer.exports)
        complete = await self._accept_waiting(self._listeners)
        await barrier.read_waiting(self._connections.values(), self._intake.read)
        self._start_exports(pending, complete=complete)
        self._perform(self._state.end_due_traces(began_s, ENDS_PER_TURN))

    async def _accept_waiting(self, listeners: Iterable[AnyListener]) -> bool:
        """Accept all who wait now, on each listener; False if descriptors did not suffice."""
        accept = self._intake.accept
        return all([await barrier.accept_waiting(partial(accept, each), each.backlog) for each in listeners])

    def _start_exports(self, pending: int, *, complete: bool) -> None:
        """Start the first so many exports that were asked for: the barrier did not serve later ones."""
        exports = self._performer.exports[:pending]
        del self._performer.exports[:pending]
        for export in exports:
            self._perform(self._appender.retry(export.trace_id))
            if missing := self._appender.missing(export.trace_id):
                missing = f"the log cannot be written: {missing}"
            elif not complete:
                missing = "out of file descriptors to accept all clients"
            trace = self._state.traces.get(export.trace_id)
            refused = trace.totals.refused if trace else 0  # which no EndTrace has counted yet
            self._exports.add(export, self._trace_files.begin_export(export.trace_id, refused, missing))

    def _export_ended(self, export: Export, error: str) -> None:
        self._trace_files.end_export(export.trace_id)
        self._housekeeping.check_again()
        self._perform(self._state.export_ended(export, error))

    # ------------------------------------------------------------------ the stop

    async def _stop_in_order(self) -> None:
        """What had been written before stays; what is written from now on fails at the writer."""
        own = [listener for listener in self._listeners if not listener.outlives_us]
        for listener in own:
            barrier.refuse_new(listener.socket)
        complete = await self._read_to_the_end(own)
        if not complete:
            logger.error("data lost: out of file descriptors to accept all clients")
        if self._performer.exports or self._state.exit_paths.any_of(self._state.traces):
            # They promise what was written before they were asked for, and some of it may wait in a queue that would
            # else be left to the next daemon. One pass will do: a client accepted now asks for nothing more.
            complete &= await self._read_to_the_end([listener for listener in self._listeners if listener.outlives_us])
        self._perform(self._appender.give_up())
        self._perform(self._state.end_due_traces(math.inf))
        self._start_exports(len(self._performer.exports), complete=complete)
        await self._exports.wait_idle()

    async def _read_to_the_end(self, listeners: Iterable[AnyListener]) -> bool:
        """Accept all who wait there, and read all connections to their end; False if descriptors did not suffice."""
        while True:
            # Without descriptors for all who wait, those accepted are read to their end and make room for the next.
            complete = await self._accept_waiting(listeners)
            before = len(self._connections)
            for connection in list(self._connections.values()):
                barrier.refuse_writes(connection.socket)
                while connection.reading and self._intake.read(connection):
                    pass
            if complete or len(self._connections) == before:
                return complete
