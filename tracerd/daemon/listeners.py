"""Sockets and locks: who may be the daemon here, and where clients find it.

The lock, not a connect, decides who is alive: a hung daemon still accepts connections.
"""

import contextlib
import errno
import fcntl
import logging
import os
import socket
import stat
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tracerd.errors import InUseError, PassedSocketError, UnsafePathError
from tracerd.store.log import is_file_at
from tracerd.store.paths import check_private, make_private

logger = logging.getLogger(__name__)

BACKLOG = 4096
"""Connections that may wait to be accepted; a full backlog blocks a client's connect()."""

MAX_SOCKET_PATH_BYTES = 107
"""The size of `sun_path` on Linux, less its NUL."""

LOCK_TRIES = 5
LOCK_PAUSE_S = 0.02
"""`holder` takes a lock for an instant to see whether it is free: that must not turn a starting daemon away."""

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


class Lock:
    """An exclusive lock for the daemon's life: `flock` on a file that is never removed and holds our pid.

    Args:
        path: The lock file.
        what: What it guards, for the message.
        tries: How often to try, with a short pause between; one does not wait.

    Raises:
        InUseError: Another process holds it.
        UnsafePathError: The file cannot be opened, or is no regular file.
    """

    def __init__(self, path: Path, what: str, tries: int = LOCK_TRIES) -> None:
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            self._fd = os.open(path, flags, 0o600)
        except OSError as error:
            raise UnsafePathError(f"cannot open the lock {path}: {error.strerror}") from None
        try:
            status = os.fstat(self._fd)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
                raise UnsafePathError(
                    f"the lock {path} is not a regular file of ours; remove it or choose another path"
                )
            if not _try_lock(self._fd, tries):
                raise InUseError(f"{what} is in use by the tracerd with pid {_pid_in(self._fd)}")
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)
        except BaseException:
            os.close(self._fd)
            raise

    def is_in_place(self) -> bool:
        """Whether the file is still where others look for it: who removed it lets another daemon in.

        Raises:
            OSError: It cannot be looked at.
        """
        return is_file_at(self.path, self._fd)

    def release(self) -> None:
        """Let the next daemon in."""
        os.close(self._fd)


class PrivateDirectory:
    """The directory of logs, made if it is not there, and locked for the daemon's life.

    Args:
        path: Where it is.
        lock_name: The lock file in it.

    Raises:
        InUseError: Another daemon has it.
        UnsafePathError: It cannot be made or locked, or others could interfere.
    """

    def __init__(self, path: Path, lock_name: str) -> None:
        self._path = path
        self._lock_path = path / lock_name
        self._lock: Lock | None = None
        self._take(LOCK_TRIES)

    def hold(self) -> None:
        """Make and lock it anew if somebody has removed it, or put another in its place.

        Raises:
            InUseError: Another daemon has it by now.
            OSError: It cannot be looked at.
            UnsafePathError: It cannot be made or locked, or others could interfere.
        """
        if self._lock:
            if self._lock.is_in_place():
                return
            logger.warning("the directory %s or its lock was removed; it is made and locked anew", self._path)
            self.release()
        self._take(1)  # clients wait: better again soon

    def _take(self, tries: int) -> None:
        make_private(self._path)
        check_private(self._path)
        self._lock = Lock(self._lock_path, f"the directory {self._path}", tries)

    def release(self) -> None:
        """Let the next daemon in."""
        if self._lock:
            self._lock.release()
            self._lock = None


def _try_lock(fd: int, tries: int) -> bool:
    for left in reversed(range(tries)):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if left:
                time.sleep(LOCK_PAUSE_S)
        else:
            return True
    return False


def lock_path(socket_path: Path) -> Path:
    """The lock that guards a socket."""
    return Path(f"{socket_path}.lock")


def holder(path: Path) -> int | None:
    """The pid of the process that holds this lock, or None if nobody does."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _pid_in(fd)
    finally:
        os.close(fd)
    return None


def _pid_in(fd: int) -> int:
    text = os.pread(fd, 32, 0).strip()
    return int(text) if text.isdigit() else 0


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
            self.socket.listen(self.backlog)
            self._status = self.path.lstat()
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

    Nobody is turned away while we stop, start or are not there: connections wait in its queue.

    Attributes:
        outlives_us: True: whoever waits in its queue when we stop is left to the next daemon.

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
    """The longest queue that the kernel allows, whatever was asked for; 0 if it does not tell."""
    try:
        return int(Path("/proc/sys/net/core/somaxconn").read_text())
    except OSError:
        return 0
