"""The spans of one track, in arrays."""

from array import array
from collections.abc import Callable, Container, Sequence

from tracerd.replay.observer import NO_PARENT

Id = int | str
"""A pid or tid; a string if the events have one."""

INSTANT = 1
"""It is no span, but an instant among them."""
OVERLAPPING = 2
"""It overlaps others of its track, or lies too deep, and so has no parent and no children here."""
ERROR = 4
"""It reports an error."""

NO_LINE = -1

_SPAN_FLAGS = bytes(flags for flags in range(8) if not flags & INSTANT)

TICK_MASK = 0xFFFF
"""`tick` is called once for so many spans of a track."""


class Spans:
    """The spans and instants of one track, in the order in which they begin: a parent stands before its children.

    In arrays of equal lengths, since there may be millions; times are in ns.

    Args:
        pid: The process; None for async spans and global instants.
        tid: The thread, if it is one.
        error_lines: The numbers of events that are errors.
        tick: Called once for so many spans; it may raise to give up.
        keeps_lines: Whether the lines of spans are kept.

    Attributes:
        is_async: Whether the spans are async, of any processes; so are the instants of the whole trace.
        pid: The process; of async spans that of the one that begins next.
        tid: The thread; None for a track of async spans, of a process, of the whole trace.
        ts: When each begins.
        dur: How long it is; negative if it was never ended, or if the log says so.
        name: Its name's number.
        cat: Its cat's number.
        parent: The index of the span around it; NO_PARENT for the outermost.
        flags: INSTANT, OVERLAPPING and ERROR.
        line: The line of each, or of its begin; empty if lines are not kept.
        end_line: The line of the event that ends it; NO_LINE for none; empty as well.
    """

    def __init__(
        self,
        pid: Id | None,
        tid: Id | None,
        error_lines: Container[int],
        tick: Callable[[], None],
        *,
        keeps_lines: bool = False,
    ) -> None:
        self.is_async = pid is None
        self.pid = pid
        self.tid = tid
        self.ts = array("q")
        self.dur = array("q")
        self.name = array("i")
        self.cat = array("i")
        self.parent = array("i")
        self.flags = bytearray()
        self.line = array("q")
        self.end_line = array("q")
        self._keeps_lines = keeps_lines
        self._pids: list[Id | None] = []  # of async spans
        self._error_lines = error_lines
        self._tick = tick

    def begun(
        self,
        ts: int,
        dur: int,
        name: int,
        cat: int,
        line_no: int,
        parent: int,
        is_instant: bool,
        is_overlapping: bool,
        /,
    ) -> int:
        """Take a span that begins; see `Record`."""
        self.ts.append(ts)
        self.dur.append(dur)
        self.name.append(name)
        self.cat.append(cat)
        self.parent.append(parent)
        flags = is_instant * INSTANT + is_overlapping * OVERLAPPING
        if line_no in self._error_lines:
            flags += ERROR
        self.flags.append(flags)
        if self.is_async:
            self._pids.append(self.pid)
        if self._keeps_lines:
            self.line.append(line_no)
            self.end_line.append(NO_LINE)
        at = len(self.flags) - 1
        if not at & TICK_MASK:
            self._tick()
        return at

    def ended(self, at: int, dur: int, line_no: int | None, /) -> None:
        """Take the end of a span; see `Record`."""
        self.dur[at] = dur
        if self._keeps_lines and line_no is not None:
            self.end_line[at] = line_no
        if line_no is not None and line_no in self._error_lines:
            self.flags[at] |= ERROR

    def bound(self, at: int, line_no: int, /) -> None:
        """Take an arrow's event; see `Record`. Arrows are not kept here."""

    def pid_of(self, at: int) -> Id | None:
        """The process of a span; None for an instant of the whole trace."""
        return self._pids[at] if self.is_async else self.pid

    def pids(self) -> Sequence[Id | None]:
        """The process of each span."""
        return self._pids if self.is_async else [self.pid] * len(self.flags)

    def count_spans(self, first: int = 0, end: int | None = None) -> int:
        """How many are spans, and no instants; from one index up to another."""
        flags = self.flags[first:end]
        return len(flags) - len(flags.translate(None, delete=_SPAN_FLAGS))

    def self_times(self, first: int = 0, end: int | None = None) -> "array[int]":
        """Of each span the part of its duration in which no finished child of it ran.

        Args:
            first: An outermost span, to begin with.
            end: Another one, to stop before.
        """
        times = self.dur[first:end]
        for parent, dur in zip(self.parent[first:end], self.dur[first:end], strict=True):
            if parent != NO_PARENT and dur > 0:
                times[parent - first] -= dur
        return times
