"""Async spans (b, n, e): which share a track, and what happens on it.

Spans of one cat and id are on one track. A track on which nothing is open is given to the next cat and id of the same
name, where ends without begins can meet begins without ends.
"""

import heapq
from array import array
from collections.abc import Callable
from itertools import chain

from tracerd.replay.flows import Bound, Flows
from tracerd.replay.kinds import ASYNC_COLLISION, Finding
from tracerd.replay.observer import Record
from tracerd.replay.slices import PENDING, Names, SliceStack
from tracerd.replay.track import PHASE, Track

Pid = int | str
Cookie = tuple[Pid | None, int, int | str | bytes]
"""The process, if the id is its own; cat; id. The type of the id is part of it: 1 is not "1"."""


class _Lane:
    """A track of its own for what is open at one time."""

    def __init__(self, stack: SliceStack, record: Record | None, cookie: int) -> None:
        self.stack = stack
        self.record = record
        self.cookie = cookie
        self.open = 0


class _Lanes:
    """The tracks of one name."""

    def __init__(
        self, make_stack: Callable[[Record | None], SliceStack], make_record: Callable[[], Record] | None
    ) -> None:
        self._make_stack = make_stack
        self._make_record = make_record
        self._lanes: list[_Lane] = []
        self._by_cookie: dict[int, int] = {}
        self._free: list[int] = []  # a heap of lanes that may have nothing open

    def lane(self, cookie: int) -> _Lane:
        at = self._by_cookie.get(cookie)
        if at is None:
            at = self._adopt(cookie)
            self._by_cookie[cookie] = at
        return self._lanes[at]

    def _adopt(self, cookie: int) -> int:
        while self._free and self._lanes[self._free[0]].open:
            heapq.heappop(self._free)
        if not self._free:
            record = self._make_record() if self._make_record is not None else None
            self._lanes.append(_Lane(self._make_stack(record), record, cookie))
            heapq.heappush(self._free, len(self._lanes) - 1)
            return len(self._lanes) - 1
        lane = self._lanes[self._free[0]]
        del self._by_cookie[lane.cookie]
        lane.cookie = cookie
        return self._free[0]

    def release(self, lane: _Lane) -> None:
        """Count an end, which may leave nothing open."""
        if lane.open:
            lane.open -= 1
            if not lane.open:
                heapq.heappush(self._free, self._by_cookie[lane.cookie])

    def finish(self) -> None:
        for lane in self._lanes:
            lane.stack.finish()


class Asyncs:
    """All async events of a trace.

    Args:
        names: What the numbers of names and cats stand for.
        report: Called with each finding.
        make_record: Makes the record of a track; without it none is made.
    """

    def __init__(
        self,
        names: Names,
        report: Callable[[Finding], None],
        make_record: Callable[[], Record] | None = None,
    ) -> None:
        self._names = names
        self._report = report
        self._make_record = make_record
        self._events = Track()  # whose dur is not needed, and holds the cookie's number
        self._pids: list[Pid] = []
        self._pid = array("i")
        self._pid_numbers: dict[Pid, int] = {}
        self._cookies: dict[Cookie, int] = {}
        self._own: list[Pid | None] = []  # by cookie: the process whose own it is
        self.bound: dict[int, Bound] = {}

    def add(self, phase: str, ts: int, pid: Pid, cookie: Cookie, name: int, cat: int, line_no: int) -> None:
        """Take note of an event; in the order of arrival."""
        number = self._cookies.setdefault(cookie, len(self._cookies))
        if number == len(self._own):
            self._own.append(cookie[0])
        self._events.add((PHASE[phase], ts, number, name, cat, line_no))
        self._pid.append(self._pid_numbers.setdefault(pid, len(self._pid_numbers)))

    def pack(self) -> None:
        """Make small what was added."""
        self._events.pack()

    def finish(self, rank: Callable[[int, str, int], int], flows: Flows, unnamed: int) -> None:
        """Play all events."""
        pids = list(self._pid_numbers)
        roots: dict[int, int] = {}  # by cookie: the name of its first event
        names: dict[tuple[Pid | None, int], _Lanes] = {}
        begun: dict[int, list[tuple[int, int]]] = {}  # by cookie: processes and lines of what is open
        events = self._events
        for at in chain.from_iterable(events.in_order(rank)):
            phase = chr(events.phases[at])
            ts, cookie, name, cat, line_no = (
                events.ts[at], events.dur[at], events.name[at], events.cat[at], events.line_no[at],
            )  # fmt: skip
            key = (self._own[cookie], roots.setdefault(cookie, name))
            lanes = names.get(key)
            if lanes is None:
                lanes = names[key] = _Lanes(self._stack, self._make_record)
            lane = lanes.lane(cookie)
            if phase == "e":
                lanes.release(lane)
                lane.stack.end(ts, name, cat, line_no)
                if begun.get(cookie):
                    begun[cookie].pop()
                continue
            if phase == "b":
                lane.open += 1
                self._look_for_collision(begun.setdefault(cookie, []), self._pid[at], pids, line_no)
            if lane.record is not None:
                lane.record.pid = pids[self._pid[at]]
            lane.stack.start(ts, PENDING if phase == "b" else 0, name or (unnamed if phase == "b" else 0), cat, line_no)
            if bound := self.bound.get(line_no):
                flows.bind(bound, lane.stack, ts, rank(ts, phase, 0), line_no)
        for lanes in names.values():
            lanes.finish()

    def _stack(self, record: Record | None) -> SliceStack:
        return SliceStack(self._names, self._report, "be", record)

    def _look_for_collision(self, begun: list[tuple[int, int]], pid: int, pids: list[Pid], line_no: int) -> None:
        for other, other_line_no in begun[-1:]:
            if other != pid:
                reason = (
                    f"process {pids[pid]} begins a span with the cat and id of one that process {pids[other]} began in"
                    f" line {other_line_no}: they are drawn as one inside the other"
                )
                self._report(Finding(line_no, ASYNC_COLLISION, reason))
        begun.append((pid, line_no))
