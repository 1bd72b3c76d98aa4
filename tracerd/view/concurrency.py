"""How much ran at once over time."""

from array import array
from bisect import bisect_left
from dataclasses import dataclass

from tracerd.replay.observer import NO_PARENT
from tracerd.rows.recording import Recording
from tracerd.rows.spans import INSTANT, OVERLAPPING

COLUMNS = 60
"""Into how many parts the time of a trace is cut, unless it is shorter than as many ns."""


@dataclass(frozen=True, slots=True)
class AtOnce:
    """How many of something ran at once.

    Attributes:
        peak: At most.
        mean: Over the time of the trace.
        over_time: The mean of each part of that time; parts are equal but for rounding to ns.
    """

    peak: int
    mean: float
    over_time: list[float]


class Intervals:
    """Begins and ends in ns; an end belongs no more to its interval, and what is shorter than 1 ns counts as 1 ns."""

    def __init__(self) -> None:
        self.starts = array("q")
        self.ends = array("q")

    def add(self, start: int, end: int) -> None:
        """Take one more."""
        self.starts.append(start)
        self.ends.append(end if end > start else start + 1)

    def at_once(self, start: int, end: int) -> AtOnce:
        """How many intervals there are at one time, between two times."""
        self.starts = array("q", sorted(self.starts))
        self.ends = array("q", sorted(self.ends))
        dur = max(end - start, 1)
        columns = min(COLUMNS, dur)
        borders = [start + dur * column // columns for column in range(columns + 1)]
        begun, ended = _times_since(self.starts, borders), _times_since(self.ends, borders)
        ran = [since_start - since_end for since_start, since_end in zip(begun, ended, strict=True)]
        over_time = [
            (ran[column + 1] - ran[column]) / (borders[column + 1] - borders[column]) for column in range(columns)
        ]
        return AtOnce(self._peak(), (ran[-1] - ran[0]) / dur, over_time)

    def _peak(self) -> int:
        ends = self.ends
        peak = ended = 0
        for begun, start in enumerate(self.starts, 1):
            while ends[ended] <= start:
                ended += 1
            if begun - ended > peak:
                peak = begun - ended
        return peak


def _times_since(ordered: "array[int]", borders: list[int]) -> list[int]:
    """For each border the sum of the times from each moment before it to the border."""
    found: list[int] = []
    before = moments = 0
    for border in borders:
        reached = bisect_left(ordered, border)
        moments += sum(ordered[before:reached])
        before = reached
        found.append(before * border - moments)
    return found


def processes(recording: Recording) -> Intervals:
    """From the first event of each process to the end of its last."""
    found = Intervals()
    for process in recording.processes.values():
        if process.start is not None:
            found.add(process.start, process.end)
    return found


def spans(recording: Recording) -> tuple[Intervals, Intervals]:
    """All spans, and those that lie in no other one of their track; one never ended lasts as long as its process."""
    everything, tracks = Intervals(), Intervals()
    for track in recording.tracks:
        for at, (start, dur, parent, flags) in enumerate(
            zip(track.ts, track.dur, track.parent, track.flags, strict=True)
        ):
            if not flags & INSTANT:
                end = start + dur if dur >= 0 else recording.end_of(track.pid_of(at))
                everything.add(start, end)
                if parent == NO_PARENT and not flags & OVERLAPPING:
                    tracks.add(start, end)
    return everything, tracks
