"""What a log holds of one track, kept in arrays until all of it is known: there may be millions of events.

Strategy: an event is six numbers. They are added to a list, since nothing is faster, and from time to time packed into
arrays, a few bytes each.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import compress, islice
from operator import eq, ge, itemgetter
from typing import Final

from tracerd.replay.windows import WINDOW, sorted_windows

PHASE: Final = {phase: ord(phase) for phase in "XBEibnestf"}
"""The phases of what is on tracks, as numbers."""


class Track:
    """What the log says of one track, in arrays, until all of it is known.

    Attributes:
        add: Takes a number of PHASE, ts and dur in ns, the numbers of name and cat, and the line, as one iterable; in
            the order of arrival. `pack` makes that small, and shows it in what follows.
        phases: By event.
        ts: In ns.
        dur: In ns.
        name: See `slices.Names`.
        cat: The same.
        line_no: Where it stands.
    """

    def __init__(self) -> None:
        self._staged: list[int] = []
        self.add: Callable[[tuple[int, int, int, int, int, int]], None] = self._staged.extend
        self.phases = bytearray()
        self.ts = array("q")
        self.dur = array("q")
        self.name = array("i")
        self.cat = array("i")
        self.line_no = array("q")

    def pack(self) -> None:
        """Put what was added where it belongs."""
        staged = self._staged
        if staged:
            self.phases.extend(staged[0::6])
            for at, column in enumerate((self.ts, self.dur, self.name, self.cat, self.line_no), 1):
                column.fromlist(staged[at::6])
            staged.clear()

    def in_order(self, rank: Callable[[int, str, int], int]) -> Iterator[Sequence[int]]:
        """The indices of the events in the order in which they are played, in windows that follow one another."""
        self.pack()
        ts, dur, phases = self.ts, self.dur, self.phases
        return in_order(ts, lambda at: rank(ts[at], chr(phases[at]), dur[at]))


def in_order(ts: "array[int]", rank: Callable[[int], int]) -> Iterator[Sequence[int]]:
    """The indices of events by their times, in windows that follow one another.

    Args:
        ts: The times.
        rank: What decides between events of one ts, by index; among equal ranks the order of arrival.
    """
    if not any(map(ge, ts, islice(ts, 1, None))):
        for start in range(0, len(ts), WINDOW):
            yield range(start, min(start + WINDOW, len(ts)))
        return
    # A list is faster to ask than an array.
    key = ts.tolist().__getitem__ if len(ts) <= WINDOW else ts.__getitem__
    for window in sorted_windows(range(len(ts)), key):
        times = picked(ts, window)
        equal = map(eq, times, islice(times, 1, None))
        start = end = -1
        for at in compress(range(len(times)), equal):
            if at != end:
                _order_equal(window, start, end, rank)
                start = at
            end = at + 1
        _order_equal(window, start, end, rank)
        yield window


def _order_equal(window: list[int], start: int, end: int, rank: Callable[[int], int]) -> None:
    """Put events of one ts in order."""
    if start < end:
        window[start : end + 1] = sorted(window[start : end + 1], key=rank)


def picked(column: Sequence[int], window: Sequence[int]) -> Sequence[int]:
    """What a column holds at these indices; a call for all of them is the fastest."""
    return itemgetter(*window)(column) if len(window) > 1 else [column[at] for at in window]
