"""What a log holds of one track, kept in arrays until all of it is known: there may be millions of events."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from operator import ge


class Track:
    """What the log says of one track, in arrays, until all of it is known."""

    def __init__(self) -> None:
        self.ts = array("q")
        self.dur = array("q")
        self.name = array("i")
        self.cat = array("i")
        self.line_no = array("q")
        self.phases = bytearray()

    def add(self, phase: str, ts: int, dur: int, name: int, cat: int, line_no: int) -> None:
        """Take note of an event; in the order of arrival."""
        self.ts.append(ts)
        self.dur.append(dur)
        self.name.append(name)
        self.cat.append(cat)
        self.line_no.append(line_no)
        self.phases.append(ord(phase))

    def in_order(self, rank: Callable[[int, str, int], int]) -> Iterator[tuple[int, str]]:
        """Index and phase of each event, in the order in which they are played."""
        phases = self.phases.decode()
        indices: Sequence[int] = range(len(phases))
        if any(map(ge, self.ts, self.ts[1:])):
            ranks = array("q", map(rank, self.ts, phases, self.dur))
            indices = sorted(indices, key=ranks.__getitem__)
            indices.sort(key=self.ts.__getitem__)
        for at in indices:
            yield at, phases[at]
