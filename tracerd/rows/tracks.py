"""The tracks of a trace: which events are on each, and what they are when all of them are known.

Strategy: each track is played by `ordinary` if it is that, else by `exact`. Async spans, which meet one another on
tracks that nothing else is on, are played by `replay`.
"""

from collections.abc import Callable

from tracerd.replay.asyncs import Asyncs
from tracerd.replay.events import async_id
from tracerd.replay.flows import Flows
from tracerd.replay.kinds import OVERLAP, TOO_DEEP, Finding
from tracerd.replay.order import Order
from tracerd.replay.slices import UNNAMED, Names
from tracerd.replay.threads import Thread
from tracerd.replay.track import PHASE
from tracerd.rows import exact, ordinary
from tracerd.rows.span_event import Event
from tracerd.rows.spans import Id, Spans
from tracerd.rows.track_events import ERROR_BIT, Columns, Labels, TrackEvents


class Tracks:
    """The tracks of one trace.

    Args:
        names: Where names and cats have their numbers.
        tick: Called once for so many spans; it may raise to give up.
        keeps_lines: Whether the lines of spans are kept.

    Attributes:
        labels: Where pairs of them have theirs.
        order: In which order events are played; it is to be told of each.
        overlapping: How many spans overlap others of their thread, or lie too deep; complete after `finish`.
    """

    def __init__(self, names: Names, tick: Callable[[], None], *, keeps_lines: bool) -> None:
        self.labels = Labels(names)
        self.order = Order()
        self.overlapping = 0
        self._names = names
        self._tick = tick
        self._keeps_lines = keeps_lines
        self._events: dict[tuple[Id | None, Id | None], TrackEvents] = {}
        self._async_errors: set[int] = set()  # by line
        self._asyncs = Asyncs(names, self._count_overlap, self._async_record)
        self._played: list[Spans] = []

    def events_of(self, pid: Id | None, tid: Id | None) -> TrackEvents:
        """The events of a thread; without a tid, of a process; without a pid, those of the whole trace."""
        return self._events.get((pid, tid)) or self._events.setdefault(
            (pid, tid), TrackEvents(keeps_lines=self._keeps_lines)
        )

    def pack(self) -> None:
        """Make small what was added since the last time."""
        for events in self._events.values():
            events.pack()

    def add_instant(self, event: Event, thread: Thread, ts: int, error_bit: int, line_no: int) -> None:
        """Take an instant, if there is a track for it."""
        pid, tid = thread.process.pid, thread.tid
        if event.s == "g":
            events = self.events_of(None, None)
        elif event.s == "p" and thread.has_pid:
            events = self.events_of(pid, None)
        elif event.s != "p" and thread.has_tid:
            events = self.events_of(pid, tid)
        else:
            return
        events.add((ts, 0, self.labels.shifted(event.name, event.cat) + PHASE["i"] + error_bit))
        if events.add_line:
            events.add_line(line_no)

    def add_async(self, event: Event, thread: Thread, ts: int, line_no: int, *, is_error: bool) -> None:
        """Take an async event, if it has an id."""
        id_ = async_id(event.id, event.id2)
        if id_ is not None and thread.has_pid:
            is_local, value = id_
            pid = thread.process.pid
            name, cat = self._names[event.name], self._names[event.cat]
            self._asyncs.add(event.ph[0], ts, pid, (pid if is_local else None, cat, value), name, cat, line_no)
        if is_error:
            self._async_errors.add(line_no)

    def finish(self, places: "list[tuple[Id, Id | None]]", count: Callable[[Id, Columns], None]) -> list[Spans]:
        """Play all that was added, and forget it.

        Tracks come in the order of the places, which are processes and threads; the events of each are counted before.
        """
        if events := self._events.get((None, None)):
            self._play_exactly(None, None, events.take())
        for pid, tid in places:
            if events := self._events.pop((pid, tid), None):
                columns = events.take()
                count(pid, columns)
                self._play(pid, tid, columns)
        self._asyncs.finish(self.order.rank, Flows(_ignore), self._names[UNNAMED])
        return self._played

    def _play(self, pid: Id, tid: Id | None, columns: Columns) -> None:
        spans = Spans(pid, tid, (), self._tick, keeps_lines=self._keeps_lines)
        if ordinary.play(columns, self.labels, self.order, spans, self._tick):
            self._played.append(spans)
        else:
            self._play_exactly(pid, tid, columns)

    def _play_exactly(self, pid: Id | None, tid: Id | None, columns: Columns) -> None:
        errors = {at for at, code in enumerate(columns.phases) if code & ERROR_BIT}
        spans = Spans(pid, tid, errors, self._tick, keeps_lines=self._keeps_lines)
        exact.play(columns, self.labels, self.order, spans, self._names, self._count_overlap)
        self._played.append(spans)

    def _async_record(self) -> Spans:
        self._played.append(Spans(None, None, self._async_errors, self._tick, keeps_lines=self._keeps_lines))
        return self._played[-1]

    def _count_overlap(self, finding: Finding) -> None:
        self.overlapping += finding.kind in (OVERLAP, TOO_DEEP)


def _ignore(_finding: Finding) -> None:
    pass
