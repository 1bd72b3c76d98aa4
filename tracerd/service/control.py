"""Ask a running daemon something: for the commands, not for programs that are traced."""

import os
import socket
from pathlib import Path

from tracerd.daemon.listeners import peer_of, welcome_uids
from tracerd.errors import NoAnswerError, NoDaemonError, UnsafePathError
from tracerd.store.lock import hidden, holder, lock_path
from tracerd.store.paths import check_private

ANSWER_S = 10.0
"""How long a daemon may take to answer; a live one takes milliseconds."""


def daemon_pid(path: Path) -> int:
    """The pid of the daemon on this socket.

    The lock is checked first: with socket activation a mere connect would start a daemon.

    Raises:
        NoDaemonError: There is none, or none that we may see.
    """
    pid = holder(lock_path(path))
    if pid is None:
        if why := hidden(lock_path(path)):
            raise NoDaemonError(f"{why}; run chmod u+rwx on it, or set TRACERD_SOCKET to another path")
        raise NoDaemonError(f"no daemon is running on {path}; `tracerd serve` starts one")
    return pid


def ask(path: Path, request: bytes, answer_s: float = ANSWER_S) -> bytes:
    """Send a request to the daemon on this socket; the reply, whole.

    Args:
        path: The socket.
        request: Whole lines.
        answer_s: How long it may take to answer.

    Raises:
        NoDaemonError: There is none, or it cannot be asked.
        NoAnswerError: It does not answer in time.
        UnsafePathError: Another user has put the socket there, or could have.
    """
    pid = daemon_pid(path)
    check_private(path.parent, sticky_allowed=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(answer_s)
        try:
            connection.connect(os.fsencode(path))
            _check_owner(connection, path)
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            reply = b""
            while data := connection.recv(65536):
                reply += data
        except TimeoutError:
            raise NoAnswerError(f"the daemon with pid {pid} does not answer; is it stopped?") from None
        except OSError as error:
            raise NoDaemonError(f"the daemon with pid {pid} cannot be asked on {path}: {error.strerror}") from None
    return reply


def _check_owner(connection: socket.socket, path: Path) -> None:
    """In a directory such as /tmp another user may have taken the name before us."""
    uid = peer_of(connection).uid
    if uid not in welcome_uids():
        raise UnsafePathError(f"the socket {path} is served by another user (uid {uid})")
