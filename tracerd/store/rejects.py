"""The account beside a log, `<trace-id>.rejected`: refused lines for their author, and totals.

JSON lines of two kinds: `{line, client_pid, reason, base64}` for a refused line, and `{stored, repaired, refused, lost,
log_from, log_bytes}` for what was counted while the log grew from one length to the other. The totals of a trace are
the sums over its records, and what a daemon that was killed could not record: the events in parts of the log that no
record covers, and the refused lines with no record after them. A record that begins before the end of the one above it
is of a log begun anew: what stands above it is history.
"""

import base64
import errno
import math
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import msgspec
import orjson

from tracerd.core.counts import Totals
from tracerd.errors import UnsafePathError
from tracerd.store.files import open_for_reading, open_shared

_RECORD_PREFIX = b'{"stored"'
_LINE_PREFIX = b'{"line"'

LAST_BYTES = 1024
"""Enough to hold a record: a last line that is longer is none."""

MAX_REJECTS_BYTES = 1024 * 1024
"""Refused lines are kept up to this size of the file; records of totals are always kept."""


def rejects_path(log_path: Path) -> Path:
    """Where the account of this log is."""
    return log_path.with_suffix(".rejected") if log_path.suffix == ".jsonl" else Path(f"{log_path}.rejected")


class RejectsFile:
    """The account of one log, opened when there is first something to write.

    Open, it carries a shared lock as the log does: a trace of which every line was refused has no log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._size = 0

    def add(self, line_no: int, client_pid: int, reason: str, line: bytes, *, always: bool = False) -> None:
        """Keep a refused line, while there is room, or `always`.

        Raises:
            OSError: It could not be written.
        """
        self._open()
        limit = math.inf if always else MAX_REJECTS_BYTES
        if self._size + len(line) > limit:
            return
        text = base64.b64encode(line).decode()
        entry = orjson.dumps({"line": line_no, "client_pid": client_pid, "reason": reason, "base64": text}) + b"\n"
        if self._size + len(entry) <= limit:
            self._write(entry)

    def record(self, totals: Totals, log_from: int, log_bytes: int) -> None:
        """Add what was counted while the log grew from `log_from` to `log_bytes`.

        Raises:
            OSError: It could not be written.
        """
        self._open()
        self._write(orjson.dumps({**asdict(totals), "log_from": log_from, "log_bytes": log_bytes}) + b"\n")

    def _open(self) -> None:
        if self._fd >= 0:
            return
        self._fd = open_shared(self._path)
        try:
            self._mend()
        except BaseException:  # the next try mends it first
            self.close()
            raise

    def _mend(self) -> None:
        """Make good what a killed daemon left undone."""
        self._size = os.fstat(self._fd).st_size
        if self._size and os.pread(self._fd, 1, self._size - 1) != b"\n":
            self._write(b"\n")  # a killed daemon left half an entry; readers skip it
        last = os.pread(self._fd, LAST_BYTES, max(0, self._size - LAST_BYTES)).rstrip(b"\n").rpartition(b"\n")[2]
        if last and not last.startswith(_RECORD_PREFIX):
            # A killed daemon left refused lines without a record; ours must not be taken for theirs too.
            before = read_rejects(self._path)
            self.record(Totals(refused=before.unrecorded), before.log_bytes, before.log_bytes)

    def _write(self, entry: bytes) -> None:
        written = os.write(self._fd, entry)
        if written < len(entry):
            os.ftruncate(self._fd, self._size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += len(entry)

    def close(self) -> None:
        """Close the file, if it was opened."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@dataclass(slots=True)
class Account:
    """What an account tells.

    Attributes:
        totals: The sums over its records.
        gaps: Parts of the log, from and to, that no record covers, though a later part is covered.
        log_bytes: The log's length at the last record.
        unrecorded: Refused lines after the last record.
    """

    totals: Totals = field(default_factory=Totals)
    gaps: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    log_bytes: int = 0
    unrecorded: int = 0


class _Record(msgspec.Struct):
    stored: int
    repaired: int
    refused: int
    lost: int
    log_from: int
    log_bytes: int


_decoder = msgspec.json.Decoder(_Record)


def read_rejects(path: Path, length: int | None = None) -> Account:
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
        if line.startswith(_LINE_PREFIX):
            account.unrecorded += 1
        if not line.startswith(_RECORD_PREFIX):
            continue
        try:
            record = _decoder.decode(line)
        except msgspec.DecodeError:
            continue
        if record.log_from < account.log_bytes:
            account = Account()
        if record.log_from > account.log_bytes:
            account.gaps.append((account.log_bytes, record.log_from))
        account.totals.add(Totals(record.stored, record.repaired, record.refused, record.lost))
        account.log_bytes = record.log_bytes
        account.unrecorded = 0
    return account
