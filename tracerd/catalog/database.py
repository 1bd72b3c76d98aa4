"""The cache on disk: a file of SQLite that may be deleted at any time, and holds nothing that logs do not.

Strategy: nothing here is an error for a person. What is damaged, or of another version, is made anew; where there can
be no cache, there is none. A row is a blob with a checksum, since SQLite has none: a damaged row is a missing one. Each
process holds a shared lock while it has the file open, so none removes it from under another.
"""

import contextlib
import fcntl
import os
import sqlite3
import stat
import zlib
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Final, cast

from tracerd import __version__
from tracerd.errors import UnsafePathError
from tracerd.store.files import close
from tracerd.store.paths import check_private, make_private

APPLICATION: Final = 0x74726364
"""How our files are known among those of SQLite."""

SCHEMA: Final = zlib.crc32(b"1 %s" % __version__.encode()) & 0x7FFFFFFF
"""What rows hold: each version of tracerd makes them anew, since it may read logs in another way."""

BUSY_S: Final = 1.0
"""How long another process may write before we go on without the cache."""

_FILES: Final = ("-wal", "-shm", "")
"""The suffixes of what SQLite keeps, in the order in which they are removed: the last one is the database."""

_UNUSABLE: Final = frozenset({
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_PROTOCOL,
})  # fmt: skip
"""Errors that another file would not cure."""

_ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)
"""Of SQLite; the second one if its message repeats a damaged part of the file."""

_TABLE: Final = "CREATE TABLE log (directory BLOB, name BLOB, entry BLOB, state BLOB, PRIMARY KEY (directory, name))"

Row = tuple[bytes, bytes]
"""What is listed of a log, and where its fold stands."""


class Database:
    """The rows of logs, by the directory and the name of each.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = -1
        self._connection: sqlite3.Connection | None = None
        try:
            make_private(path.parent)
            check_private(path.parent)
            self._lock = _locked(path.with_name(f"{path.name}.lock"))
            self._check_files()
        except (OSError, UnsafePathError):
            return
        if not self._connect():
            self._begin_anew()

    def _check_files(self) -> None:
        for suffix in _FILES:
            with contextlib.suppress(FileNotFoundError):
                status = os.lstat(f"{self._path}{suffix}")
                if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
                    raise UnsafePathError(f"{self._path}{suffix} is not a regular file of ours")

    # ------------------------------------------------------------------ opening, and giving up

    def _connect(self) -> bool:
        """Open it. False if it must be made anew; without a connection nothing can be done."""
        try:
            with contextlib.suppress(FileExistsError):
                close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            self._connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
            return self._prepare(self._connection)
        except _ERRORS as error:
            return self._failed(error)
        except OSError:
            return True

    def _prepare(self, connection: sqlite3.Connection) -> bool:
        run = connection.execute
        run("PRAGMA synchronous = NORMAL")
        found = _versions(connection)
        if found == (0, 0):
            run("PRAGMA journal_mode = WAL")
            with _transaction(connection):
                if not run("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                    run(_TABLE)
                    run(f"PRAGMA application_id = {APPLICATION}")
                    run(f"PRAGMA user_version = {SCHEMA}")
            found = _versions(connection)
        if found[0] != APPLICATION:  # another program's
            self._disconnect()
            return True
        return found[1] == SCHEMA

    def _failed(self, error: Exception) -> bool:
        """Go on without a connection; False if the file is damaged."""
        self._disconnect()
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _UNUSABLE

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(*_ERRORS):
                self._connection.close()
            self._connection = None

    def _begin_anew(self) -> None:
        """Remove the file and make another one, unless another process has it open."""
        self._disconnect()
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for suffix in _FILES:
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)
            is_usable = self._connect()
            fcntl.flock(self._lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            is_usable = False
        if not is_usable:
            self._disconnect()

    def close(self) -> None:
        """Close it; nothing is read or written after that."""
        self._disconnect()
        if self._lock >= 0:
            close(self._lock)
            self._lock = -1

    # ------------------------------------------------------------------ rows

    def entries(self, directory: bytes) -> dict[bytes, bytes]:
        """What is listed of the logs of a directory, by name."""
        for _ in range(2):
            try:
                seed = zlib.crc32(directory)
                found = self._rows("SELECT name, entry FROM log WHERE directory = ?", (directory,))
                return {
                    name: entry
                    for name, blob in found
                    if isinstance(name, bytes) and (entry := _checked(seed, name, blob)) is not None
                }
            except _ERRORS as error:
                if self._failed(error):
                    break
                self._begin_anew()
        return {}

    def state(self, directory: bytes, name: bytes) -> bytes | None:
        """Where the fold of a log stands; None if that is not known."""
        try:
            found = self._rows("SELECT state FROM log WHERE directory = ? AND name = ?", (directory, name))
            return next((_checked(zlib.crc32(directory), name, blob) for (blob,) in found), None)
        except _ERRORS as error:
            self._failed(error)
            return None

    def _rows(self, statement: str, values: tuple[bytes, ...]) -> Iterator[tuple[object, ...]]:
        if self._connection is None:
            return iter(())
        return cast("Iterator[tuple[object, ...]]", self._connection.execute(statement, values))

    def replace(self, directory: bytes, changed: dict[bytes, Row], removed: Iterable[bytes]) -> None:
        """Write the rows of some logs, and remove those of others: all at once."""
        if self._connection is None:
            return
        seed = zlib.crc32(directory)
        rows = [
            (directory, name, *(_checksum(seed, name, text) + text for text in row)) for name, row in changed.items()
        ]
        try:
            with _transaction(self._connection):
                self._connection.executemany("INSERT OR REPLACE INTO log VALUES (?, ?, ?, ?)", rows)
                self._connection.executemany(
                    "DELETE FROM log WHERE directory = ? AND name = ?", [(directory, name) for name in removed]
                )
        except _ERRORS as error:
            self._failed(error)


def _versions(connection: sqlite3.Connection) -> tuple[int, int]:
    """Whose file it is, and the version of what it holds."""
    found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
    return found[0], found[1]


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Generator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(*_ERRORS):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _locked(path: Path) -> int:
    """A descriptor with a shared lock."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BaseException:
        close(fd)
        raise
    return fd


def _checksum(seed: int, name: bytes, text: bytes) -> bytes:
    """Of a text in a row; the seed is that of the directory."""
    return zlib.crc32(text, zlib.crc32(name, seed)).to_bytes(4)


def _checked(seed: int, name: bytes, blob: object) -> bytes | None:
    """The text of a blob; None if it is not what was written."""
    if not isinstance(blob, bytes):
        return None
    text = blob[4:]
    return text if blob[:4] == _checksum(seed, name, text) else None
