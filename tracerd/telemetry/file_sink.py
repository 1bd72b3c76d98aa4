"""A file of events, shared by any number of threads and processes: whole lines, whatever their length."""

import errno
import fcntl
import os
import stat
import threading
import time

from tracerd.telemetry.error import io_error
from tracerd.telemetry.event import Event

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PAUSE_S = 0.001
_MAX_PAUSE_S = 0.05


class FileSink:
    """Appends events to a file, one line of JSON each; the file and its directories are made, for the user only.

    A line is written under a lock on the file. If it does not fit on the disk, nothing of it stays.

    Args:
        path: The file; a symbolic link is refused.
        timeout_s: How long an event waits for others that write.
    """

    def __init__(self, path: str | os.PathLike[str], timeout_s: float = 5.0) -> None:
        self.path = os.path.abspath(path)
        self._timeout_s = timeout_s
        self._turn = threading.Lock()  # one thread at a time asks for the lock of the file
        self._pid = os.getpid()

    def emit(self, event: Event) -> None:
        """Append the line.

        Raises:
            TelemetryError: It could not be written; the file is as it was.
        """
        line = event.to_json().encode("ascii") + b"\n"
        if self._pid != os.getpid():  # forked, perhaps while another thread had its turn
            self._turn, self._pid = threading.Lock(), os.getpid()
        until_s = time.monotonic() + self._timeout_s
        try:
            if not self._turn.acquire(timeout=self._timeout_s):
                raise TimeoutError(errno.ETIMEDOUT, "other threads write for too long")
            try:
                self._append(line, until_s)
            finally:
                self._turn.release()
        except OSError as error:
            raise io_error(f"cannot write {self.path}", error) from error

    def flush(self) -> None:
        """Do nothing: an event that was taken is in the file."""

    def _append(self, line: bytes, until_s: float) -> None:
        try:
            fd = os.open(self.path, _FLAGS, 0o600)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            fd = os.open(self.path, _FLAGS, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file")
            _lock(fd, until_s)
            _write(fd, line)
        finally:
            os.close(fd)


def _lock(fd: int, until_s: float) -> None:
    """Take the lock; a process that holds it and is stopped must not stop us for ever."""
    pause_s = _PAUSE_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until_s:
                raise TimeoutError(errno.ETIMEDOUT, "another process has locked it") from None
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _MAX_PAUSE_S)
        else:
            return


def _write(fd: int, line: bytes) -> None:
    """Append a whole line or nothing; a process that was killed within a line has left a part without an end."""
    size = os.fstat(fd).st_size
    if size and os.pread(fd, 1, size - 1) != b"\n":
        line = b"\n" + line
    written = 0
    try:
        while written < len(line):
            written += os.write(fd, line[written:])
    except BaseException:
        os.ftruncate(fd, size)
        raise
