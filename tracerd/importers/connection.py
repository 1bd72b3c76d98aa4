"""The connection of an import: it waits as long as the daemon takes, for nothing may be lost."""

import os
import socket

from tracerd.client.connection import check_listener, is_safe
from tracerd.errors import NoDaemonError
from tracerd.launcher import connect_or_start


class Connection:
    """A connection to the daemon, which is started if there is none.

    Args:
        path: The socket.
        trace_id: The trace to write to.

    Attributes:
        errors: What the daemon reported, without the numbers of lines.

    Raises:
        NoDaemonError: There is none, and none could be started.
    """

    def __init__(self, path: str, trace_id: str) -> None:
        self.errors: list[str] = []
        self._received = b""
        self._socket = connect_or_start(lambda: _connect(path), path, os.environb)
        self.send(f"OPEN {trace_id}\n".encode())

    def send(self, block: bytes) -> None:
        """Send some lines.

        Raises:
            NoDaemonError: The daemon has gone.
        """
        try:
            self._socket.sendall(block)
        except OSError as error:
            raise NoDaemonError(f"the daemon has gone: {error.strerror or error}") from None

    def flush(self) -> tuple[int, int, int]:
        """How many of the events sent so far are stored, refused and lost.

        Raises:
            NoDaemonError: The daemon has gone.
        """
        self.send(b"FLUSH\n")
        while True:
            *lines, self._received = self._received.split(b"\n")
            for line in lines:
                if line.startswith(b"OK "):
                    stored, refused, lost = map(int, line.split()[1:4])
                    return stored, refused, lost
                self.errors.append(line.decode(errors="replace").partition(": ")[2])
            data = self._socket.recv(65536)
            if not data:
                raise NoDaemonError("the daemon has gone, and has not acknowledged what it was sent")
            self._received += data

    def close(self) -> None:
        """Leave the trace."""
        self._socket.close()


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
