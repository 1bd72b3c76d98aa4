"""A progress bar on stderr, if that is a terminal and a command takes long; all commands that read a trace use it."""

import sys
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import repeat
from typing import TYPE_CHECKING

import click

from tracerd.text import printable

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

    from tracerd.rows.source import Source

DELAY_S = 1.0
"""What ends before needs no progress bar."""

REFRESH_S = 0.1
STEPS = 1000


class Progress:
    """How far a command is that reads what the label says."""

    def __init__(self, label: str) -> None:
        self._label = printable(label)
        self._is_wanted = sys.stderr is not None and sys.stderr.isatty()
        self._due_s = time.monotonic() + DELAY_S
        self._bar: ProgressBar[None] | None = None
        self._shown = ExitStack()

    def reach(self, part: float | None) -> None:
        """Show that so much of all is done, from 0 to 1; None if nobody knows how much that is."""
        if not self._is_wanted or (now := time.monotonic()) < self._due_s:
            return
        self._due_s = now + REFRESH_S
        if part is None:
            bar = self._bar or self._begin(None)
            bar.update(1)
        else:
            bar = self._bar or self._begin(STEPS)
            bar.update(max(0, min(int(STEPS * part), STEPS) - bar.pos))  # what is read twice goes not back

    def _begin(self, length: int | None) -> "ProgressBar[None]":
        self._bar = self._shown.enter_context(
            click.progressbar(repeat(None), length=length, label=self._label, file=sys.stderr)
        )
        return self._bar

    def clear(self) -> None:
        """Free the line of the bar for a line of text; the bar comes again when there is more to show."""
        if self._bar is not None:
            click.echo("\r\x1b[K", nl=False, err=True)

    def finish(self) -> None:
        """Show that all is done."""
        if self._bar is not None and self._bar.length is not None:
            self._bar.update(STEPS - self._bar.pos)

    def close(self) -> None:
        """Leave the line."""
        self._shown.close()


@contextmanager
def progress_of(what: str) -> Generator[Progress]:
    """The progress of a command that reads this."""
    progress = Progress(what)
    try:
        yield progress
        progress.finish()
    finally:
        progress.close()


_SPAN_BYTES = 150
"""How many spans a trace has is guessed by its size."""


class Reading:
    """A trace that is read, with a step of the progress after each block.

    Args:
        source: The trace.
        progress: Where to show it.
        reads: How often it is read.
        plays: Whether it is played after the first time, which takes about as long as to read it.
    """

    def __init__(self, source: "Source", progress: Progress, reads: int = 1, *, plays: bool = False) -> None:
        self._source = source
        self._progress = progress
        self._plays = plays
        self._parts = reads + plays
        self._done = 0  # of these
        self._before = 0.0
        self._ticks = 0

    def blocks(self) -> Iterator[bytes]:
        """The blocks of the trace."""
        return self.shown(self._source.blocks())

    def stored_blocks(self) -> Iterator[bytes]:
        """The blocks of the trace with begin marks and all."""
        return self.shown(self._source.stored_blocks())

    def shown(self, blocks: Iterable[bytes]) -> Generator[bytes]:
        """Blocks of the trace, with a step of the progress after each."""
        for block in blocks:
            yield block
            self.read()

    def read(self, _size: int = 0) -> None:
        """Show that another block was read."""
        part = self._source.part_read
        if part is None:
            self._progress.reach(None)
            return
        if part <= self._before:  # it is read once more
            self._done = max(self._done, int(self._plays)) + 1
        self._before = part
        self._progress.reach((self._done + part) / self._parts)

    def tick(self) -> None:
        """Show that some more spans were played."""
        from tracerd.rows.spans import TICK_MASK

        self._ticks += 1
        played = self._ticks * (TICK_MASK + 1) * _SPAN_BYTES / max(self._source.size, 1)
        self._progress.reach(None if self._source.part_read is None else (1 + min(played, 1)) / self._parts)
