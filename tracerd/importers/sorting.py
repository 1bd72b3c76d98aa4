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

RUN_BYTES: Final = 12 * 1024 * 1024
"""About so much memory is held in records until they go to disk."""

_RECORD_BYTES = 250  # of the objects beside the JSON
_FRAME = 128
"""Records that are read back at once."""


class _Run(NamedTuple):
    """Sorted records in the file."""

    first: Record
    last: Record
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
        group: list[_Run] = []
        last = None
        for run in sorted(self._runs):
            if last is not None and run.first >= last:
                yield from merge(*map(self._read_run, group))
                group = []
            group.append(run)
            last = run.last if last is None else max(last, run.last)
        yield from merge(*map(self._read_run, group))

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
            data = marshal.dumps(records[at : at + _FRAME])
            frames.append((self._end, len(data)))
            view = memoryview(data)
            while view:
                written = os.pwrite(self._file, view, self._end)
                self._end += written
                view = view[written:]
        self._runs.append(_Run(records[0], records[-1], frames))

    def _read_run(self, run: _Run) -> Iterator[Record]:
        for offset, length in run.frames:
            frame: list[Record] = marshal.loads(os.pread(self._file, length, offset))  # noqa: S302 (ours, without a name)
            yield from frame
