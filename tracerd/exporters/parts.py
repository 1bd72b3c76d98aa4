"""Which file a line goes into, if a trace is split into files of a size that is not exceeded.

What belongs together goes into the file of its last line, so that no B lacks its E there. The files are filled in the
order of the log; a line that comes before the file it goes into waits in memory.
"""

from array import array

from tracerd.errors import ExportError
from tracerd.exporters.selection import METADATA, Selection
from tracerd.text import size_text

MAX_PARTS = 200
"""All files are open until the last one is whole, and processes may often have 1024 open ones."""


class Parts:
    """The files of a selection: 16 bytes for each line.

    Args:
        selection: What is to be written.

    Attributes:
        metadata: The lines that each file has.
        starts: The lines with which the files but the first one begin.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self.metadata: list[bytes] = []
        self.starts: list[int] = []
        lines = len(selection.kinds)
        self._sizes = array("Q", bytes(8 * lines))  # by line, of all that belongs to it
        self._parts = array("I", bytes(4 * lines))
        self._last = array("I", range(lines))  # by line, the last one that belongs to it
        for line_no, owner in enumerate(selection.owner):
            if owner and selection.keeps[line_no] and line_no > self._last[owner]:
                self._last[owner] = line_no

    def measure(self, line_no: int, text: bytes, size: int) -> None:
        """Take note of a line as it will be written, and of the bytes that come with it into its file."""
        if self._selection.kinds[line_no] == METADATA:
            self.metadata.append(text)
        else:
            self._sizes[self._selection.owner[line_no] or line_no] += size

    def assign(self, max_bytes: int, wanted: int) -> None:
        """Give each line its file, when all are measured.

        Args:
            max_bytes: How much of each file is left for lines.
            wanted: What the person has asked for, for errors.

        Raises:
            ExportError: Something does not fit into one file, or there would be too many.
        """
        used = 0
        for line_no, kept in enumerate(self._selection.keeps):
            owner = self._selection.owner[line_no] or line_no
            size = self._sizes[owner]
            if not kept or not size or line_no != self._last[owner]:
                continue
            if size > max_bytes:
                what = f"an event and what belongs to it need {size_text(size)}"
                raise ExportError(
                    f"{what}, which does not fit into a file of {size_text(wanted)}; choose a larger size"
                )
            if used + size > max_bytes:
                self.starts.append(line_no)
                used = 0
            used += size
            self._parts[owner] = len(self.starts)
        if len(self.starts) >= MAX_PARTS:
            count = f"{len(self.starts) + 1:,}"
            raise ExportError(f"that would be {count} files, and {MAX_PARTS} is the most; choose a larger size")
        self._cut_arrows()

    def _cut_arrows(self) -> None:
        """Leave out arrows between files; see `Selection.finish`."""
        for line_no in self._selection.steps:
            if self.part_of(line_no) != self.part_of(self._selection.start_of(line_no)):
                self._selection.keeps[line_no] = 0
        self._selection.cut_starts()

    @property
    def count(self) -> int:
        """How many files there are."""
        return len(self.starts) + 1

    def part_of(self, line_no: int) -> int:
        """The file of a line, from 0."""
        return self._parts[self._selection.owner[line_no] or line_no]
