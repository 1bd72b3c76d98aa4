"""The connection to the daemon: it waits only where a time is given."""

import errno
import os
import select
import sys
import time

from tracerd.exec.environment import Environ

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
else:
    import _socket as socket

ANSWER_S = 1.0
"""How long the outermost exec waits for the acknowledgement when its command has ended."""

EXPORT_S = 10.0
"""The same with `-o`: the daemon writes the file meanwhile."""

MAX_PENDING_BYTES = 64 * 1024 * 1024
"""What waits for a daemon that does not read; what comes then is lost, and counted as lost."""

CHECK_S = 1.0
"""How often we check, while we wait, whether the daemon is stopped."""


def connect(path: str, environ: Environ, *, start: bool) -> "DaemonSocket":
    """A connection to the daemon on this socket, which is started if there is none and `start` says so.

    Raises:
        NoDaemonError: There is none, and it was not to be started or could not be.
    """
    try:
        return DaemonSocket(path)
    except OSError:
        from tracerd.launcher import connect_or_start  # rarely needed

        return connect_or_start(lambda: DaemonSocket(path), path, environ, start=start)


class DaemonSocket:
    """A client of the daemon.

    Attributes:
        broken: Why nothing more can be written; empty: it can.
        dropped: Whether something was lost because too much waited.

    Args:
        path: The socket.

    Raises:
        OSError: No daemon listens there, or that of another user.
    """

    def __init__(self, path: str) -> None:
        self.broken = ""
        self.dropped = False
        self._pending = bytearray()
        kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_UNIX, kind)
        try:
            self._socket.connect(os.fsencode(path))
            self._peer_pid, uid, _gid = _credentials(self._socket)
            if uid not in (os.geteuid(), 0):
                raise OSError(errno.EPERM, "the daemon there belongs to another user")
        except BaseException:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """The descriptor, for poll."""
        return self._socket.fileno()

    @property
    def pending(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._pending) and not self.broken

    def write(self, text: str) -> None:
        """Write lines, as far as the daemon takes them now."""
        if len(self._pending) > MAX_PENDING_BYTES:
            self.dropped = True
            return
        self._pending += text.encode()
        self.push()

    def push(self) -> None:
        """Write what waits, as far as the daemon takes it now."""
        while self.pending:
            try:
                sent = self._socket.send(self._pending[:65536], socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return
            except OSError as error:
                self.broken = error.strerror or str(error)
                return
            del self._pending[:sent]

    def finish(self, wait_s: float) -> None:
        """Write what waits, in so many seconds."""
        until = time.monotonic() + wait_s
        while self.pending and self._wait(select.POLLOUT, until):
            self.push()

    def acknowledged(self, wait_s: float) -> tuple[list[str], str]:
        """Ask whether all before is stored, and read the answers.

        Returns:
            The reasons of `ERROR` lines; and the numbers after `OK`, empty if there was no answer.
        """
        self.write("FLUSH\n")
        until = time.monotonic() + wait_s
        self.finish(wait_s)
        received = b""
        errors: list[str] = []
        while not self.broken:
            head, newline, rest = received.partition(b"\n")
            if newline:
                received = rest
                kind, _, text = head.decode(errors="replace").partition(" ")
                if kind == "OK":
                    return errors, text
                if kind == "ERROR":
                    errors.append(text.partition(": ")[2])
                continue
            if not self._wait(select.POLLIN, until):
                return errors, ""
            try:
                data = self._socket.recv(65536)
            except OSError as error:
                self.broken = error.strerror or str(error)
                break
            if not data:
                self.broken = "it ended the connection"
            received += data
        return errors, ""

    def close(self) -> None:
        """Leave; what was written stays written."""
        self._socket.close()

    def _wait(self, event: int, until: float) -> bool:
        """Wait until the socket can be read or written; False if it is too late, or the daemon is stopped."""
        poll = select.poll()
        poll.register(self._socket, event)
        while (left := until - time.monotonic()) > 0:
            if poll.poll(min(left, CHECK_S) * 1000):
                return True
            if self._peer_is_stopped():
                return False
        return False

    def _peer_is_stopped(self) -> bool:
        try:
            with open(f"/proc/{self._peer_pid}/stat", "rb") as file:
                return file.read().rpartition(b") ")[2][:1] in (b"T", b"t")
        except OSError:
            return False


def _credentials(connected: "socket.socket") -> tuple[int, int, int]:
    """Pid, uid and gid of the process that listens."""
    raw = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid, uid, gid = (int.from_bytes(raw[at : at + 4], sys.byteorder) for at in (0, 4, 8))
    return pid, uid, gid
