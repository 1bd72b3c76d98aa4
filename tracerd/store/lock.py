"""Locks that decide which process is the daemon: one on the trace directory, one on each socket.

The lock, not a connect, shows whether a daemon is alive: a hung daemon still accepts connections.
"""

import fcntl
import os
import stat
from pathlib import Path

from tracerd.errors import InUseError, UnsafePathError
from tracerd.store.files import close, is_file_at, try_lock

LOCK_TRIES = 5
LOCK_PAUSE_S = 0.02
"""`holder` takes a lock for an instant to see whether it is free: a starting daemon must not fail because of that."""


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
            if not try_lock(self._fd, fcntl.LOCK_EX, tries, LOCK_PAUSE_S):
                raise InUseError(f"{what} is in use by the tracerd with pid {_pid_in(self._fd)}")
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)
        except BaseException:
            close(self._fd)
            raise

    def is_in_place(self) -> bool:
        """Whether the file is still at its path: if it was removed, another daemon can start.

        Raises:
            OSError: Its status cannot be read.
        """
        return is_file_at(self.path, self._fd)

    def release(self) -> None:
        """Unlock it."""
        close(self._fd)


def lock_path(socket_path: Path) -> Path:
    """The lock that guards a socket."""
    return Path(f"{socket_path}.lock")


def holder(path: Path) -> int | None:
    """The pid of the process that holds this lock, or None if it is free."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _pid_in(fd)
    finally:
        close(fd)
    return None


def hidden(path: Path) -> str:
    """Why nobody can tell whether this lock is held, such as a directory that may not be read; empty: `holder` can."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return f"cannot read the directory {path.parent}: {error.strerror}"
    return ""


def _pid_in(fd: int) -> int:
    text = os.pread(fd, 32, 0).strip()
    return int(text) if text.isdigit() else 0
