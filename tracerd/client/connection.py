"""The connection of a process to the daemon. To connect never waits, and a socket that is not ours is not used.

Strategy: a traced program waits for the daemon at most TIMEOUT_S in all, until the daemon does something. Then it is
alive, and the time begins anew. So a program with a million events slows down to the daemon's pace, and one whose
daemon hangs loses a twentieth of a second.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import stat
import sys
import time

from tracerd.client.border import keep
from tracerd.socket_path import socket_path

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_S = 0.05
"""How long a process waits, in total, for a daemon that does nothing; begun anew when it does something."""

RETRY_S = 0.5
"""How often we try to connect while no daemon listens."""

_FLAGS: int = getattr(socket, "MSG_NOSIGNAL", 0)  # programs may have set SIGPIPE to end them
_FLUSH = b"FLUSH\n"

_ROOT = 0


class Connection:
    """At most one socket at a time.

    Args:
        path: The socket; by default where every client looks for it.
        greeting: Makes the lines that each connection begins with.

    Attributes:
        left_s: How much longer to wait for a daemon that does nothing.
        lost: Whether a connection has ended that no event in the trace reports yet.
        errors: The `ERROR` lines of the daemon, as far as they were read; it sends eleven at most.
    """

    def __init__(self, path: str | None, greeting: Callable[[], str]) -> None:
        self._path = path
        self._greeting = greeting
        self._socket: socket.socket | None = None
        self._inode = 0
        self._connect_at_s = 0.0  # not before, by time.monotonic
        self._was_full = False
        self._events = 0  # sent on this connection
        self._asked = 0  # FLUSH sent on this connection
        self._answered = 0  # OK received
        self._stored = b""  # of the last answer
        self._received = b""
        self.left_s = TIMEOUT_S
        self.lost = False
        self.errors: list[str] = []

    def is_there(self) -> bool:
        """Whether there is a connection, or one could be made now."""
        if self._socket is not None:
            if self._is_ours(self._socket):
                return True
            self._lose()
        now = time.monotonic()
        if now >= self._connect_at_s:
            self._connect_at_s = now + RETRY_S
            self._socket = self._connect()
        return self._socket is not None

    def retry_at_once(self) -> None:
        """Try to connect the next time, however short a while ago the last attempt was."""
        self._connect_at_s = 0.0

    def send(self, block: bytes, events: int) -> bool:
        """Send some lines that Linux takes whole or not at all; False if that was the end of the connection.

        Args:
            block: The lines.
            events: How many of them are events.

        Raises:
            BlockingIOError: The daemon has not read what it has.
        """
        assert self._socket is not None  # noqa: S101 (is_there was asked)
        self._events += events  # before the call: a signal handler may raise after it
        try:
            whole = self._socket.send(block, _FLAGS) == len(block)
        except BlockingIOError:
            self._events -= events
            self._was_full = True
            raise
        except OSError:
            whole = False
        if not whole:
            self._lose()
            return False
        if self._was_full:  # and the daemon has read something since
            self._was_full = False
            self.left_s = max(self.left_s, TIMEOUT_S)
        return True

    def wait_for_room(self) -> bool:
        """Whether the daemon has begun to read."""
        return self._wait(to_read=False)

    def is_acknowledged(self, command: bytes = b"") -> bool:
        """Whether the daemon says that every event sent on this connection is in the log.

        Args:
            command: A line to send before the request.

        Raises:
            OSError: It does not listen.
        """
        if self._socket is None:
            return not self.lost  # nothing was ever sent
        request = command + _FLUSH
        try:
            asked = self.send(request, events=0)
        except BlockingIOError:
            asked = self.wait_for_room() and self.send(request, events=0)
        if not asked:
            return False
        self._asked += 1
        while self._answered < self._asked:
            if not self._wait(to_read=True):
                return False
            data = self._socket.recv(65536)
            if not data:
                self._lose()
                return False
            *lines, self._received = (self._received + data).split(b"\n")
            for line in lines:
                if line.startswith(b"OK "):
                    self._answered += 1
                    self._stored = line.split(b" ")[1]
                elif line.startswith(b"ERROR "):
                    self.errors.append(line.decode(errors="replace"))
        # Not "none was refused or lost": what waits for a full disk is in no number of the answer.
        return self._stored == b"%d" % self._events

    def _wait(self, *, to_read: bool) -> bool:
        """Whether the socket is ready; waiting in vain uses up the time that is left."""
        assert self._socket is not None  # noqa: S101 (is_there was asked)
        if _is_ready(self._socket, to_read, max(self.left_s, 0)):
            self.left_s = max(self.left_s, TIMEOUT_S)
            return True
        self.left_s = 0.0
        return False

    def _connect(self) -> socket.socket | None:
        connection = None
        try:
            path = self._path or socket_path()
            if not is_safe(path):
                return None
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.setblocking(False)
            connection.connect(os.fsencode(path))  # a full backlog is EAGAIN
            check_listener(connection)
            greeting = self._greeting().encode(errors="replace")
            connection.send(greeting, _FLAGS)
            self._events = greeting.count(b"\n") - 1  # OPEN is none
            self._inode = os.fstat(connection.fileno()).st_ino
            return connection
        except BaseException as error:  # OSError; AttributeError without Unix sockets; what a patch raises
            if connection is not None:
                connection.close()
            keep(error)
            return None

    def _is_ours(self, connection: socket.socket) -> bool:
        """Whether the descriptor is still our socket: programs that become daemons close what they do not know."""
        try:
            return os.fstat(connection.fileno()).st_ino == self._inode
        except OSError:
            return False

    def _lose(self) -> None:
        self.close()
        self.lost = True

    def close(self) -> None:
        """End the connection."""
        self._asked = self._answered = 0
        self._received = b""
        connection, self._socket = self._socket, None
        if connection is not None:
            if self._is_ours(connection):
                connection.close()
            else:
                connection.detach()  # the descriptor is another file's by now


def is_safe(path: str) -> bool:
    """Whether no other user can have put the socket there: anybody can make directories in /tmp."""
    directory = os.path.dirname(path)
    if directory != f"/tmp/tracerd-{os.geteuid()}":  # noqa: S108 (this is the check)
        return True
    status = os.lstat(directory)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022


def check_listener(connection: socket.socket) -> None:
    """Check that the process that listens is the user's own, or root's: anybody can put a socket into /tmp.

    Args:
        connection: Connected to it. Where the system does not name that process, nothing is checked.

    Raises:
        PermissionError: It is another user's.
    """
    option: int | None = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return
    uid = int.from_bytes(connection.getsockopt(socket.SOL_SOCKET, option, 12)[4:8], sys.byteorder)
    if uid not in (os.geteuid(), _ROOT):
        raise PermissionError(errno.EPERM, f"it is served by another user (uid {uid})")


def _is_ready(connection: socket.socket, to_read: bool, timeout_s: float) -> bool:
    if not hasattr(select, "poll"):  # eventlet removes it
        readers, writers = ([connection], []) if to_read else ([], [connection])
        return any(select.select(readers, writers, [], timeout_s))
    poll = select.poll()
    poll.register(connection, select.POLLIN if to_read else select.POLLOUT)
    return bool(poll.poll(timeout_s * 1000))
