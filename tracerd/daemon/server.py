"""The daemon at work: accept, read, perform what the state decides, stop. The only module that ties I/O together.

Each read is handled to its end without an await: when a block has been received, its events are in the log before any
other task runs. That is what the barrier and the stop order stand on.
"""

import contextlib
import errno
import logging
import math
import os
import resource
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import assert_never

import trio

from tracerd.core.actions import (
    Action,
    Append,
    ClientId,
    Close,
    EndTrace,
    Export,
    Reject,
    ReplyError,
    ReplyOk,
    ReplyStatus,
    Retry,
    Stop,
)
from tracerd.core.limits import DEFAULT_MAX_LINE_BYTES, DEFAULT_MAX_UNFINISHED_BYTES
from tracerd.core.messages import Message
from tracerd.core.protocol import encode_error
from tracerd.core.state import DaemonState
from tracerd.daemon import barrier
from tracerd.daemon.appender import Appender
from tracerd.daemon.connection import RECV_BYTES, RECV_BYTES_OF_BAD, Connection
from tracerd.daemon.export_queue import ExportQueue
from tracerd.daemon.housekeeping import Housekeeping
from tracerd.daemon.listeners import AnyListener, peer_of, welcome_uids
from tracerd.daemon.status import comm, status_line
from tracerd.daemon.trace_files import Fsync, TraceFiles
from tracerd.store.export import Forbidden
from tracerd.store.retention import NO_LIMITS, Limits
from tracerd.text import printable
from tracerd.trace_id import TraceId

logger = logging.getLogger(__name__)

ACCEPTS_PER_TURN = 64
"""Connections accepted before others get their turn."""

READS_AT_ACCEPT = 4
"""A short-lived client has usually written everything and gone: it is served at once and needs no task."""

FILES_PER_TRACE = 3
"""A log, the account beside it, and what keeps it while an export waits."""

SPARE_DESCRIPTORS = 32
"""Kept for what is no connection and no log: exports, the listeners, the event loop, questions to the system."""

MANY_BAD = 100
"""Bad lines in one block that make a client one of whom less is read at a time."""

ACCEPT_PAUSE_S = 0.1
"""How long to wait before the next accept when descriptors have run out."""

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
        ensure_directory: Makes sure that the directory is there and ours, before a log is opened in it.
        limits: What may stay in the directory.
        forbidden: What no export may touch.
    """

    def __init__(
        self,
        listeners: Sequence[AnyListener],
        directory: Path,
        *,
        only_trace: tuple[TraceId, Path] | None = None,
        max_line_bytes: int = DEFAULT_MAX_LINE_BYTES,
        max_unfinished_bytes: int = DEFAULT_MAX_UNFINISHED_BYTES,
        max_log_bytes: float = math.inf,
        fsync: Fsync = "never",
        ensure_directory: Callable[[], object] | None = None,
        limits: Limits = NO_LIMITS,
        forbidden: Forbidden,
    ) -> None:
        self._listeners = listeners
        self._directory = directory
        self._max_line_bytes = max_line_bytes
        self._max_unfinished_bytes = max_unfinished_bytes
        self._unfinished_bytes = 0
        self._forbidden = forbidden
        self._welcome = welcome_uids()
        self._state = DaemonState(only_trace[0] if only_trace else None)
        self._trace_files = TraceFiles(
            directory,
            only_trace[1] if only_trace else None,
            self._state.forget,
            max_log_bytes,
            fsync,
            ensure_directory,
        )
        self._appender = Appender(self._state, self._trace_files)
        self._housekeeping = Housekeeping(directory, limits, self._forget)
        self._connections: dict[ClientId, Connection] = {}
        self._closing: set[Connection] = set()  # done with, but with replies still to be sent
        self._pending: list[Export] = []  # asked for, waiting for the barrier
        self._stop = trio.Event()
        self._work = trio.Event()  # there is something for the barrier loop
        self._wake_at_s = -math.inf  # when the barrier loop wakes by itself
        self._max_descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_DESCRIPTORS
        self._short_of_descriptors = False
        self._reads = 0
        self._signals = 0
        self._started_s = 0.0

    async def run(self) -> None:
        """Serve until DIE, DIE_WHEN_IDLE or `stop`; returns when everything is safe."""
        self._started_s = trio.current_time()
        async with trio.open_nursery() as self._workers:
            self._exports = ExportQueue(self._workers, self._forbidden, self._export_ended, lambda: self._reads)
            async with trio.open_nursery() as self._readers:
                for listener in self._listeners:
                    self._readers.start_soon(self._accept_loop, listener)
                self._readers.start_soon(self._barrier_loop)
                self._readers.start_soon(self._retry_loop)
                self._readers.start_soon(self._housekeeping.loop)
                await self._stop.wait()
                self._readers.cancel_scope.cancel()
            logger.info("stopping: %d connections to read to their end", len(self._connections))
            await self._stop_in_order()
            # What is left are replies on their way: the nursery waits for them, but not for ever.
            self._workers.cancel_scope.deadline = trio.current_time() + REPLY_DEADLINE_S
        for connection in [*self._connections.values(), *self._closing]:
            connection.close()

    def stop(self) -> None:
        """Stop as DIE does, because of a signal. The second call gives up the exports that are still running."""
        self._signals += 1
        if self._signals > 1:
            self._exports.hurry()
        self._stop.set()

    async def wait_stopping(self) -> None:
        """Wait until the stop begins."""
        await self._stop.wait()

    # ------------------------------------------------------------------ clients come

    async def _accept_loop(self, listener: AnyListener) -> None:
        while True:
            await trio.lowlevel.wait_readable(listener.socket)
            try:
                for _ in range(ACCEPTS_PER_TURN):
                    if not self._accept(listener):
                        break
                self._short_of_descriptors = False
            except OSError as error:
                if not self._short_of_descriptors:
                    logger.warning("some clients have to wait: %s", error.strerror)
                self._short_of_descriptors = True
                await trio.sleep(ACCEPT_PAUSE_S)

    def _accept(self, listener: AnyListener) -> bool:
        """Accept one connection and read what it has to say by now; False if none waits.

        Raises:
            OSError: There is no file descriptor for another, or for its log, or none would be left for exports.
        """
        traces = len(self._state.traces) + self._state.without_trace + 1
        files = FILES_PER_TRACE * traces + self._trace_files.pinned()
        if len(self._connections) + files > self._max_descriptors:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        try:
            sock, _ = listener.socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        peer = peer_of(sock)
        if peer.uid not in self._welcome:
            logger.warning("refused a connection of another user (uid %d, pid %d)", peer.uid, peer.pid)
            sock.close()
            return True
        if self._stop.is_set():
            barrier.refuse_writes(sock)
        client = self._state.connect(peer.pid, trio.current_time())
        connection = self._connections[client] = Connection(client, sock, peer, self._max_line_bytes)
        for _ in range(READS_AT_ACCEPT):
            if not (connection.reading and self._read(connection)) or connection.recv_bytes < RECV_BYTES:
                break
        if connection.reading and not self._stop.is_set():
            connection.waited_for = True
            self._readers.start_soon(self._read_loop, connection)
        return True

    async def _read_loop(self, connection: Connection) -> None:
        while connection.reading:
            try:
                await trio.lowlevel.wait_readable(connection.socket)
            except trio.ClosedResourceError:
                return
            self._read(connection)

    def _read(self, connection: Connection, size: int | None = None) -> bool:
        """Receive once and do all that follows from it; False if there was nothing to receive."""
        data = connection.recv(size or connection.recv_bytes)
        if data is None:
            return False
        self._reads += 1
        refused = self._state.totals.refused
        try:
            client, now_s = connection.client, trio.current_time()
            if data:
                self._receive(client, connection.reader.feed(data), now_s)
            else:
                connection.reading = False
                self._receive(client, connection.reader.finish(), now_s)
                self._perform(self._state.disconnect(client, now_s))
            self._check_for_ends()
            if (unfinished := connection.reader.unfinished_bytes) != connection.unfinished_bytes:
                self._unfinished_bytes += unfinished - connection.unfinished_bytes
                connection.unfinished_bytes = unfinished
                if self._unfinished_bytes > self._max_unfinished_bytes:
                    self._refuse_longest()
            many_bad = self._state.totals.refused - refused > MANY_BAD
            connection.recv_bytes = RECV_BYTES_OF_BAD if many_bad else RECV_BYTES
        except Exception:
            logger.exception("a bug of tracerd: the client with pid %d is given up", connection.peer.pid)
            self._give_up(connection)
        return True

    def _receive(self, client: ClientId, messages: Iterable[Message], now_s: float) -> None:
        for message in messages:
            self._perform(self._state.receive(client, message, now_s))

    def _refuse_longest(self) -> None:
        """Refuse the longest of the lines that have not ended yet."""
        longest = max(self._connections.values(), key=lambda connection: connection.unfinished_bytes)
        self._unfinished_bytes -= longest.unfinished_bytes
        longest.unfinished_bytes = 0
        reason = f"the unfinished lines of all clients take more than {self._max_unfinished_bytes} bytes"
        self._receive(longest.client, [longest.reader.refuse_unfinished(reason)], trio.current_time())

    def _give_up(self, connection: Connection) -> None:
        """End a client in whose handling a bug was met, and that client only."""
        self._unfinished_bytes -= connection.unfinished_bytes
        self._connections.pop(connection.client, None)
        connection.close()
        if connection.client in self._state.clients:
            self._state.disconnect(connection.client, trio.current_time())  # its replies have nowhere to go

    # ------------------------------------------------------------------ what the state decides

    def _perform(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Append():
                    self._perform(self._state.appended(action, self._appender.append(action)))
                case Retry(trace_id):
                    self._appender.begin_retries(trace_id)
                case Reject(trace_id, client_pid, refused):
                    self._trace_files.reject(trace_id, client_pid, refused)
                case Export():
                    self._pending.append(action)
                    self._work.set()
                case ReplyError(client, line, logged):
                    self._reply(client, line, droppable=True, logged=logged)
                case ReplyOk(client, line):
                    for reason in self._trace_files.sync():
                        self._reply(client, encode_error(0, f"not on the disk: {reason}"), droppable=True)
                    self._reply(client, line, droppable=False)
                case ReplyStatus(client):
                    connection = self._connections.get(client)
                    if connection is not None and connection.has_room():
                        self._reply(client, self._status(), droppable=False)
                case EndTrace(trace_id, totals):
                    self._trace_files.end(trace_id, totals)
                    self._housekeeping.look_again()
                case Close(client):
                    self._close(self._connections.pop(client))
                case Stop():
                    self._stop.set()
                case _:
                    assert_never(action)

    def _forget(self, trace_id: TraceId) -> None:
        """Forget a trace that housekeeping has removed."""
        if trace_id not in self._state.traces:
            self._trace_files.forget(trace_id)

    def _reply(self, client: ClientId, line: bytes, *, droppable: bool, logged: bool = True) -> None:
        connection = self._connections.get(client)
        if connection is None:  # given up because of a bug
            return
        if droppable and logged:
            logger.warning("client with pid %d: %s", connection.peer.pid, printable(line.decode().rstrip("\n")))
        connection.reply(line, droppable=droppable)
        if connection.has_queued() and not connection.sending:
            self._workers.start_soon(self._send, connection)

    async def _send(self, connection: Connection) -> None:
        if connection.sending:
            return
        with contextlib.suppress(trio.ClosedResourceError):
            await connection.send_queued()
        if connection in self._closing:
            self._closing.remove(connection)
            connection.close()

    def _close(self, connection: Connection) -> None:
        if connection.has_queued():
            self._closing.add(connection)  # _send closes it
        else:
            connection.close()

    def _status(self) -> bytes:
        now_s = trio.current_time()
        return status_line(
            self._state,
            now_s=now_s,
            uptime_s=now_s - self._started_s,
            directory=self._directory,
            told_by=self._told_by,
        )

    def _told_by(self, client: ClientId) -> tuple[str | None, int]:
        connection = self._connections[client]
        if connection.comm is None:
            connection.comm = comm(connection.peer.pid)
        return connection.comm, connection.reader.lines

    async def _retry_loop(self) -> None:
        """Try again as long as events wait."""
        while True:
            for trace_id in await self._appender.wait_retry():
                self._perform(self._appender.retry(trace_id))
                self._check_for_ends()
                await trio.lowlevel.checkpoint()

    # ------------------------------------------------------------------ the barrier, and what follows from it

    async def _barrier_loop(self) -> None:
        while True:
            self._wake_at_s = self._state.next_end_s()
            with trio.move_on_at(max(self._wake_at_s, trio.current_time() - 1)):
                await self._work.wait()
            self._work = trio.Event()
            if self._pending or self._state.next_end_s() <= trio.current_time():
                self._round()
            await trio.lowlevel.checkpoint()

    def _check_for_ends(self) -> None:
        """Wake the barrier loop earlier than it meant to, if a trace ends before."""
        if self._state.next_end_s() < self._wake_at_s:
            self._work.set()

    def _round(self) -> None:
        """Serve the exports pending now, and the traces that have ended, after one barrier."""
        pending, self._pending = self._pending, []
        complete = self._accept_waiting(self._listeners)
        barrier.read_waiting(self._connections.values(), self._read)
        self._start_exports(pending, complete=complete)
        self._perform(self._state.end_due_traces(trio.current_time()))

    def _accept_waiting(self, listeners: Iterable[AnyListener]) -> bool:
        """Accept all who wait now, on each listener; False if descriptors did not suffice."""
        accepted = [barrier.accept_waiting(partial(self._accept, each), each.backlog) for each in listeners]
        return all(accepted)

    def _start_exports(self, pending: list[Export], *, complete: bool) -> None:
        for export in pending:
            self._perform(self._appender.retry(export.trace_id))
            if missing := self._appender.missing(export.trace_id):
                missing = f"the log cannot be written: {missing}"
            elif not complete:
                missing = "out of file descriptors to accept all clients"
            refused = self._state.unrecorded_refusals(export.trace_id)
            self._exports.add(export, self._trace_files.begin_export(export.trace_id, refused, missing))

    def _export_ended(self, export: Export, error: str) -> None:
        self._trace_files.end_export(export.trace_id)
        self._housekeeping.look_again()
        self._perform(self._state.export_ended(export.export_id, error))

    # ------------------------------------------------------------------ the stop

    async def _stop_in_order(self) -> None:
        """What had been written before stays; what is written from now on fails at the writer."""
        own = [listener for listener in self._listeners if not listener.outlives_us]
        for listener in own:
            barrier.refuse_new(listener.socket)
        complete = self._read_to_the_end(own)
        if not complete:
            logger.error("data lost: out of file descriptors to accept all clients")
        if self._pending or self._state.has_exports_to_come():
            # They promise what was written before they were asked for, and some of it may wait in a queue that would
            # else be left to the next daemon. One pass will do: whoever is accepted now asks for nothing more.
            complete &= self._read_to_the_end([listener for listener in self._listeners if listener.outlives_us])
        self._perform(self._appender.give_up())
        self._perform(self._state.end_due_traces(math.inf))
        pending, self._pending = self._pending, []
        self._start_exports(pending, complete=complete)
        await self._exports.wait_idle()

    def _read_to_the_end(self, listeners: Iterable[AnyListener]) -> bool:
        """Accept all who wait there, and read all connections to their end; False if descriptors did not suffice."""
        while True:
            # Without descriptors for all who wait, those accepted are read to their end and make room for the next.
            complete = self._accept_waiting(listeners)
            before = len(self._connections)
            for connection in list(self._connections.values()):
                barrier.refuse_writes(connection.socket)
                while connection.reading and self._read(connection):
                    pass
            if complete or len(self._connections) == before:
                return complete
