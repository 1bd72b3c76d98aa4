"""The rejects beside a log, `<trace-id>.rejected`: lines that were refused, for their author, and counts.

JSON lines of two kinds: `{line, client_pid, reason, base64}` for a refused line, and `{repaired, refused, lost}` for
what was counted since the record before. The totals are the sums over these records. How many events are stored is in
none of them: the log shows it. So a trace of which every event was stored as it came has no such file.

Records of 0.1.0 also hold `stored`, `log_from` and `log_bytes`, which are passed over.
"""

import base64
import errno
import os
from pathlib import Path

import msgspec
import orjson

from tracerd.core.counts import Totals
from tracerd.errors import UnsafePathError
from tracerd.store.files import close, open_for_reading, open_shared

REJECTS_SUFFIX = ".rejected"

_RECORD_PREFIXES = (b'{"repaired"', b'{"stored"')
_LINE_PREFIX = b'{"line"'

MAX_REJECTS_BYTES = 1024 * 1024
"""Refused lines are kept up to this size of the file; records are always kept."""


def rejects_path(log_path: Path) -> Path:
    """Where the rejects of this log are."""
    return log_path.with_suffix(REJECTS_SUFFIX) if log_path.suffix == ".jsonl" else Path(f"{log_path}{REJECTS_SUFFIX}")


class RejectsFile:
    """The rejects of one log; the file is opened when there is first something to write.

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
        if self._size + len(line) > MAX_REJECTS_BYTES:
            return
        entry = _entry(line_no, client_pid, reason, line)
        if self._size + len(entry) <= MAX_REJECTS_BYTES:
            self._write(entry)

    def add_torn(self, reason: str, line: bytes) -> None:
        """Keep a line that is about to be cut off the log, and count it: no client of today has sent it.

        Raises:
            OSError: It could not be written.
        """
        self._open()
        self._write(_entry(0, 0, reason, line) + _record(Totals(refused=1)))

    def record(self, totals: Totals) -> None:
        """Add what was counted since the last record.

        Raises:
            OSError: It could not be written.
        """
        self._open()
        self._write(_record(totals))

    def _open(self) -> None:
        if self._fd >= 0:
            return
        self._fd = open_shared(self._path)
        try:
            self._size = os.fstat(self._fd).st_size
            if self._size and os.pread(self._fd, 1, self._size - 1) != b"\n":
                self._write(b"\n")  # a killed daemon left half an entry; readers skip it
        except BaseException:  # the next try begins with that
            self.close()
            raise

    def _write(self, entry: bytes) -> None:
        written = os.write(self._fd, entry)
        if written < len(entry):
            self.close()  # the next try begins with ending this half of an entry
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += len(entry)

    def close(self) -> None:
        """Close the file, if it was opened."""
        if self._fd >= 0:
            close(self._fd)
            self._fd = -1


def _entry(line_no: int, client_pid: int, reason: str, line: bytes) -> bytes:
    text = base64.b64encode(line).decode()
    return orjson.dumps({"line": line_no, "client_pid": client_pid, "reason": reason, "base64": text}) + b"\n"


def _record(totals: Totals) -> bytes:
    return orjson.dumps({"repaired": totals.repaired, "refused": totals.refused, "lost": totals.lost}) + b"\n"


# ------------------------------------------------------------------ reading


class _Record(msgspec.Struct):
    repaired: int
    refused: int
    lost: int


_decoder = msgspec.json.Decoder(_Record)


def read_rejects(path: Path, length: int | None = None, unrecorded: int = 0) -> Totals:
    """What was repaired, refused and lost of a trace; zeros if there is no file that can be read.

    Refused lines that a killed daemon left without a record stand before the lines of the next daemon, whose record
    does not count them: so of each record and the refused lines above it, the larger number is right. It is too small
    only if the next daemon also refused more lines than it kept.

    Args:
        path: The `.rejected` file.
        length: Read only so many bytes of it.
        unrecorded: Lines refused since the last record, as far as the trace's daemon knows.
    """
    totals = Totals()
    try:
        with open(open_for_reading(path), "rb") as file:
            entries = file.read(-1 if length is None else length).split(b"\n")
    except (OSError, UnsafePathError):
        entries = []
    lines = 0  # since the last record
    for entry in entries:
        if entry.startswith(_LINE_PREFIX):
            lines += 1
        elif entry.startswith(_RECORD_PREFIXES):
            try:
                record = _decoder.decode(entry)
            except msgspec.DecodeError:
                continue
            totals.add(Totals(0, record.repaired, max(record.refused, lines), record.lost))
            lines = 0
    totals.refused += max(unrecorded, lines)
    return totals
