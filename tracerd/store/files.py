"""Files of the trace directory: opened without following links, locked while in use, still in their place or not."""

import errno
import fcntl
import os
import stat
import time
from pathlib import Path

from tracerd.errors import NotAFileError

LOCK_TRIES = 5
LOCK_PAUSE_S = 0.001
"""A file is locked for as long as its removal takes; clients must not wait longer than that."""


def close(fd: int) -> str:
    """Close a descriptor; the error that the kernel reports, of the writes before it, or an empty text.

    The descriptor is closed in both cases: another try might close one that was opened meanwhile.
    """
    try:
        os.close(fd)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def sync_directory(directory: Path) -> None:
    """Bring the names in a directory to the disk.

    Raises:
        OSError: They may not be there.
    """
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        close(fd)


def open_for_append(path: Path) -> int:
    """A descriptor of a regular file of ours that only ever grows; made with mode 0600 if it is not there.

    Raises:
        NotAFileError: A symbolic link, pipe or device is in the way.
        OSError: It cannot be opened.
    """
    return _regular(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _regular(path: Path, flags: int) -> int:
    try:
        fd = os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotAFileError(f"{path} is a symbolic link") from None
        if error.errno in (errno.EISDIR, errno.ENXIO):  # a directory, a socket
            raise NotAFileError(f"{path} is not a regular file") from None
        raise
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise NotAFileError(f"{path} is not a regular file")
    except BaseException:
        close(fd)
        raise
    return fd


def open_for_reading(path: Path) -> int:
    """A descriptor of a regular file; opening never waits, whatever lies there.

    Raises:
        NotAFileError: A symbolic link, directory, pipe or device is there.
        OSError: It cannot be opened.
    """
    return _regular(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def open_existing(path: Path) -> int:
    """A descriptor of a regular file for an exclusive lock, which on NFS must be one for writing.

    Raises:
        NotAFileError: A symbolic link, directory, pipe or device is there.
        OSError: It cannot be opened.
    """
    return _regular(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def open_shared(path: Path) -> int:
    """As `open_for_append`, with a shared lock: it shows that the file is in use and must not be removed.

    Raises:
        NotAFileError: It is not a regular file.
        OSError: It cannot be opened.
    """
    while True:
        fd = open_for_append(path)
        try:
            _lock_shared(fd, path)
            if is_file_at(path, fd):
                return fd
        except BaseException:
            close(fd)
            raise
        close(fd)


def _lock_shared(fd: int, path: Path) -> None:
    """Take a shared lock. Wait only as long as the removal of this file takes: then it is begun again."""
    if not try_lock(fd, fcntl.LOCK_SH, LOCK_TRIES, LOCK_PAUSE_S):
        raise BlockingIOError(errno.EWOULDBLOCK, "another process has locked it", str(path))


def try_lock(fd: int, kind: int, tries: int, pause_s: float) -> bool:
    """Take a lock, `fcntl.LOCK_SH` or `LOCK_EX`, with so many tries; False if another process holds it.

    One try does not wait.
    """
    for left in reversed(range(tries)):
        try:
            fcntl.flock(fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if left:
                pause(pause_s)
        else:
            return True
    return False


def pause(pause_s: float) -> None:
    """Between two tries for a lock."""
    time.sleep(pause_s)


def pin(path: Path) -> int | None:
    """A descriptor that keeps others from removing the file while it is open; None if the file cannot be opened."""
    try:
        fd = open_for_reading(path)
    except (OSError, NotAFileError):
        return None
    try:
        _lock_shared(fd, path)
    except OSError:
        close(fd)
        return None
    return fd


def is_file_at(path: Path, fd: int) -> bool:
    """Whether this descriptor is of the file that the path names now."""
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(fd), there)
