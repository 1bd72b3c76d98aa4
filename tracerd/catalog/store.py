"""The summaries of logs: from the cache as far as they are there, and else from the logs.

Strategy: a log only grows, so its fold goes on where it has stopped, if the file is the same one, no shorter, and has
the same first line and the same bytes before that place. Else it is read anew. Nothing is read of a log that has not
changed.
"""

import hashlib
import logging
import os
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import msgspec
import platformdirs

from tracerd.catalog.database import Database, Row
from tracerd.catalog.summary import Fold, State, Summary
from tracerd.errors import UnsafePathError, reason_of
from tracerd.store.packed import Parts, parts
from tracerd.text import printable
from tracerd.traces.stored import StoredTrace

logger = logging.getLogger(__name__)

CHECKED_BYTES: Final = 4096
"""How much of the first line, and of what lies before the place where a fold goes on, is compared."""

BATCH_LOGS: Final = 500
BATCH_BYTES: Final = 64 * 1024 * 1024
"""After so much reading it is written to the cache, so that an interrupted command has not read for nothing."""


class Described(NamedTuple):
    """A log and what it holds."""

    log: StoredTrace
    summary: Summary


class Entry(msgspec.Struct, array_like=True):
    """What is listed of a log: which file at which moment (device, inode, time of change, size), and its summary."""

    version: tuple[int, ...]
    summary: Summary


class Saved(msgspec.Struct, array_like=True):
    """Where a fold of a log stands: which file (device, inode), and digests of its first line and of what is before."""

    file: tuple[int, ...]
    first: bytes
    before: bytes
    state: State


_T = TypeVar("_T")

_ENTRY: Final = msgspec.json.Decoder(Entry)
_SAVED: Final = msgspec.json.Decoder(Saved)


def cache_path() -> Path:
    """Where the cache is: in the user's cache directory for tracerd."""
    return Path(platformdirs.user_cache_dir("tracerd")) / "catalog.sqlite"


class Catalog:
    """The summaries of the logs of one directory.

    Args:
        directory: The logs.
        path: The cache.
    """

    def __init__(self, directory: Path, path: Path) -> None:
        self._directory = os.fsencode(directory)
        self._database = Database(path)
        self._changed: dict[bytes, Row] = {}
        self._bytes = 0

    def described(
        self, logs: Sequence[StoredTrace], progress: Callable[[float], object] = lambda _: None
    ) -> Generator[Described]:
        """The summaries of all logs of the directory, in their order; a log that was removed since is left out.

        Args:
            logs: All that there are.
            progress: Called after each log that was read, with the part of all that is done.
        """
        try:
            entries = self._database.entries(self._directory)
            for number, log in enumerate(logs, 1):
                name = os.fsencode(log.trace_id)
                found = _decoded(_ENTRY, entries.pop(name, None))
                if found is None or found.version != (*log.version, log.log_size):
                    found = self._read(log, name)
                    progress(number / len(logs))
                if found is not None:
                    yield Described(log, found.summary)
            self._write(entries)
        finally:
            self._write()
            self._database.close()

    def _read(self, log: StoredTrace, name: bytes) -> Entry | None:
        """Read what is new of a log; None if it is gone or cannot be read."""
        saved = self._database.state(self._directory, name)
        try:
            entry, now = _folded(log.path, _decoded(_SAVED, saved))
        except FileNotFoundError:
            return None
        except (OSError, UnsafePathError) as error:
            logger.warning("cannot read %s: %s", printable(log.file), reason_of(error))
            return None
        self._changed[name] = msgspec.json.encode(entry), msgspec.json.encode(now)
        self._bytes += log.log_size
        if len(self._changed) >= BATCH_LOGS or self._bytes >= BATCH_BYTES:
            self._write()
        return entry

    def _write(self, removed: Sequence[bytes] | dict[bytes, bytes] = ()) -> None:
        if self._changed or removed:
            self._database.replace(self._directory, self._changed, removed)
        self._changed, self._bytes = {}, 0


def _decoded(decoder: "msgspec.json.Decoder[_T]", text: bytes | None) -> _T | None:
    if text is None:
        return None
    try:
        return decoder.decode(text)
    except msgspec.DecodeError:
        return None


def _folded(path: Path, saved: Saved | None) -> tuple[Entry, Saved]:
    """What a log holds, and where its fold stands, after the last whole line.

    Raises:
        OSError: It cannot be read.
        UnsafePathError: It is no regular file.
    """
    with parts(path) as opened:
        statuses = [os.fstat(fd) for fd in (opened.log_fd, opened.packed_fd if opened.packed else -1) if fd >= 0]
        file = tuple(number for status in statuses for number in (status.st_dev, status.st_ino))
        version = tuple(n for one in statuses for n in (one.st_dev, one.st_ino, one.st_ctime_ns))
        first = _digest(opened.head(CHECKED_BYTES).partition(b"\n")[0])
        goes_on = (
            saved is not None
            and (saved.file, saved.first) == (file, first)
            and opened.packed_length <= saved.state.offset <= opened.length
            and saved.before == _before(opened, saved.state.offset)
        )
        fold = Fold(saved.state if saved is not None and goes_on else None)
        rest = b""
        for block in opened.blocks(start=fold.offset):
            end = block.rfind(b"\n") + 1
            fold.feed(block[:end])
            rest = block[end:]
        now = Saved(file, first, _before(opened, fold.offset), fold.state())
        if rest:  # a file from elsewhere may lack its last newline; or the daemon is writing
            fold.feed(rest)
        return Entry((*version, statuses[0].st_size if opened.log_fd >= 0 else 0), fold.summary()), now


def _before(opened: Parts, offset: int) -> bytes:
    """Of what is before a place in the log; what was packed does not change."""
    start = max(opened.packed_length, offset - CHECKED_BYTES)
    return _digest(opened.pread(offset - start, start))


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).digest()
