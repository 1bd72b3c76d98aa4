"""The packed part of a log, `<id>.jsonl.gz`: its lines from the beginning, compressed after it was quiet for long.

The lines of a trace are those of its packed part, and then those of its log. Both may be there, and both may hold the
same lines for a moment: the packed part says how much of the log it has taken. So it is whole at any moment.

The file is gzip, in members. The first one is empty and has these figures in its header. The last one holds the last
lines, so that these can be read without all before them.
"""

import contextlib
import errno
import hashlib
import os
import struct
import zlib
from collections.abc import Generator, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from tracerd.errors import NotAFileError, UnsafePathError
from tracerd.store.files import close, is_file_at, open_for_reading
from tracerd.store.log import BLOCK_BYTES, read_pieces, whole_lines

PACKED_SUFFIX = ".jsonl.gz"

_FIGURES = struct.Struct("<QQQ16s")
_FIELD = b"Td" + _FIGURES.size.to_bytes(2, "little")  # a subfield of the extra field, see RFC 1952
# With an extra field and a checksum of the header; no time, of an unknown system.
_START = b"\x1f\x8b\x08\x06" + bytes(5) + b"\xff" + (len(_FIELD) + _FIGURES.size).to_bytes(2, "little") + _FIELD
_EMPTY = b"\x03\x00" + bytes(8)  # no bytes, their checksum, and their number
HEADER_BYTES = len(_START) + _FIGURES.size + 2 + len(_EMPTY)

GZIP = 31
"""zlib's word for: with the header of gzip."""

_PACKED_BLOCK_BYTES = 8192  # a line that repeats itself may be a thousand times as long
_DIGEST_BYTES = 4096

_TRIES = 5
"""How often a trace is opened anew: a log is packed when it was quiet for long, so that once is enough."""


class Packed(NamedTuple):
    """What the header of a packed part says.

    Attributes:
        length: How many bytes its lines are.
        tail_at: Where in the file the member of its last lines begins.
        taken: How many bytes of the log it has taken, if the log begins as `digest` says.
        digest: Of the beginning of that log.
    """

    length: int
    tail_at: int
    taken: int
    digest: bytes

    def header(self) -> bytes:
        """The first member of the file."""
        start = _START + _FIGURES.pack(*self)
        return start + (zlib.crc32(start) & 0xFFFF).to_bytes(2, "little") + _EMPTY


def packed_path(path: Path) -> Path:
    """Where the packed part of this log is."""
    return Path(f"{path}.gz")


def read_packed(fd: int) -> Packed | None:
    """What a packed part says; None for a file that is none of ours."""
    header = os.pread(fd, HEADER_BYTES, 0)
    if not header.startswith(_START) or len(header) < HEADER_BYTES:
        return None
    packed = Packed(*_FIGURES.unpack_from(header, len(_START)))
    return packed if packed.header() == header else None


def digest(fd: int, taken: int) -> bytes:
    """How a log is known of which so many bytes were taken. Its clock line makes that unique."""
    return hashlib.blake2b(os.pread(fd, min(taken, _DIGEST_BYTES), 0), digest_size=16).digest()


class Parts:
    """The lines of a trace, from its packed part and its log, as of the moment when they were opened.

    Attributes:
        log_fd: The log; -1 without one.
        packed_fd: The packed part, or a file of another program in its place; -1 without one.
        packed: What it says; None without one.
        start: Where in the log the lines begin that are not in the packed part.
        length: How many bytes all lines are.
    """

    def __init__(self, log_fd: int, packed_fd: int, packed: Packed | None) -> None:
        self.log_fd = log_fd
        self.packed_fd = packed_fd
        self.packed = packed
        size = os.fstat(log_fd).st_size if log_fd >= 0 else 0
        has_taken = packed is not None and packed.taken <= size and log_fd >= 0
        self.start = packed.taken if packed and has_taken and digest(log_fd, packed.taken) == packed.digest else 0
        self.length = self.packed_length + size - self.start

    @property
    def packed_length(self) -> int:
        """How many bytes of lines the packed part holds."""
        return self.packed.length if self.packed else 0

    def blocks(self, length: int | None = None, block_bytes: int = BLOCK_BYTES, start: int = 0) -> Iterator[bytes]:
        """The lines in blocks, as `log.read_blocks` gives them.

        Args:
            length: Stop after so many bytes, counted from the beginning.
            block_bytes: How much of the log is read at a time.
            start: Where to begin: at 0, or behind the packed part.
        """
        end = self.length if length is None else length
        log = self._log_pieces(max(start, self.packed_length), end, block_bytes)
        return whole_lines(log if start else chain(_limited(self._packed_pieces(HEADER_BYTES), end), log))

    def head(self, count: int) -> bytes:
        """The first bytes."""
        return b"".join(self.blocks(min(count, self.length)))

    def tail(self, count: int) -> bytes:
        """The last bytes: so many, or at least the last lines that were packed and all of the log."""
        size = self.length - self.packed_length
        if self.packed is None or size >= count:
            return self.pread(count, max(0, self.length - count))
        return (b"".join(self.last_packed()) + self.pread(size, self.packed_length))[-count:]

    def last_packed(self) -> Iterator[bytes]:
        """The last lines of the packed part, in pieces."""
        return self._packed_pieces(self.packed.tail_at) if self.packed else iter(())

    def pread(self, count: int, at: int) -> bytes:
        """Bytes of the log; `at` is counted from the beginning of all lines."""
        return os.pread(self.log_fd, count, self.start + at - self.packed_length) if self.log_fd >= 0 else b""

    def _log_pieces(self, start: int, end: int, block_bytes: int) -> Iterator[bytes]:
        if self.log_fd >= 0:
            os.lseek(self.log_fd, self.start + start - self.packed_length, os.SEEK_SET)
            yield from read_pieces(self.log_fd, end - start, block_bytes)

    def _packed_pieces(self, at: int) -> Iterator[bytes]:
        """What the members hold that begin at a byte of the file.

        Raises:
            OSError: They are damaged.
        """
        if self.packed is None:
            return
        member = zlib.decompressobj(GZIP)
        try:
            while data := os.pread(self.packed_fd, _PACKED_BLOCK_BYTES, at):
                at += len(data)
                while data:
                    if member.eof:
                        member = zlib.decompressobj(GZIP)
                    yield member.decompress(data)
                    data = member.unused_data
        except zlib.error as error:
            raise OSError(errno.EIO, f"the packed part is damaged: {error}") from None
        if not member.eof:
            raise OSError(errno.EIO, "the packed part is cut off")


def _limited(pieces: Iterator[bytes], length: int) -> Iterator[bytes]:
    """The first bytes."""
    for piece in pieces:
        if length <= 0:
            return
        yield piece[:length]
        length -= len(piece)


@contextlib.contextmanager
def parts(path: Path) -> Generator[Parts]:
    """The lines of a trace, whose log need not be there if it has a packed part.

    Raises:
        OSError: Its log or its packed part cannot be read; FileNotFoundError if neither is there.
        UnsafePathError: The log is no regular file; what is none in the place of the packed part is left alone.
    """
    with contextlib.ExitStack() as stack:
        opened = _opened_parts(path, stack)
        for _ in range(_TRIES):
            if not opened.packed or opened.log_fd < 0 or opened.start or is_file_at(path, opened.log_fd):
                break
            # The log was packed meanwhile, and then the next one, whose beginning is all that the packed part says.
            stack.close()
            opened = _opened_parts(path, stack)
        yield opened


def _opened_parts(path: Path, stack: contextlib.ExitStack) -> Parts:
    # The log comes first: what is moved to the packed part meanwhile is then in both, and not in neither.
    log_fd = _opened(path, stack)
    packed_fd = -1
    with contextlib.suppress(NotAFileError):
        packed_fd = _opened(packed_path(path), stack) if path.suffix == ".jsonl" else -1
    packed = read_packed(packed_fd) if packed_fd >= 0 else None
    if log_fd < 0 and packed is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return Parts(log_fd, packed_fd, packed)


def _opened(path: Path, stack: contextlib.ExitStack) -> int:
    with contextlib.suppress(FileNotFoundError):
        fd = open_for_reading(path)
        stack.callback(close, fd)
        return fd
    return -1


def log_length(path: Path) -> int:
    """How many bytes the lines of a trace are; 0 if it cannot be read: reading it gives the reason."""
    with contextlib.suppress(OSError, UnsafePathError), parts(path) as opened:
        return opened.length
    return 0


def is_packed(path: Path) -> bool:
    """Whether a log has a packed part, and not a file of another program in its place."""
    with contextlib.suppress(OSError, UnsafePathError), parts(path) as opened:
        return opened.packed is not None
    return False
