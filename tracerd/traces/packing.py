"""Moving a log into its packed part, so that at any moment every line is in one of both.

The new packed part is written beside the old one and takes its place when it is on the disk; then the log is removed.
Between these two steps the log's lines are in both, and the packed part says so.
"""

import os
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from tracerd.store.files import sync_directory
from tracerd.store.log import BLOCK_BYTES
from tracerd.store.packed import GZIP, HEADER_BYTES, Packed, Parts, digest, packed_path, parts
from tracerd.store.temporary import replacing

TAIL_BYTES = 64 * 1024
"""About so much can be read at the end without what is before."""


def pack(path: Path, lock: Callable[[ExitStack], object]) -> bool:
    """Move the lines of a log into its packed part.

    Args:
        path: The log.
        lock: Called when all is written, to lock the files until the stack is left. It may raise to give it up.

    Returns:
        False if the log's last line has no end, or something that is not ours is in the place of the packed part.

    Raises:
        OSError: It failed; nothing is lost.
        UnsafePathError: It is no regular file.
    """
    with parts(path) as old, ExitStack() as locks:
        if old.log_fd < 0 or not old.length or (old.packed is None and os.path.lexists(packed_path(path))):
            return False
        if old.length == old.packed_length:  # a process that was killed has left the log
            lock(locks)
        elif os.pread(old.log_fd, 1, os.fstat(old.log_fd).st_size - 1) != b"\n":
            return False
        else:
            with replacing(str(packed_path(path))) as fd, open(fd, "wb", closefd=False) as file:
                _write(file, old)
                os.fsync(fd)  # before the locks: a client that opens the trace waits for them
                lock(locks)
            sync_directory(path.parent)
        path.unlink()
    return True


def _write(file: BinaryIO, old: Parts) -> None:
    """Make the new packed part: the old members but the last one, the lines that follow, and the last lines."""
    status = os.fstat(old.log_fd)
    file.seek(HEADER_BYTES)
    kept_until = old.packed.tail_at if old.packed else HEADER_BYTES
    kept = range(HEADER_BYTES, kept_until, BLOCK_BYTES)
    file.writelines(os.pread(old.packed_fd, min(BLOCK_BYTES, kept_until - at), at) for at in kept)
    last = _write_body(file, old)
    tail_at = file.tell()
    member = zlib.compressobj(wbits=GZIP)
    file.write(member.compress(last) + member.flush())
    taken = old.start + old.length - old.packed_length
    file.seek(0)
    file.write(Packed(old.length, tail_at, taken, digest(old.log_fd, taken)).header())
    file.flush()
    os.fchmod(file.fileno(), 0o600)
    os.utime(file.fileno(), ns=(status.st_mtime_ns, status.st_mtime_ns))  # it is as old as its last line


def _write_body(file: BinaryIO, old: Parts) -> bytes:
    """Write a member of all lines that are not kept but the last ones; these."""
    member = zlib.compressobj(wbits=GZIP)
    waiting = b""
    is_empty = True
    for block in chain(old.last_packed(), old.blocks(start=old.packed_length), [b""]):
        waiting += block
        if len(waiting) > 2 * TAIL_BYTES or not block:
            cut = waiting.rfind(b"\n", 0, max(0, len(waiting) - TAIL_BYTES)) + 1
            if cut:
                file.write(member.compress(waiting[:cut]))
                waiting = waiting[cut:]
                is_empty = False
    if not is_empty:
        file.write(member.flush())
    return waiting
