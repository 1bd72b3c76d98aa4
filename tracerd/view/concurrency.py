"""How much ran at once over time."""

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import compress, count
from operator import add

from tracerd.replay.observer import NO_PARENT
from tracerd.replay.windows import WINDOW, sort
from tracerd.rows.recording import Recording
from tracerd.rows.spans import INSTANT, OVERLAPPING, Spans

COLUMNS = 60
"""Into how many parts the time of a trace is cut, unless it is shorter than as many ns."""

_IS_SPAN = bytes(not flags & INSTANT for flags in range(256))
_IS_ON_TRACK = bytes(not flags & (INSTANT | OVERLAPPING) for flags in range(256))


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
        sort(self.starts)
        sort(self.ends)
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
        peak = ended = at = 0
        while at < len(self.starts):
            ended = bisect_right(self.ends, self.starts[at], ended, at + 1)
            running = at + 1 - ended
            if running > peak:
                peak = running
            at += peak - running + 1  # so many more must begin before there are more than at the peak
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


def spans(recording: Recording) -> Intervals:
    """All spans; one never ended lasts as long as its process."""
    found = Intervals()
    for track in recording.tracks:
        _add(found, recording, track, bytes(track.flags).translate(_IS_SPAN))
    return found


def tracks(recording: Recording) -> Intervals:
    """The spans that lie in no other one of their track."""
    found = Intervals()
    for track in recording.tracks:
        flags = track.flags.translate(_IS_ON_TRACK)
        _add(
            found,
            recording,
            track,
            bytes(flag and at == NO_PARENT for flag, at in zip(flags, track.parent, strict=True)),
        )
    return found


def _add(found: Intervals, recording: Recording, track: Spans, chosen: bytes) -> None:
    for first in range(0, len(chosen), WINDOW):
        some = slice(first, first + WINDOW)
        starts, durs = list(compress(track.ts[some], chosen[some])), list(compress(track.dur[some], chosen[some]))
        if durs and min(durs) < 0:
            for at in compress(count(first), chosen[some]):
                start, dur = track.ts[at], track.dur[at]
                found.add(start, start + dur if dur >= 0 else recording.end_of(track.pid_of(at)))
            continue
        found.starts.fromlist(starts)
        if 0 in durs:
            durs = [dur or 1 for dur in durs]
        found.ends.fromlist(list(map(add, starts, durs)))
