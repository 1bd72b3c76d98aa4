"""Sockets and locks: who may be the daemon here, and where clients find it.

The lock, not a connect, decides who is alive: a hung daemon still accepts connections.
"""

import contextlib
import errno
import logging
import os
import socket
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tracerd.errors import InUseError, PassedSocketError, UnsafePathError
from tracerd.store.lock import Lock, lock_path
from tracerd.store.paths import check_private, make_private

logger = logging.getLogger(__name__)

BACKLOG = 4096
"""Connections that may wait to be accepted; a full backlog blocks a client's connect()."""

MAX_SOCKET_PATH_BYTES = 107
"""The size of `sun_path` on Linux, less its NUL."""

_PEERCRED = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of a connection, as the kernel noted it at connect()."""

    pid: int
    uid: int


def peer_of(connection: socket.socket) -> Peer:
    """The process that connected."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEERCRED.size)
    pid, uid, _gid = _PEERCRED.unpack(raw)
    return Peer(pid, uid)


def welcome_uids() -> frozenset[int]:
    """Whose processes may be clients: our own user's, and root's."""
    return frozenset({os.geteuid(), 0})


class Listener:
    """A listening Unix socket of our own, its lock, and its removal.

    Attributes:
        outlives_us: False: the socket ends with us.

    Args:
        path: Where.
        named: Whether the user named this path on the command line: then a sticky directory such as /tmp will do.

    Raises:
        InUseError: Another daemon, or another program, answers there.
        UnsafePathError: Others could interfere, or something that is no socket is in the way.
    """

    outlives_us: Final = False

    def __init__(self, path: Path, *, named: bool) -> None:
        self.path = Path(os.path.abspath(path))
        self.backlog = BACKLOG
        if len(os.fsencode(self.path)) > MAX_SOCKET_PATH_BYTES:
            raise UnsafePathError(f"the socket path {self.path} is longer than {MAX_SOCKET_PATH_BYTES} bytes")
        make_private(self.path.parent)
        check_private(self.path.parent, sticky_allowed=named)
        self._lock = Lock(lock_path(self.path), f"the socket {self.path}")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self._remove_stale()
            old_umask = os.umask(0o177)  # so that no moment passes in which others can connect
            try:
                self.socket.bind(os.fsencode(self.path))
            except OSError as error:
                raise UnsafePathError(f"cannot make the socket {self.path}: {error.strerror}") from None
            finally:
                os.umask(old_umask)
            self._status = self.path.lstat()  # before somebody can know that it is there, and put another in its place
            self.socket.listen(self.backlog)
        except BaseException:
            self.socket.close()
            self._lock.release()
            raise

    def _remove_stale(self) -> None:
        """Remove what a daemon left that is gone; we hold the lock, so it is no tracerd that answers there now."""
        try:
            status = self.path.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(status.st_mode):
            raise UnsafePathError(f"{self.path} exists and is not a socket; remove it or choose another path")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
            refused = probe.connect_ex(os.fsencode(self.path))
        if refused != errno.ECONNREFUSED:
            raise InUseError(
                f"another program listens on {self.path} (is it tldrs, or tracerd.socket of systemd?); stop it first"
            )
        try:
            self.path.unlink()
        except OSError as error:
            raise UnsafePathError(f"cannot remove the stale socket {self.path}: {error.strerror}") from None

    def close(self) -> None:
        """Close the socket, remove its path if it is still ours, and give up the lock."""
        self.socket.close()
        with contextlib.suppress(OSError):
            now = self.path.lstat()
            if (now.st_dev, now.st_ino) == (self._status.st_dev, self._status.st_ino):
                self.path.unlink()
        self._lock.release()


class PassedListener:
    """A listening Unix socket that a service manager made and keeps, and the lock that we hold beside it.

    No client is turned away while we stop, start or are not there: connections wait in its queue.

    Attributes:
        outlives_us: True: clients in its queue when we stop are left to the next daemon.

    Args:
        passed: A listening socket; we close our copy of it, and never its path.

    Raises:
        InUseError: Another daemon holds the lock.
        PassedSocketError: It has no path, by which commands could find us.
        UnsafePathError: Others could interfere.
    """

    outlives_us: Final = True

    def __init__(self, passed: socket.socket) -> None:
        self.socket = passed
        name = os.fsencode(passed.getsockname())
        if not name.startswith(b"/"):
            raise PassedSocketError(
                f"descriptor {passed.fileno()}, passed by LISTEN_FDS, has no path; see ListenStream= of the unit"
            )
        self.path = Path(os.fsdecode(name))
        self.backlog = max(_somaxconn(), BACKLOG)
        check_private(self.path.parent, sticky_allowed=True)
        self._lock = Lock(lock_path(self.path), f"the socket {self.path}")

    def close(self) -> None:
        """Give up the lock, and our copy of the socket."""
        self.socket.close()
        self._lock.release()


AnyListener = Listener | PassedListener


def _somaxconn() -> int:
    """The longest queue that the kernel allows, whatever was asked for; 0 if it is unknown."""
    try:
        return int(Path("/proc/sys/net/core/somaxconn").read_text())
    except OSError:
        return 0
