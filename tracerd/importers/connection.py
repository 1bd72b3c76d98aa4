"""The connection of an import: it waits as long as the daemon takes something, for nothing may be lost."""

import os
import socket
from typing import Final

from tracerd.client.connection import check_listener, is_safe
from tracerd.errors import NoDaemonError
from tracerd.launcher import connect_or_start

TIMEOUT_S: Final = 30.0
"""A daemon that takes and answers nothing for so long is stopped, or hangs."""


class Connection:
    """A connection to the daemon.

    Args:
        path: The socket.
        trace_id: The trace to write to.
        start: Whether a daemon is started if there is none.

    Attributes:
        errors: What the daemon reported, without the numbers of lines.

    Raises:
        NoDaemonError: There is none, and none could be started.
    """

    def __init__(self, path: str, trace_id: str, *, start: bool = True) -> None:
        self.errors: list[str] = []
        self._received = b""
        self._socket = connect_or_start(lambda: _connect(path), path, os.environb, start=start)
        self._socket.settimeout(TIMEOUT_S)
        self.open(trace_id)

    def open(self, trace_id: str) -> None:
        """Write to this trace from now on.

        Raises:
            NoDaemonError: The daemon has gone, or takes nothing any more.
        """
        self.send(f"OPEN {trace_id}\n".encode())

    def send(self, block: bytes) -> None:
        """Send some lines.

        Raises:
            NoDaemonError: The daemon has gone, or takes nothing any more.
        """
        left = memoryview(block)
        try:
            while left:
                left = left[self._socket.send(left) :]
        except TimeoutError:
            raise NoDaemonError(_HANGS) from None
        except OSError as error:
            raise NoDaemonError(f"the daemon has gone: {error.strerror or error}") from None

    def flush(self) -> tuple[int, int, int]:
        """How many of the events sent so far are stored, refused and lost.

        Raises:
            NoDaemonError: The daemon has gone, or does not answer.
        """
        self.send(b"FLUSH\n")
        while True:
            *lines, self._received = self._received.split(b"\n")
            for line in lines:
                if line.startswith(b"OK "):
                    stored, refused, lost = map(int, line.split()[1:4])
                    return stored, refused, lost
                self.errors.append(line.decode(errors="replace").partition(": ")[2])
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                raise NoDaemonError(_HANGS) from None
            except OSError:  # a reset, where an end was expected
                data = b""
            if not data:
                raise NoDaemonError("the daemon has gone, and has not acknowledged what it was sent")
            self._received += data

    def interrupt(self, last: bytes) -> None:
        """Send a last line, where another one may have been sent in part, and wait until it is stored.

        Raises:
            NoDaemonError: The daemon has gone, or does not answer.
        """
        self.send(b"\n" + last)
        self.flush()

    def close(self) -> None:
        """Leave the trace."""
        self._socket.close()


_HANGS: Final = f"the daemon takes and answers nothing for {TIMEOUT_S:.0f} s: it is stopped, or hangs"


def _connect(path: str) -> socket.socket:
    if not is_safe(path):
        raise PermissionError(1, "another user could have made its directory")
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(os.fsencode(path))
        check_listener(connection)
    except BaseException:
        connection.close()
        raise
    return connection
