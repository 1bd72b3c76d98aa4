"""Accepting connections and reading from them, each read handled to its end.

Between a `recv` and the log nothing awaits, unless the block holds many messages: the rest of them waits in its
connection, and the barrier and the stop handle it before they go on.
"""

import errno
import logging
import math
import os
import resource
import socket

import trio

from tracerd.core.actions import Stored
from tracerd.core.lines import check_run
from tracerd.core.shortcuts import flowed, named_trace, visited
from tracerd.core.state import DaemonState
from tracerd.daemon import barrier
from tracerd.daemon.connection import RECV_BYTES, RECV_BYTES_OF_MANY, Accepted, Connection, accept_one, recv
from tracerd.daemon.listeners import AnyListener, Peer, peer_of, welcome_uids
from tracerd.daemon.log_throttle import LogThrottle
from tracerd.daemon.performer import Performer
from tracerd.daemon.readable import Readable
from tracerd.daemon.trace_files import TraceFiles
from tracerd.speedups import MAX_MOVED_BYTES, MAX_READS, Pumped, pump
from tracerd.store.log import LogWriter
from tracerd.trace_id import TraceId

logger = logging.getLogger(__name__)

READS_AT_ACCEPT = 4
"""A short-lived client may have written everything and gone: then it need not be waited for."""

READS_AMONG_OTHERS = 2
"""How often a client that streams is read from in a turn, while others have something too: more reads delay those."""

FILES_PER_TRACE = 3
"""A log, the rejects file beside it, and what keeps it while an export waits."""

SPARE_DESCRIPTORS = 32
"""Kept for what is no connection and no log: exports, the listeners, the event loop, questions to the system."""

MESSAGES_PER_TURN = 50
"""Messages handled before others get their turn; a run of events is one, and one that begins a log takes a while."""

ACCEPT_PAUSE_S = 0.1
"""How long to wait before the next accept when descriptors have run out."""


class Intake:
    """Accepts clients, and turns what they send into messages for the state.

    Args:
        state: Decides what a message means.
        performer: Performs what the state decides; holds the connections.
        trace_files: Counts the descriptors that exports hold.
        max_line_bytes: Longer lines are refused.
        max_unfinished_bytes: When lines that have not ended yet take more, the longest is refused.

    Attributes:
        reads: How often a client was read from.
        wake_at_s: When the barrier loop wakes by itself.
    """

    def __init__(
        self,
        state: DaemonState,
        performer: Performer,
        trace_files: TraceFiles,
        max_line_bytes: int,
        max_unfinished_bytes: int,
    ) -> None:
        self.reads = 0
        self.wake_at_s = -math.inf
        self._state = state
        self._performer = performer
        self._readable = Readable()
        self._trace_files = trace_files
        self._max_line_bytes = max_line_bytes
        self._max_unfinished_bytes = max_unfinished_bytes
        self._unfinished_bytes = 0
        self._welcome = welcome_uids()
        self._max_descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_DESCRIPTORS
        self._short_of_descriptors = False
        self._warn_now = LogThrottle()
        self._may_move = pump is not None and max_line_bytes >= MAX_MOVED_BYTES
        self._last_visited: TraceId | None = None

    def start(self, readers: trio.Nursery) -> None:
        """Connections are read from by tasks of this nursery."""
        self._readers = readers
        readers.start_soon(self._readable.loop, self.read)

    async def accept_loop(self, listener: AnyListener) -> None:
        """Accept clients for ever."""
        while True:
            await trio.lowlevel.wait_readable(listener.socket)
            try:
                left = barrier.ACCEPTS_PER_TURN
                while left > 0 and (accepted := self.accept(listener, left)):
                    left -= accepted
                self._short_of_descriptors = False
            except OSError as error:
                if not self._short_of_descriptors:
                    logger.warning("some clients have to wait: %s", error.strerror)
                self._short_of_descriptors = True
                await trio.sleep(ACCEPT_PAUSE_S)

    def accept(self, listener: AnyListener, most: int) -> int:
        """Accept so many connections at most and read what they have sent by now; how many it were, 0 if none waits.

        Raises:
            OSError: There is no file descriptor for another, or for its log, or none would be left for exports.
        """
        traces = len(self._state.traces) + self._state.without_trace + 1
        files = FILES_PER_TRACE * traces + self._trace_files.pinned()
        if len(self._performer.connections) + files > self._max_descriptors:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        served, accepted = self._serve_burst(listener.socket, most)
        if accepted is None:
            return served
        sock, data, ended = accepted
        try:
            peer = peer_of(sock)
        except OSError:
            sock.close()
            raise
        if peer.uid not in self._welcome:
            if self._warn_now(peer.uid):
                logger.warning("refused a connection of another user (uid %d, pid %d)", peer.uid, peer.pid)
            sock.close()
            return served + 1
        if self._performer.stop.is_set():
            barrier.refuse_writes(sock)
        self.reads += 1
        if data and ended and self._serve_whole(sock, data, peer):
            return served + 1
        client = self._state.connect(peer.pid, trio.current_time())
        connection = self._performer.connections[client] = Connection(client, sock, peer, self._max_line_bytes)
        if data or ended:
            self._take(connection, data)
        for _ in range(READS_AT_ACCEPT if data else 0):
            if connection.recv_bytes < RECV_BYTES or not (connection.reading and self.read(connection)):
                break
        if connection.reading:
            self._readable.add(connection)
        return served + 1

    def _serve_burst(self, listener: socket.socket, most: int) -> tuple[int, Accepted | None]:
        """How many clients were served as by `_serve_whole`, all of the trace of the last one, and the next client."""
        trace_id = self._last_visited
        log = self._log(trace_id)
        if trace_id and log and (done := log.burst(listener.fileno(), b"OPEN %b\n" % trace_id.encode(), most)):
            served, lines, _, _, error, fd, data, ended = done
            if served:
                self.reads += served
                visited(self._state, trace_id, lines, trio.current_time())
                self.check_for_ends()
            elif error not in (0, errno.EAGAIN, errno.EINTR, errno.ECONNABORTED):
                raise OSError(error, os.strerror(error))
            return served, None if fd < 0 else (socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fd), data, ended)
        return 0, accept_one(listener)

    def _log(self, trace_id: TraceId | None) -> LogWriter | None:
        """The log of a trace, if plain lines may go there as they come."""
        if trace_id is None or trace_id in self._state.pending.traces or not self._may_move:
            return None
        return self._trace_files.flowing(trace_id)

    def _serve_whole(self, sock: socket.socket, data: bytes, peer: Peer) -> bool:
        """Serve a client that has sent all this and gone; false, and nothing is done, if it needs the usual way.

        It does not if it named a trace, and then sent nothing but good events, which could be stored.
        """
        try:
            first, _, block = data.partition(b"\n")
            trace_id = named_trace(self._state, first)
            if trace_id is None or len(data) > self._max_line_bytes or not block.endswith(b"\n"):
                return False
            count = check_run(block)
            if count is None or not isinstance(self._performer.appender.append(trace_id, block), Stored):
                return False
            visited(self._state, trace_id, count, trio.current_time())
            self._last_visited = trace_id
            self.check_for_ends()
        except Exception:
            logger.exception("a bug of tracerd: the client with pid %d is given up", peer.pid)
        sock.close()
        return True

    async def _handle_rest(self, connection: Connection) -> None:
        """Handle the messages that wait, in turns with other tasks."""
        await trio.lowlevel.checkpoint()
        while connection.reading and connection.messages:
            self.read(connection)
            await trio.lowlevel.checkpoint()

    def read(self, connection: Connection) -> bool:
        """Receive, unless messages wait, and do what follows from it in a turn; False if there was nothing."""
        data = b"" if connection.messages else self._receive(connection)
        if data is None:
            return False
        self.reads += 1
        self._take(connection, data)
        return True

    def _receive(self, connection: Connection) -> bytes | Pumped | None:
        """What came, empty at the end; pumped into the log if this client's lines may be. None if nothing is there."""
        reader, size = connection.reader, connection.recv_bytes
        may_pump = size == RECV_BYTES and reader.may_be_passed_by()
        if may_pump and (log := self._log(self._state.clients[connection.client].trace_id)):
            reads = MAX_READS if self._readable.is_alone else READS_AMONG_OTHERS
            return log.pump(connection.socket.fileno(), reader.partial, reads)
        return recv(connection.socket, size)

    def _take(self, connection: Connection, data: bytes | Pumped) -> None:
        """Do in a turn what follows from what was received, or from messages that wait."""
        try:
            client, now_s = connection.client, trio.current_time()
            reader, messages = connection.reader, connection.messages
            if isinstance(data, tuple):
                received, lines, _, _, data = data
                flowed(self._state, client, lines)
                reader.passed(lines)
            else:
                received = len(data)
            connection.received += received
            ended = not messages and not received
            if not messages:
                messages.extend(reader.feed(data))
                if ended:
                    messages.extend(reader.finish())
                many = len(messages) > MESSAGES_PER_TURN
                connection.recv_bytes = RECV_BYTES_OF_MANY if many else RECV_BYTES
                if many and not self._performer.stop.is_set():
                    self._readers.start_soon(self._handle_rest, connection)
            for _ in range(min(len(messages), MESSAGES_PER_TURN)):
                self._performer.perform(self._state.receive(client, messages.popleft(), now_s))
            if not messages:
                connection.handled = connection.received
            if ended:
                connection.reading = False
                self._readable.remove(connection)
                if self._state.only_trace is None:  # else OPEN says nothing
                    self._last_visited = self._state.clients[client].trace_id or self._last_visited
                self._performer.perform(self._state.disconnect(client, now_s))
            self.check_for_ends()
            if (unfinished := len(reader.partial)) != connection.unfinished_bytes:
                self._unfinished_bytes += unfinished - connection.unfinished_bytes
                connection.unfinished_bytes = unfinished
                if self._unfinished_bytes > self._max_unfinished_bytes:
                    self._refuse_longest()
        except Exception:
            logger.exception("a bug of tracerd: the client with pid %d is given up", connection.peer.pid)
            self._give_up(connection)

    def _refuse_longest(self) -> None:
        """Refuse the longest of the lines that have not ended yet."""
        longest = max(self._performer.connections.values(), key=lambda connection: connection.unfinished_bytes)
        self._unfinished_bytes -= longest.unfinished_bytes
        longest.unfinished_bytes = 0
        reason = f"the unfinished lines of all clients take more than {self._max_unfinished_bytes} bytes"
        refused = longest.reader.refuse_unfinished(reason)
        if longest.messages:  # which were sent before it
            longest.messages.append(refused)
        else:
            self._performer.perform(self._state.receive(longest.client, refused, trio.current_time()))

    def _give_up(self, connection: Connection) -> None:
        """End a client in whose handling a bug was met, and that client only."""
        self._unfinished_bytes -= connection.unfinished_bytes
        self._performer.connections.pop(connection.client, None)
        self._readable.remove(connection)
        connection.close()
        if connection.client in self._state.clients:
            self._state.disconnect(connection.client, trio.current_time())  # its replies have nowhere to go
            self.check_for_ends()

    def check_for_ends(self) -> None:
        """Wake the barrier loop earlier than it meant to, if a trace ends before."""
        if self._state.next_end_s() < self.wake_at_s:
            self._performer.work.set()
