"""Sorting of more records than fit into memory: sorted runs in a temporary file, merged at the end.

A file whose events are already in order is not merged: its runs follow one another.
"""

import marshal
import os
import tempfile
from collections.abc import Iterator
from heapq import merge
from typing import Final, NamedTuple

Record = tuple[int, int, int, int, str, bytes]
"""Start and negative duration in ns, its number, its track, its phase, and the JSON object of the rest."""

_MARK: Final = b"\0"
"""What stands for a long rest on disk begins so, and no JSON does: its offset and length follow."""

RUN_BYTES: Final = 12 * 1024 * 1024
"""About so much memory is held in records until they go to disk."""

_RECORD_BYTES = 250  # of the objects beside the JSON
_FRAME = 128
"""Records that are read back at once."""

_LONG = 16 * 1024
"""A rest that is longer is read back alone, when its turn comes: each run has a frame in memory."""


class _Run(NamedTuple):
    """Sorted records in the file."""

    first: tuple[int, int, int]
    last: tuple[int, int, int]
    """Start, negative duration and number of these records; the numbers are unique."""
    frames: list[tuple[int, int]]
    """Offset and length of each."""


class Sorter:
    """Takes records, and returns them in order. Removes what it wrote when it is closed or collected.

    Attributes:
        append: Takes a record; `appended` must follow, after some of them.
    """

    def __init__(self) -> None:
        self._records: list[Record] = []
        self.append = self._records.append
        self._size = 0
        self._runs: list[_Run] = []
        self._has_long = False
        self._file = -1
        self._end = 0

    def appended(self, rest_bytes: int, count: int = 1) -> None:
        """Account for records that were appended.

        Args:
            rest_bytes: The sum of the lengths of their JSON.
            count: How many they are.

        Raises:
            OSError: The directory for temporary files is full.
        """
        self._size += rest_bytes + count * _RECORD_BYTES
        if self._size > RUN_BYTES:
            self._write_run()

    def sorted(self) -> Iterator[Record]:
        """All records, in order; once."""
        self._records.sort()
        if not self._runs:
            yield from self._records
            return
        self._write_run()
        merged = self._merged()
        yield from map(self._whole, merged) if self._has_long else merged

    def close(self) -> None:
        """Remove what is on disk."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write_run(self) -> None:
        records = sorted(self._records)
        self._records.clear()  # the list stays the same: `append` may be bound to it
        self._size = 0
        if not records:
            return
        if self._file < 0:
            with tempfile.TemporaryFile(prefix="tracerd-import-") as file:
                self._file = os.dup(file.fileno())
        frames: list[tuple[int, int]] = []
        for at in range(0, len(records), _FRAME):
            frame = [self._without_long(record) for record in records[at : at + _FRAME]]
            frames.append(self._write(marshal.dumps(frame)))
        self._runs.append(_Run(records[0][:3], records[-1][:3], frames))

    def _without_long(self, record: Record) -> Record:
        rest = record[-1]
        if len(rest) <= _LONG:
            return record
        self._has_long = True
        return (*record[:-1], _MARK + b"%d %d" % self._write(rest))

    def _write(self, data: bytes) -> tuple[int, int]:
        """Offset and length of what was written."""
        start = self._end
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, self._end)
            self._end += written
            view = view[written:]
        return start, len(data)

    def _merged(self) -> Iterator[Record]:
        group: list[_Run] = []
        last = None
        for run in sorted(self._runs):
            if last is not None and run.first >= last:
                yield from merge(*map(self._read_run, group))
                group = []
            group.append(run)
            last = run.last if last is None else max(last, run.last)
        yield from merge(*map(self._read_run, group))

    def _read_run(self, run: _Run) -> Iterator[Record]:
        for offset, length in run.frames:
            frame: list[Record] = marshal.loads(os.pread(self._file, length, offset))  # noqa: S302 (ours, without a name)
            yield from frame

    def _whole(self, record: Record) -> Record:
        if not record[-1].startswith(_MARK):
            return record
        offset, length = map(int, record[-1][1:].split())
        return (*record[:-1], os.pread(self._file, length, offset))
