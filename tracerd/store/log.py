"""One trace's log: append whole lines, read whole lines.

The daemon is the only writer of a log, so its length is known without asking and a failed write can be undone.
"""

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tracerd.core.lines import check_line
from tracerd.errors import UnsafePathError

BLOCK_BYTES = 64 * 1024
"""Bytes a reader handles per C call: larger blocks hold the interpreter for longer than a daemon may wait."""

LOCK_TRIES = 5
LOCK_PAUSE_S = 0.001
"""Who removes a file holds its lock for the time of an unlink; clients must not wait for anybody else."""


def open_for_append(path: Path, *, readable: bool = False) -> int:
    """A descriptor of a regular file of ours that only ever grows; made with mode 0600 if it is not there.

    Raises:
        UnsafePathError: A symbolic link, pipe or device is in the way.
        OSError: It cannot be opened.
    """
    access = os.O_RDWR if readable else os.O_WRONLY
    return _regular(path, access | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _regular(path: Path, flags: int) -> int:
    try:
        fd = os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnsafePathError(f"{path} is a symbolic link") from None
        if error.errno in (errno.EISDIR, errno.ENXIO):  # a directory, a socket
            raise UnsafePathError(f"{path} is not a regular file") from None
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise UnsafePathError(f"{path} is not a regular file")
    return fd


def open_for_reading(path: Path) -> int:
    """A descriptor of a regular file; opening never waits, whatever lies there.

    Raises:
        UnsafePathError: A symbolic link, directory, pipe or device is there.
        OSError: It cannot be opened.
    """
    return _regular(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def open_shared(path: Path) -> int:
    """As `open_for_append`, with a shared lock that tells others (who may remove what lies here) that it is in use.

    Raises:
        UnsafePathError: It is not a regular file.
        OSError: It cannot be opened.
    """
    while True:
        fd = open_for_append(path, readable=True)
        try:
            _lock_shared(fd, path)
            if is_file_at(path, fd):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def pause() -> None:
    """Between two tries for a lock."""
    time.sleep(LOCK_PAUSE_S)


def _lock_shared(fd: int, path: Path) -> None:
    """Take a shared lock, waiting no longer than somebody takes to remove this very file: then it is begun anew."""
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            pause()
        else:
            return
    raise BlockingIOError(errno.EWOULDBLOCK, "another process has locked it", str(path))


def hold(path: Path) -> int | None:
    """A descriptor that keeps others from removing the file while it is open; None if the file cannot be opened."""
    try:
        fd = open_for_reading(path)
    except (OSError, UnsafePathError):
        return None
    try:
        _lock_shared(fd, path)
    except OSError:
        os.close(fd)
        return None
    return fd


def is_file_at(path: Path, fd: int) -> bool:
    """Whether this descriptor is of the file that the path names now."""
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(fd), there)


class LogWriter:
    """An open log; a shared lock tells others (who may remove logs) that it is in use.

    Args:
        path: The log; made if it is not there.

    Raises:
        UnsafePathError: It is not a regular file.
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = open_shared(path)
        self.size = os.fstat(self.fd).st_size
        self._torn = 0  # bytes of a block that could not be written to its end
        self._synced = -1
        self._sync_error: OSError | None = None

    def cut_torn_tail(self, keep: Callable[[bytes], object]) -> None:
        """Make the log end with a whole line, as a killed daemon may not have left it.

        An unterminated strict object gets its newline; anything else is given to `keep`, and then cut off.
        """
        start = start_of_last_line(self.fd, self.size)
        if start == self.size:
            return
        tail = os.pread(self.fd, self.size - start, start)
        if check_line(tail) is tail:
            self.append(b"\n")
            return
        keep(tail)
        os.ftruncate(self.fd, start)
        self.size = start

    def append(self, block: bytes) -> None:
        """Write whole lines; all of them or none.

        Raises:
            OSError: Nothing was written.
        """
        if self._torn:
            self._undo()
        written = 0
        try:
            written = os.write(self.fd, block)
            while written < len(block):
                written += os.write(self.fd, memoryview(block)[written:])
        except OSError:
            if written:
                self._torn = written
                with contextlib.suppress(OSError):  # then it is undone before the next write
                    self._undo()
            raise
        self.size += len(block)

    def _undo(self) -> None:
        """Take back what was written of a block. Where it began is asked: somebody may have emptied the log."""
        self.size = max(0, os.fstat(self.fd).st_size - self._torn)
        os.ftruncate(self.fd, self.size)
        self._torn = 0

    def sync(self) -> None:
        """Bring what was written to the disk, and the file's name too.

        Raises:
            OSError: It may not be there.
        """
        if self._sync_error:
            raise self._sync_error.with_traceback(None)
        if self._synced == self.size:
            return
        try:
            os.fsync(self.fd)
        except OSError as error:
            self._sync_error = error  # the kernel tells it once, has dropped the pages, and succeeds the next time
            raise
        if self._synced < 0:
            directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        self._synced = self.size

    def was_removed(self) -> bool:
        """Whether somebody has removed, renamed or replaced the file under us."""
        return not is_file_at(self.path, self.fd)

    def close(self) -> None:
        """Close the log and give up its lock."""
        os.close(self.fd)


def start_of_last_line(fd: int, size: int) -> int:
    """Where the bytes after the last newline begin; `size` if there are none."""
    end = size
    while end > 0:
        start = max(0, end - BLOCK_BYTES)
        newline = os.pread(fd, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def read_blocks(fd: int, length: int | None = None) -> Iterator[bytes]:
    """The lines of a log in blocks of whole lines, about BLOCK_BYTES each; only the very last may lack its newline.

    Args:
        fd: The log, read from its current position.
        length: Stop after so many bytes; None reads to the end.
    """
    partial: list[bytes] = []
    left = length
    while left is None or left > 0:
        data = os.read(fd, BLOCK_BYTES if left is None else min(BLOCK_BYTES, left))
        if not data:
            break
        if left is not None:
            left -= len(data)
        end = data.rfind(b"\n") + 1
        if not end:
            partial.append(data)
            continue
        partial.append(data[:end])
        yield b"".join(partial)
        partial = [data[end:]] if end < len(data) else []
    if partial:
        yield b"".join(partial)
