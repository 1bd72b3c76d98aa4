"""Which lines of a trace enter a file, if only a part of it is wanted, and which of them belong together.

Strategy: the trace is played as Perfetto plays it, and of each line is kept what it is, in arrays whose index is the
number of the line: 22 bytes for each, and 33 more of the replay while it runs. An E belongs to the B that it ends, an
event of an arrow to the span that it is bound to; they stay or go together.
So what is left nests as before: an E ends the topmost B that fits, and of a pair both are there or neither.
A B that Perfetto cuts where the span around it ends would have no such end if that one were left out; so it gets an E.
"""

from array import array
from collections.abc import Callable, Iterable
from typing import Final

from tracerd.exporters.criteria import Criteria
from tracerd.replay.clocks import Clock
from tracerd.replay.events import Event, Unset, flow_id
from tracerd.replay.kinds import Findings
from tracerd.replay.observer import NO_PARENT
from tracerd.replay.player import Player
from tracerd.replay.threads import Thread
from tracerd.rows.error_events import is_error
from tracerd.rows.moment import Bound

NOTHING, METADATA, MARK, EVENT, SPAN, ENDING, ARROW = range(7)
"""What a line is: nothing that Perfetto reads; M; a mark of the daemon; any other event; X, B, b; E, e; s, t, f."""

KINDS: Final = {"M": METADATA, "X": SPAN, "B": SPAN, "b": SPAN, "E": ENDING, "e": ENDING} | dict.fromkeys("stf", ARROW)

OPEN: Final = -(2**63)
"""The end of a span that has none."""

OWN_CAT: Final = "tracerd"
"""The category of the daemon's marks where events are missing."""

_TICK_MASK = 0xFFFF

ArrowId = tuple[int | None, str, str]


class Selection:
    """The lines of a trace. It is also the record of each track, and calls a span by the number of its line.

    Args:
        criteria: Which events are wanted.
        tick: Called every now and then while spans are played; it may raise to give up.

    Attributes:
        pid: Not used; see `Record`.
        kinds: By line, what it is.
        keeps: By line, whether it enters the file; known after `test`, and final after `finish`.
        ts: By line, in ns.
        end: By line, when it is over; OPEN if it was never ended.
        owner: By line, the span that it belongs to; 0 for none.
        start: When the trace's first event is, in ns; metadata do not count.
        last: When its last event is over.
        first_kept: When the first event is that enters the file.
        errors: Which lines are errors, if the criteria read that; a span is one if its end is.
        end_args: By the line of a span, the args of its end, if the criteria read any.
        parent: By line, the span around it, NO_PARENT of the outermost, 0 of what is on no track; empty unless the
            criteria read how spans nest.
        steps: The steps and ends of arrows, by their lines.
        closing: When spans that lack an end are to be ended, by their lines: those that are cut, and all if wanted.
    """

    def __init__(self, criteria: Criteria, tick: Callable[[], None] = lambda: None) -> None:
        self.pid: int | str | None = None
        self.kinds = bytearray(1)
        self.keeps = bytearray()
        self.ts = array("q", (0,))
        self.end = array("q", (0,))
        self.owner = array("I", (0,))
        self.start = self.last = self.first_kept = 0
        self.closing: dict[int, int] = {}
        self.errors: set[int] = set()
        self.end_args: dict[int, bytes] = {}
        self.parent = array("q")
        self._reads_errors, self._reads_args = criteria.read_errors, criteria.read_args
        self._criteria = criteria
        self._tick = tick
        self._has_events = False
        self._begun = 0
        self._open: dict[int, int] = {}  # spans that have no end yet, with the span around each
        self._starts: dict[ArrowId, int] = {}
        self.steps: dict[int, ArrowId] = {}

    # ---------------------------------------------------------- the lines, in the order of the log

    def take(self, line_no: int, event: Event, _thread: Thread, ts: int, dur: int, /) -> None:
        """Take an event; see `Observer`."""
        self._pad(line_no)
        phase = event.ph[0]
        kind = KINDS.get(phase, EVENT)
        if kind == EVENT and event.cat == OWN_CAT and event.s == "g":
            kind = MARK
        elif kind == ARROW:
            self._take_arrow(line_no, event, phase)
        if self._reads_errors and not isinstance(event.args, Unset) and is_error(event.args):
            self.errors.add(line_no)
        if kind == ENDING and self._reads_args and not isinstance(event.args, Unset):
            self.end_args[-line_no] = bytes(event.args)  # until it is known what it ends
        end = ts + dur if phase == "X" else OPEN if phase in "Bb" else ts
        self.kinds.append(kind)
        self.ts.append(ts)
        self.end.append(end)
        self.owner.append(0)
        if kind != METADATA:
            self.start = min(self.start, ts) if self._has_events else ts
            self.last = max(self.last, ts, end)
            self._has_events = True

    def end_at(self, line_no: int) -> None:
        """Take note of the number of lines, when all are known."""
        self._pad(line_no + 1)

    def _pad(self, line_no: int) -> None:
        """Fill up to a line; what lies between is nothing that Perfetto reads."""
        if missing := line_no - len(self.kinds):
            self.kinds.extend(bytes(missing))
            for column in (self.ts, self.end, self.owner):
                column.extend(array(column.typecode, (0,)) * missing)

    def _take_arrow(self, line_no: int, event: Event, phase: str) -> None:
        arrow = (None if isinstance(event.id, Unset) else flow_id(event.id), event.cat, event.name)
        if phase == "s":
            self._starts.setdefault(arrow, line_no)
        else:
            self.steps[line_no] = arrow

    # ---------------------------------------------------------- the spans, track by track

    def track(self, _pid: int | str | None, _tid: int | str | None, /) -> "Selection":
        """The record for a track; see `Observer`."""
        return self

    def begun(
        self,
        _ts: int,
        _dur: int,
        _name: int,
        _cat: int,
        line_no: int,
        parent: int,
        _is_instant: bool,
        is_overlapping: bool,
        /,
    ) -> int:
        """Take a span that begins; see `Record`."""
        if self.end[line_no] == OPEN and not is_overlapping:  # one that lies too deep is not on the stack
            self._open[line_no] = parent
        if self._criteria.read_nesting:
            if not self.parent:
                self.parent = array("q", (0,)) * len(self.kinds)
            self.parent[line_no] = parent
        self._begun += 1
        if not self._begun & _TICK_MASK:
            self._tick()
        return line_no

    def ended(self, at: int, dur: int, line_no: int | None, /) -> None:
        """Take the end of a span; see `Record`."""
        self.end[at] = self.ts[at] + dur
        self._open.pop(at, None)
        if line_no is None:
            self.closing[at] = self.end[at]
        else:
            self.owner[line_no] = at
            if line_no in self.errors:
                self.errors.add(at)
            if args := self.end_args.pop(-line_no, None):
                self.end_args[at] = args

    def bound(self, at: int, line_no: int, /) -> None:
        """Take an arrow's event and its span; see `Record`."""
        self.owner[line_no] = at

    # ---------------------------------------------------------- the verdict

    def close_open(self) -> None:
        """Have every open span ended: where the span around it ends, as Perfetto cuts it, else at the last time."""
        # In whole microseconds, which stay exact in a file; and later than anything begins.
        latest = max((self.ts[at] + 1 for at in self._open), default=0)
        last = -(-max(self.last, latest) // 1000) * 1000
        for at in self._open:
            around = self._open[at]
            while around in self._open:
                around = self._open[around]
            end = last if around == NO_PARENT else self.end[around]
            self.closing[at] = end if end > self.ts[at] else last

    def test(self, since: Bound | None, until: Bound | None) -> None:
        """Find which events and spans lie in this time, and keep metadata; all lines, without criteria."""
        if self._criteria.are_none:
            self.keeps = bytearray(b"\1") * len(self.kinds)
            return
        self.keeps = bytearray(kind == METADATA for kind in self.kinds)
        for line_no, kind in enumerate(self.kinds):
            if kind not in (MARK, EVENT, SPAN):
                continue
            ts, end = self.ts[line_no], self.end_of(line_no)
            if end is None:
                end = self.last
            if since and (start := since.at(line_no, ts)) > ts and start >= end:
                continue
            if until and ts >= until.at(line_no, ts):
                continue
            self.keeps[line_no] = 1

    def finish(self) -> None:
        """Keep what belongs to what is kept."""
        keeps = self.keeps
        if not self._criteria.are_none:
            for line_no, kind in enumerate(self.kinds):
                if kind in (ENDING, ARROW) and (owner := self.owner[line_no]):
                    keeps[line_no] = keeps[owner]
            for line_no, arrow in self.steps.items():
                # Perfetto 52 draws an end without its start as an arrow from the first span of the trace.
                keeps[line_no] &= keeps[self._starts.get(arrow, line_no)]
            self.cut_starts()
        timed = (ts for ts, kept, kind in zip(self.ts, keeps, self.kinds, strict=True) if kept and kind > METADATA)
        self.first_kept = min(timed, default=0)
        self.closing = {at: end for at, end in self.closing.items() if keeps[at]}

    def end_of(self, line_no: int) -> int | None:
        """When an event is over, in ns; None if it was never ended and will not be."""
        end = self.end[line_no]
        return self.closing.get(line_no) if end == OPEN else end

    def cut_starts(self) -> None:
        """Leave out the starts of arrows that led to something, of which nothing is left."""
        leads = {self.start_of(line_no) for line_no in self.steps if self.keeps[line_no]}
        for line_no in self.steps:
            if (start := self.start_of(line_no)) not in leads:
                self.keeps[start] = 0

    def start_of(self, line_no: int) -> int:
        """The line in which the arrow starts of which this line is a step or an end; else the line itself."""
        arrow = self.steps.get(line_no)
        return line_no if arrow is None else self._starts.get(arrow, line_no)

    def is_empty(self) -> bool:
        """Whether nothing is kept but metadata."""
        return not any(kept and kind > METADATA for kept, kind in zip(self.keeps, self.kinds, strict=True))


def play(blocks: Iterable[bytes], selection: Selection, progress: Callable[[int], None]) -> list[Clock]:
    """Let a selection see a trace.

    Args:
        blocks: Its lines.
        selection: Takes them.
        progress: Called after each block with its size.

    Returns:
        The clock lines.
    """
    player = Player(Findings(0), selection)
    for block in blocks:
        player.feed(block)
        progress(len(block))
    player.finish()
    selection.end_at(player.lines)
    return player.clocks
