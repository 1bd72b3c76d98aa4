"""The account beside a log, `<trace-id>.rejected`: refused lines for their author, and totals.

JSON lines of two kinds: `{line, client_pid, reason, base64}` for a refused line, and `{stored, repaired, refused, lost,
log_bytes}` for what was counted since the record before. The totals of a trace are the sums over its records; the
log's bytes after `log_bytes` are not in any record yet.
"""

import base64
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import msgspec
import orjson

from tracerd.errors import UnsafePathError
from tracerd.log import open_for_reading, open_shared
from tracerd.totals import Totals

MAX_REJECTED_BYTES = 1024 * 1024
"""Refused lines are kept up to this size of the file; records of totals are always kept."""


def rejected_path(log_path: Path) -> Path:
    """Where the account of this log is."""
    return log_path.with_suffix(".rejected") if log_path.suffix == ".jsonl" else Path(f"{log_path}.rejected")


class RejectedFile:
    """The account of one log, opened when there is first something to write.

    Open, it carries a shared lock as the log does: a trace of which every line was refused has no log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._size = 0

    def add(self, line_no: int, client_pid: int, reason: str, line: bytes) -> None:
        """Keep a refused line, while there is room.

        Raises:
            OSError: It could not be written.
        """
        self._open()
        if self._size + len(line) > MAX_REJECTED_BYTES:
            return
        text = base64.b64encode(line).decode()
        entry = orjson.dumps({"line": line_no, "client_pid": client_pid, "reason": reason, "base64": text}) + b"\n"
        if self._size + len(entry) <= MAX_REJECTED_BYTES:
            self._write(entry)

    def record(self, totals: Totals, log_bytes: int) -> None:
        """Add what was counted since the last record, for a log that is now `log_bytes` long.

        Raises:
            OSError: It could not be written.
        """
        self._open()
        self._write(orjson.dumps({**asdict(totals), "log_bytes": log_bytes}) + b"\n")

    def _open(self) -> None:
        if self._fd >= 0:
            return
        self._fd = open_shared(self._path)
        self._size = os.fstat(self._fd).st_size
        if self._size and os.pread(self._fd, 1, self._size - 1) != b"\n":
            self._write(b"\n")  # a killed daemon left half an entry; readers skip it

    def _write(self, entry: bytes) -> None:
        os.write(self._fd, entry)
        self._size += len(entry)

    def close(self) -> None:
        """Close the file, if it was opened."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@dataclass(slots=True)
class Account:
    """What an account tells: the sums, and how long the log was at the last record."""

    totals: Totals = field(default_factory=Totals)
    log_bytes: int = 0


class _Record(msgspec.Struct):
    stored: int
    repaired: int
    refused: int
    lost: int
    log_bytes: int


_decoder = msgspec.json.Decoder(_Record)


def read_account(path: Path, length: int | None = None) -> Account:
    """The totals in an account; zeros if there is none that can be read.

    Args:
        path: The `.rejected` file.
        length: Read only so many bytes of it.
    """
    account = Account()
    try:
        with open(open_for_reading(path), "rb") as file:
            lines = file.read(-1 if length is None else length).split(b"\n")
    except (OSError, UnsafePathError):
        return account
    for line in lines:
        if not line.startswith(b'{"stored"'):
            continue
        try:
            record = _decoder.decode(line)
        except msgspec.DecodeError:
            continue
        account.totals.add(Totals(record.stored, record.repaired, record.refused, record.lost))
        account.log_bytes = record.log_bytes
    return account
