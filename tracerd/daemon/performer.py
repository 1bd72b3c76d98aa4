"""What the state decides, done: one `match` over all actions, for logs, exports and replies.

Nothing here awaits: when `perform` returns, events are in their logs, and replies are sent or queued.
"""

import contextlib
import logging
from collections.abc import Iterable
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
from tracerd.core.protocol import encode_error
from tracerd.core.state import DaemonState
from tracerd.daemon.appender import Appender
from tracerd.daemon.connection import Connection
from tracerd.daemon.housekeeping import Housekeeping
from tracerd.daemon.status import comm, status_line
from tracerd.daemon.trace_files import TraceFiles
from tracerd.text import printable

logger = logging.getLogger(__name__)


class Performer:
    """Performs actions.

    Args:
        state: Decides; what became of a write is reported to it.
        directory: Where the logs are.
        trace_files: The logs and the rejects files beside them.
        housekeeping: Checks the limits again when a trace has ended.

    Attributes:
        appender: Writes events.
        connections: Those that are not closed.
        exports: Asked for, and waiting for the barrier.
        work: Set when the barrier loop has something to do; it puts a new one here.
        stop: Set when the daemon is to stop.
    """

    def __init__(
        self, state: DaemonState, directory: Path, trace_files: TraceFiles, housekeeping: Housekeeping
    ) -> None:
        self.appender = Appender(state, trace_files)
        self.connections: dict[ClientId, Connection] = {}
        self.exports: list[Export] = []
        self.work = trio.Event()
        self.stop = trio.Event()
        self._state = state
        self._directory = directory
        self._trace_files = trace_files
        self._housekeeping = housekeeping
        self._closing: set[Connection] = set()  # done with, but with replies still to be sent
        self._started_s = 0.0

    def start(self, senders: trio.Nursery) -> None:
        """The daemon starts now; queued replies are sent by tasks of this nursery."""
        self._senders = senders
        self._started_s = trio.current_time()

    def perform(self, actions: Iterable[Action]) -> None:
        """Perform these actions, in order."""
        for action in actions:
            match action:
                case Append():
                    self.perform(
                        self._state.appended(action, self.appender.append(action.trace_id, action.events.block))
                    )
                case Retry(trace_id):
                    self.appender.begin_retries(trace_id)
                case Reject(trace_id, client_pid, refused):
                    self._trace_files.reject(trace_id, client_pid, refused)
                case Export():
                    self.exports.append(action)
                    self.work.set()
                case ReplyError(client, line, logged):
                    self._reply_error(client, line, logged=logged)
                case ReplyOk(client, line):
                    for reason in self._trace_files.sync():
                        self._reply_error(client, encode_error(0, f"not on the disk: {reason}"))
                    self._reply(client, line)
                case ReplyStatus(client):
                    connection = self.connections.get(client)
                    if connection is not None and connection.has_room():
                        self._reply(client, self._status())
                case EndTrace(trace_id, totals):
                    self._trace_files.end(trace_id, totals)
                    self._housekeeping.check_again()
                case Close(client):
                    self._close(self.connections.pop(client))
                case Stop():
                    self.stop.set()
                case _:
                    assert_never(action)

    def close_all(self) -> None:
        """Close all connections; replies that are not sent yet are dropped."""
        for connection in [*self.connections.values(), *self._closing]:
            connection.close()

    def _reply_error(self, client: ClientId, line: bytes, *, logged: bool = True) -> None:
        if logged and (connection := self.connections.get(client)):
            logger.warning("client with pid %d: %s", connection.peer.pid, printable(line.decode().rstrip("\n")))
        self._reply(client, line, droppable=True)

    def _reply(self, client: ClientId, line: bytes, *, droppable: bool = False) -> None:
        connection = self.connections.get(client)
        if connection is None:  # given up because of a bug
            return
        connection.reply(line, droppable=droppable)
        if connection.has_queued() and not connection.sending:
            self._senders.start_soon(self._send, connection)

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
            describe=self._name_and_lines,
        )

    def _name_and_lines(self, client: ClientId) -> tuple[str | None, int]:
        connection = self.connections[client]
        if connection.comm is None:
            connection.comm = comm(connection.peer.pid)
        return connection.comm, connection.reader.lines
