"""Logs as they grow: all of a directory, or one.

Strategy: the caller polls, ten times a second. A log that grows is kept open, so that it can be read to its end after
it was removed, and so that its inode is not given to the log that replaces it. All is read in blocks, and no event is
kept in memory: a slow reader falls behind, and the logs are its buffer.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tracerd.errors import UnsafePathError
from tracerd.store.files import is_file_at, open_for_reading
from tracerd.store.log import BLOCK_BYTES, lines_with, read_blocks, start_of_last_line
from tracerd.store.snapshot import SUFFIX
from tracerd.traces.stored import StoredTrace, list_logs, stored_trace

MAX_OPEN = 200
"""Logs kept open at a time: those that grew last."""

MAX_EARLIER_BYTES = 64 * 1024 * 1024
"""Reading so much takes a few hundredths of a second."""

LIST_SHARE = 0.1
"""The part of the time that listing a directory may take: it takes 10 us for each log in it."""


class Growing:
    """An open log, and how far it has been read.

    Args:
        path: The log.
        trace_id: Its trace.
        offset: Where to begin; the line that holds this byte is taken whole.

    Attributes:
        seen: How long it was when it was read.

    Raises:
        OSError: It cannot be opened.
        UnsafePathError: It is not a regular file.
    """

    def __init__(self, path: Path, trace_id: str, offset: int) -> None:
        self.path = path
        self.trace_id = trace_id
        self._fd = open_for_reading(path)
        self.offset = start_of_last_line(self._fd, offset)
        self.seen: int | None = None
        self._block_at: int | None = None  # where the block began that was given last

    def first_line(self) -> bytes:
        """Its first line, or the beginning of that."""
        return os.pread(self._fd, 4096, 0).partition(b"\n")[0]

    def earlier_lines(self, needle: bytes) -> Iterator[bytes]:
        """Lines with these bytes of what has been passed over, or of its beginning if that is long."""
        for block in self.blocks_before(min(self.offset, MAX_EARLIER_BYTES)):
            yield from (line for _, line in lines_with(block, needle))

    def size(self) -> int:
        """How long it is now."""
        return os.fstat(self._fd).st_size

    def written_us(self) -> int:
        """When it was written last, in microseconds since 1970."""
        return os.fstat(self._fd).st_mtime_ns // 1000

    @property
    def is_at_begin(self) -> bool:
        """Whether the block that `new_blocks` gave last is its first."""
        return not self._block_at

    def blocks_before(self, end: int) -> Iterator[bytes]:
        """Its lines up to a byte, in blocks."""
        # Opened once more, for `new_blocks` may be at work; through the descriptor, since the path may be another file.
        with open(f"/proc/self/fd/{self._fd}", "rb", buffering=0) as file:
            yield from read_blocks(file.fileno(), end)

    def earlier_blocks(self) -> Iterator[bytes]:
        """All before the block that `new_blocks` gave last."""
        return self.blocks_before(self.offset if self._block_at is None else self._block_at)

    def start_at_last(self, count: int, wanted: Callable[[bytes], bool], size: int) -> None:
        """Go to where the last lines begin.

        Args:
            count: How many.
            wanted: Whether a line counts; it is called for the last one first.
            size: How long the log is taken to be.
        """
        start = size
        self.offset = start_of_last_line(self._fd, start)
        rest = b""
        while count > 0 and start > 0:
            end, start = start, max(0, start - BLOCK_BYTES)
            block = os.pread(self._fd, end - start, start) + rest
            head = 0 if start == 0 else block.find(b"\n") + 1
            if start and not head:
                rest = block
                continue
            rest, lines = block[:head], block[head:].split(b"\n")
            place = start + len(block) - len(lines.pop())
            for line in reversed(lines):
                place -= len(line) + 1
                if wanted(line):
                    self.offset = place
                    count -= 1
                    if count == 0:
                        return

    def new_blocks(self) -> Iterator[bytes]:
        """What has been added, in blocks of whole lines; half a line is left for the next time."""
        size = os.fstat(self._fd).st_size
        if size < self.offset:  # cut, or written anew in place
            self.offset = 0
        elif size == self.seen:
            return
        self.seen = size
        os.lseek(self._fd, self.offset, os.SEEK_SET)
        for block in read_blocks(self._fd, size - self.offset):
            if not block.endswith(b"\n"):
                return
            self._block_at = self.offset
            self.offset += len(block)
            yield block

    def is_gone(self) -> bool:
        """Whether something else, or nothing, is at its path."""
        return not is_file_at(self.path, self._fd)

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)


class Live:
    """The logs to follow.

    Args:
        directory: All of it is followed; a log that is there already, from its end on.
        path: Of the one log to follow instead, which need not be there yet.
        since_s: Logs that were written since this time are read from their begin on; None for all from their end on,
            if a directory is followed.
        at_end: Whether the one log is followed from its end on, too.
    """

    def __init__(
        self, directory: Path, path: Path | None = None, since_s: float | None = None, *, at_end: bool = False
    ) -> None:
        self._directory = directory
        self._path = path
        self._open: dict[Path, Growing] = {}  # the one that grew last is the last
        self._lengths: dict[Path, int] = {}  # of those not open
        self.list_at = 0.0
        if since_s is not None:
            self._lengths = {log.path: log.log_size for log in self._list() if log.last_write_s < since_s}
        elif path is None or at_end:
            self._lengths = {log.path: log.log_size for log in self._list()}
            for known in [*self._lengths][-MAX_OPEN:]:
                self._follow_from(known, self._lengths[known])

    def follow(self, log: Growing) -> None:
        """Follow a log from where it has been read to."""
        if before := self._open.pop(log.path, None):
            before.close()
        self._open[log.path] = log

    def poll(self) -> Iterator[tuple[Growing, bytes]]:
        """What has been added since the last time, in blocks; a log that was replaced is another one, read from 0."""
        if time.monotonic() >= self.list_at:
            yield from self._list_again()
        for path, log in [*self._open.items()]:
            for block in log.new_blocks():
                self._open[path] = self._open.pop(path)
                yield log, block

    def _list_again(self) -> Iterator[tuple[Growing, bytes]]:
        for path, log in [*self._open.items()]:
            if log.is_gone():
                yield from self._finish(path)
                del self._lengths[path]
        start = time.monotonic()
        found = {log.path: log.log_size for log in self._list()}
        self.list_at = start + (time.monotonic() - start) / LIST_SHARE
        self._lengths = {path: length for path, length in self._lengths.items() if path in found}
        for path, size in found.items():
            if path not in self._open and size != self._lengths.get(path):
                known = self._lengths.get(path, 0)
                # It is new, or was quiet for long. Only its size can show that it was replaced since.
                self._follow_from(path, known if known <= size else 0)
                if len(self._open) > MAX_OPEN:
                    yield from self._finish(next(iter(self._open)))

    def _list(self) -> list[StoredTrace]:
        """Logs that can grow: what is packed does not."""
        logs = list_logs(self._directory) if self._path is None else [stored_trace(self._path)]
        return [log for log in logs if log and log.has_log and (log.log_size or not log.packed_size)]

    def _follow_from(self, path: Path, offset: int) -> None:
        with contextlib.suppress(OSError, UnsafePathError):  # gone already, or not readable
            self.follow(Growing(path, path.name.removesuffix(SUFFIX), offset))
            self._lengths.pop(path, None)

    def _finish(self, path: Path) -> Iterator[tuple[Growing, bytes]]:
        """Read a log to its end, and close it."""
        log = self._open.pop(path)
        for block in log.new_blocks():
            yield log, block
        self._lengths[path] = log.seen or 0
        log.close()

    def close(self) -> None:
        """Close all logs."""
        for log in self._open.values():
            log.close()
