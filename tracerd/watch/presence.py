"""What a log says of its processes: when each has written last, and how many spans it has open."""

import re
from collections import Counter
from typing import Any, Final

from tracerd.core.own_prefixes import BEGIN_PREFIX
from tracerd.rows.table_values import WALL_US
from tracerd.trace_json.begin_marks import ended_marks, read_mark

Pid = int | str

_MARK = re.compile(re.escape(BEGIN_PREFIX) + rb"[^\n]*")

FIELDS: Final = ("ph", "pid", "tid", "ts", "dur", "cat", "id")
"""The fields of an event that tell it."""

_BEGIN: Final = {"B": 1, "b": 1, "E": -1, "e": -1}

_BEGIN_MARKS: Final = (b'"B"', b'"b"', b'"E"', b'"e"', b"\\u00")
"""A block without these has no such phase, however it is written."""


def may_begin(block: bytes) -> bool:
    """Whether any event of these lines may begin or end a span."""
    return any(block.rfind(mark) >= 0 for mark in _BEGIN_MARKS)


class Presence:
    """The processes of one trace.

    Attributes:
        last_us: When each has written its last event, in microseconds since 1970.
    """

    def __init__(self) -> None:
        self.last_us: dict[Pid, int] = {}
        self._open: Counter[tuple[Any, ...]] = Counter()  # by pid, and thread or async id
        self._marks: dict[str, Pid] = {}

    def take_marks(self, block: bytes) -> None:
        """Take the begin marks, and their ends, of some more whole lines of the log."""
        if block.rfind(BEGIN_PREFIX) >= 0:
            for found in _MARK.finditer(block):
                if mark := read_mark(found[0]):
                    self._marks[mark.id] = mark.pid
        if self._marks:
            for ended in ended_marks(block):
                self._marks.pop(ended, None)

    def take(self, events: list[Any], offset_us: int | None, *, may_begin: bool) -> None:
        """Take some more events of the log.

        Args:
            events: With FIELDS; None for a line that is none.
            offset_us: What added to their ts is the time since 1970; None without a clock line.
            may_begin: Whether any of them begins or ends a span; see `may_begin`.
        """
        last = {event.pid: event for event in events if event is not None and event.ts is not None}
        for pid, event in last.items():
            time = event.ts if event.dur is None else event.ts + event.dur
            if pid is not None and (offset_us is not None or time >= WALL_US):
                self.last_us[pid] = max(self.last_us.get(pid, 0), round(time) + (offset_us or 0))
        if may_begin:
            for event in events:
                if event is not None and event.ph in _BEGIN:
                    self._count(event)

    def _count(self, event: Any) -> None:
        """Count the spans of a thread, or of an async id, that are open."""
        place = (event.pid, event.tid) if event.ph in "BE" else (event.pid, event.cat, repr(event.id))
        left = self._open[place] + _BEGIN[event.ph]
        if left > 0:
            self._open[place] = left
        else:
            del self._open[place]

    def open_spans(self) -> Counter[Pid]:
        """How many spans each process has open."""
        found: Counter[Pid] = Counter(self._marks.values())
        for (pid, *_), count in self._open.items():
            if pid is not None:
                found[pid] += count
        return found

    def forget(self, pid: Pid) -> None:
        """Take the open spans of a process, and the process, as known and over."""
        self._marks = {mark: owner for mark, owner in self._marks.items() if owner != pid}
        for place in [place for place in self._open if place[0] == pid]:
            del self._open[place]
