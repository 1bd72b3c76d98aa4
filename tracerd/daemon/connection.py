"""One client's connection: its socket, its reader, and the replies that wait to be sent."""

import contextlib
import socket
from collections import deque

import trio

from tracerd.core.actions import ClientId
from tracerd.core.messages import Message
from tracerd.core.protocol import MessageReader
from tracerd.daemon.listeners import Peer

RECV_BYTES = 64 * 1024
"""Read at most so much at a time: one client's flood must not keep the others waiting."""

RECV_BYTES_OF_MANY = 4 * 1024
"""The same for a client that has just sent many commands or bad lines, each of which costs more than an event."""

MAX_OUTBOX_BYTES = 1024 * 1024
"""OK and STATUS lines that may wait for a client that does not read."""


Accepted = tuple[socket.socket, bytes, bool]
"""A new connection, what was received from it, and whether its end was seen."""


def recv(sock: socket.socket, size: int) -> bytes | None:
    """The next bytes of a socket; empty at its end, None if there are none now."""
    try:
        return sock.recv(size, socket.MSG_DONTWAIT)
    except (BlockingIOError, InterruptedError):
        return None
    except OSError:
        # ECONNRESET: the client closed without having read all our replies. What it wrote was read before.
        return b""


def accept_one(listener: socket.socket) -> Accepted | None:
    """The next who waits to be accepted, with what it has sent by now; None if there is none.

    Raises:
        OSError: There is no descriptor for it.
    """
    try:
        sock, _ = listener.accept()
    except (BlockingIOError, InterruptedError, ConnectionAbortedError):
        return None
    data, rest = recv(sock, RECV_BYTES), None
    if data and (room := RECV_BYTES - len(data)):
        rest = recv(sock, room)
    return sock, (data or b"") + (rest or b""), b"" in (data, rest)


class Connection:
    """The server's end of a connection.

    Args:
        client: The state's number for it.
        sock: An accepted socket.
        peer: Who connected.
        max_line_bytes: See `MessageReader`.
    """

    def __init__(self, client: ClientId, sock: socket.socket, peer: Peer, max_line_bytes: int) -> None:
        self.client = client
        self.socket = sock
        self.peer = peer
        self.reader = MessageReader(max_line_bytes)
        self.comm: str | None = None
        """The client's name, once it was asked for."""
        self.recv_bytes = RECV_BYTES
        """How much to read at a time."""
        self.received = 0
        """Bytes received so far."""
        self.handled = 0
        """Bytes received before the last time when no message waited."""
        self.messages: deque[Message] = deque()
        """Received, and waiting for the next turn."""
        self.unfinished_bytes = 0
        """What the reader holds of a line that has not ended, after the last read."""
        self.reading = True
        """False once the client's end was seen, or we have given it up."""
        self.sending = False
        """Whether a task is busy with `send_queued`."""
        self._outbox: deque[bytes] = deque()
        self._outbox_bytes = 0

    def has_queued(self) -> bool:
        """Whether replies wait to be sent."""
        return bool(self._outbox)

    def has_room(self) -> bool:
        """Whether another reply can be queued, as far as is known before it is made."""
        return self._outbox_bytes < MAX_OUTBOX_BYTES // 2

    def reply(self, line: bytes, *, droppable: bool) -> None:
        """Send a reply line whole or not at all; what the socket does not take now is queued.

        Args:
            line: Ended by a newline.
            droppable: Never wait: an ERROR is dropped if the client does not read.
        """
        if self._outbox:
            if droppable or self._outbox_bytes + len(line) > MAX_OUTBOX_BYTES:
                return
        else:
            sent = self._try_send(line)
            if sent is None or sent == len(line) or (droppable and not sent):
                return
            line = line[sent:]
        self._outbox.append(line)
        self._outbox_bytes += len(line)

    def _try_send(self, data: bytes) -> int | None:
        """The number of bytes sent now; None if the client takes no more for ever."""
        try:
            return self.socket.send(data, socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            return None

    async def send_queued(self) -> None:
        """Send the queued replies as the client takes them; ends early if it never will."""
        self.sending = True
        try:
            while self._outbox:
                await trio.lowlevel.wait_writable(self.socket)
                sent = self._try_send(self._outbox[0])
                if sent is None:
                    self._outbox.clear()
                    break
                self._outbox_bytes -= sent
                if sent == len(self._outbox[0]):
                    self._outbox.popleft()
                else:
                    self._outbox[0] = self._outbox[0][sent:]
        finally:
            self.sending = False

    def close(self) -> None:
        """Close the socket, and wake the task that waits for it."""
        self.reading = False
        if self.socket.fileno() >= 0:
            if self.sending:
                trio.lowlevel.notify_closing(self.socket)
            with contextlib.suppress(OSError):
                self.socket.close()
