"""One trace's log: append whole lines, read whole lines.

The daemon is the only writer of a log, so its length is known without asking and a failed write can be undone.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tracerd.core.limits import DEFAULT_MAX_LINE_BYTES
from tracerd.core.lines import check_line
from tracerd.speedups import Burst, Pumped, burst, pump
from tracerd.store.files import close, is_file_at, open_shared, sync_directory

BLOCK_BYTES = 64 * 1024
"""Bytes a reader handles per C call: during larger ones the daemon would wait too long for the interpreter."""

MAX_TAIL_BYTES = DEFAULT_MAX_LINE_BYTES
"""A longer torn line is cut without a look at it: clients wait meanwhile, and it may have any size."""


class LogWriter:
    """An open log, made if it is not there, with a shared lock, which keeps others from removing it.

    Raises:
        NotAFileError: It is not a regular file.
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = open_shared(path)
        try:
            self.size = os.fstat(self.fd).st_size
        except BaseException:
            close(self.fd)
            raise
        self.torn = 0
        """Bytes of a block that could not be written to its end, and are still there."""
        self._synced = -1
        self._sync_error: OSError | None = None

    def cut_torn_tail(self, keep: Callable[[bytes], object]) -> None:
        """Make the log end with a whole line, as a killed daemon may not have left it.

        An unterminated strict object gets its newline. Anything else is cut off, and `keep` gets its beginning.
        """
        start = start_of_last_line(self.fd, self.size)
        if start == self.size:
            return
        tail = os.pread(self.fd, min(self.size - start, MAX_TAIL_BYTES + 1), start)
        if len(tail) <= MAX_TAIL_BYTES and check_line(tail) is tail:
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
        if self.torn:
            self._undo()
        written = 0
        try:
            written = os.write(self.fd, block)
            while written < len(block):
                written += os.write(self.fd, memoryview(block)[written:])
        except OSError:
            if written:
                self.torn = written
                with contextlib.suppress(OSError):  # then it is undone before the next write
                    self._undo()
            raise
        self.size += len(block)

    def pump(self, socket_fd: int, partial: bytearray, reads: int) -> Pumped | None:
        """See `speedups.pump`. If it reports a write that failed, `append` must be the next call."""
        if done := pump and pump(socket_fd, self.fd, partial, reads):
            self._moved(done[2], done[3])
        return done

    def burst(self, listener_fd: int, hello: bytes, most: int) -> Burst | None:
        """See `speedups.burst`. If it reports a write that failed, `append` must be the next call."""
        if done := burst and burst(listener_fd, self.fd, hello, most):
            self._moved(done[2], done[3])
        return done

    def _moved(self, written: int, torn: int) -> None:
        self.size += written
        self.torn = torn

    def _undo(self) -> None:
        """Take back what was written of a block. The length is read again: another program may have cut the log."""
        self.size = max(0, os.fstat(self.fd).st_size - self.torn)
        os.ftruncate(self.fd, self.size)
        self.torn = 0

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
            self._sync_error = error  # the kernel reports it once, drops the pages, and succeeds the next time
            raise
        if self._synced < 0:
            sync_directory(self.path.parent)
        self._synced = self.size

    def was_removed(self) -> bool:
        """Whether the file was removed, renamed or replaced since it was opened."""
        return not is_file_at(self.path, self.fd)

    def close(self) -> str:
        """Close the log and give up its lock; see `files.close`."""
        return close(self.fd)


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


def read_blocks(fd: int, length: int | None = None, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """The lines of a log in blocks of whole lines, about `block_bytes` each; only the very last may lack its newline.

    Args:
        fd: The log, read from its current position.
        length: Stop after so many bytes; None reads to the end.
        block_bytes: How much is read at a time.
    """
    yield from whole_lines(read_pieces(fd, length, block_bytes))


def read_pieces(fd: int, length: int | None, block_bytes: int) -> Iterator[bytes]:
    """What is read of a file from its current position, in pieces; see `read_blocks`."""
    left = length
    while left is None or left > 0:
        data = os.read(fd, block_bytes if left is None else min(block_bytes, left))
        if not data:
            return
        if left is not None:
            left -= len(data)
        yield data


def whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, in blocks of whole lines; only the very last may lack its newline."""
    partial: list[bytes] = []
    for data in pieces:
        end = data.rfind(b"\n") + 1
        if not end:
            partial.append(data)
            continue
        # A view: with one more copy of a large block, malloc gives memory back to the system and asks for it again.
        yield b"".join((*partial, memoryview(data)[:end]))
        partial = [data[end:]] if end < len(data) else []
    if partial:
        yield b"".join(partial)


def lines_with(block: bytes, needle: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines of a block that hold these bytes, each without its newline, and the index at which it begins."""
    at = block.find(needle)
    while at >= 0:
        start, end = block.rfind(b"\n", 0, at) + 1, block.find(b"\n", at)
        yield start, block[start:] if end < 0 else block[start:end]
        at = block.find(needle, end) if end >= 0 else -1
