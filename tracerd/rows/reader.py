"""Blocks of a log to the events of each track, and to what is counted of processes.

Strategy: a block is decoded at once, by the same checks as in `replay`; lines that are out of the ordinary are read one
by one, exactly. Spans, of which there are most, go to the events of their thread in one loop, and are counted only at
the end.
"""

from collections import Counter
from collections.abc import Callable
from operator import add as plus
from typing import Final

from tracerd.core.lines import BadLine, decode_run
from tracerd.core.own_prefixes import CLOCK_PREFIX
from tracerd.replay.events import EXACT_US, UNSET, USUAL_US, Unset, has_many_digits, middle_of, nanoseconds
from tracerd.replay.kinds import Finding
from tracerd.replay.slices import PENDING, UNNAMED, Names
from tracerd.replay.threads import Thread, Threads
from tracerd.replay.track import PHASE
from tracerd.rows.error_events import error_of
from tracerd.rows.names import GIVEN_BY_EXEC
from tracerd.rows.process import Process
from tracerd.rows.span_event import DECODER, MAX_EXACT, Args, Block, Event, event_of
from tracerd.rows.spans import Id, Spans
from tracerd.rows.track_events import ERROR_BIT, Columns
from tracerd.rows.tracks import Tracks
from tracerd.trace_json.begin_marks import PROCESS_CAT
from tracerd.trace_json.perfetto import export_line
from tracerd.trace_json.tef import COMPLETE, METADATA

_BLANKS: Final = b" \t\r\n"

_X: Final = PHASE["X"]
_E: Final = PHASE["E"]

MAX_STAGED: Final = 32 * 1024
"""So many events are objects at a time, about four megabytes."""

UNUSUAL: Final = -(2**70)
"""The time of what is not for the fast loop."""

_Slot = tuple[Process, Callable[[tuple[int, int, int]], None], Callable[[int], None] | None]
"""Of a pid and tid: the process, and what adds to the events of the thread and to their lines."""


class Reader:
    """Reads one trace.

    Args:
        tick: Called once for so many spans after the last block; it may raise to give up.
        keeps_lines: Whether the lines of spans are kept.

    Attributes:
        names: What the numbers of names and cats stand for.
        processes: By pid, in the order in which they were met; complete after `finish`, as all that follows.
        phases: How many events there are of each phase.
        left_out: How many lines are none that Perfetto would read, or have a negative ts.
    """

    def __init__(self, tick: Callable[[], None], *, keeps_lines: bool = False) -> None:
        self.names = Names()
        self.processes: dict[Id, Process] = {}
        self.phases: Counter[str] = Counter()
        self.left_out = 0
        self._lines = 0
        self._block = Block(b"", 1)
        self._staged = 0
        self._tracks = Tracks(self.names, tick, keeps_lines=keeps_lines)
        self._threads = Threads(_ignore)
        self._slots: dict[tuple[Id | Unset, Id | Unset], _Slot] = {}
        self._codes: dict[str, int] = {}  # of the phases X, B and E that were met
        self._named: dict[tuple[Id, Id | None], int] = {}  # when each was named

    # ---------------------------------------------------------- lines

    def feed(self, block: bytes) -> None:
        """Take the next whole lines; only the very last of a log may lack its newline."""
        run = None if has_many_digits(block) else decode_run(block, DECODER)
        if run is not None:
            self._block = Block(block, self._lines + 1)
            self._take_run(run)
            self._staged += len(run)
            if self._staged > MAX_STAGED:
                self._tracks.pack()
                self._staged = 0
            return
        if middle := middle_of(block):
            self.feed(block[:middle])
            self.feed(block[middle:])
            return
        self._lines += 1
        self._take_line(block)

    def _take_run(self, run: list[Event]) -> None:
        slots, codes, labels, order = self._slots, self._codes, self._tracks.labels.known, self._tracks.order
        last, late_from = order.last, order.late_from
        first_line = self._lines + 1
        for at, event in enumerate(run):
            code = codes.get(event.ph)
            time, length = event.ts, event.dur
            ts = int(time * 1000.0 + 0.5) if time is not UNSET and USUAL_US <= time < EXACT_US else _nanoseconds(time)
            dur = PENDING
            if code == _X:
                dur = (
                    int(length * 1000.0 + 0.5)
                    if length is not UNSET and USUAL_US <= length < EXACT_US
                    else _nanoseconds(length)
                )
            if code is None or ts < 0 or dur < PENDING:
                self._lines = first_line + at
                order.last, order.late_from = last, late_from
                is_taken = self._is_taken_alone(event, ts, dur, is_span=code is not None)
                last, late_from = order.last, order.late_from
                if code is None or is_taken:
                    continue
            if ts > last:
                last = ts
            elif ts < late_from and (ts < last or order.has_x):
                late_from = ts
            try:
                process, add, add_line = slots[event.pid, event.tid]
            except KeyError:
                process, add, add_line = self._make_slot(event, first_line + at)
            name = event.name
            if not name and code != _E:
                name = UNNAMED
            try:
                label = labels[name, event.cat]
            except KeyError:
                label = self._tracks.labels.shifted(name, event.cat)
            args = event.args
            if args and (args.exit_code or args.error or args.level or args.outcome or args.signal):
                label += self._error_bit(args, process)
            add((ts, dur, label + code))
            if add_line:
                add_line(first_line + at)
        self._lines = first_line + len(run) - 1
        order.last, order.late_from = last, late_from

    def _is_taken_alone(self, event: Event, ts: int, dur: int, *, is_span: bool) -> bool:
        """Take an event that is not for the loop. False if it is: an X with a negative dur."""
        if is_span and UNUSUAL not in (ts, dur):
            if ts < 0:
                self._drop(event, self._lines)
            return ts < 0
        if self._block.needs_exactness(event):
            self._take_line(self._block.line(self._lines))
        else:
            self._take(event)
        return True

    def _take_line(self, raw: bytes) -> None:
        """Take one line, exactly."""
        line = raw.strip(_BLANKS)
        taken = export_line(line)
        if isinstance(taken, BadLine):
            self.left_out += 1
        elif not line.startswith(CLOCK_PREFIX):
            self._take(event_of(taken))

    # ---------------------------------------------------------- events

    @staticmethod
    def _error_bit(args: Args, process: Process) -> int:
        if not error_of(args.error, args.level, args.exit_code, args.signal, args.outcome):
            return 0
        process.errors += 1
        return ERROR_BIT

    def _drop(self, event: Event, line_no: int) -> None:
        """Leave out an event with a negative ts; its thread has been met all the same."""
        self._threads.find(event.pid, event.tid, line_no)
        self.left_out += 1

    def _process(self, thread: Thread) -> Process:
        pid = thread.process.pid
        return self.processes.get(pid) or self.processes.setdefault(pid, Process(pid))

    def _make_slot(self, event: Event, line_no: int) -> _Slot:
        thread = self._threads.find(event.pid, event.tid, line_no)
        events = self._tracks.events_of(thread.process.pid, thread.tid)
        slot = self._slots[event.pid, event.tid] = self._process(thread), events.add, events.add_line
        return slot

    def _take(self, event: Event) -> None:
        """Take any event."""
        phase = event.ph[0]
        ts = 0 if isinstance(event.ts, Unset) else nanoseconds(event.ts)
        if ts < 0:
            self._drop(event, self._lines)
            return
        thread = self._threads.find(event.pid, event.tid, self._lines)
        process = self._process(thread)
        self._tracks.order.push(ts, is_x=phase == COMPLETE)
        self.phases[phase] += 1
        process.events += 1
        if phase == METADATA:
            self._take_name(event, process, thread, ts)
            return
        dur = nanoseconds(event.dur) if phase == COMPLETE and not isinstance(event.dur, Unset) else PENDING
        process.reach(ts, ts + max(dur, 0))
        error_bit = self._error_bit(event.args, process) if event.args else 0
        match phase:
            case "X" | "B" | "E":
                code = self._codes[phase] = PHASE[phase]
                self.phases[phase] -= 1  # which are counted at the end
                process.events -= 1
                name = event.name or ("" if phase == "E" else UNNAMED)
                label = self._tracks.labels.shifted(name, event.cat)
                events = self._tracks.events_of(process.pid, thread.tid)
                events.add((ts, dur, label + code + error_bit))
                if events.add_line:
                    events.add_line(self._lines)
            case "i" | "I" | "R":
                self._tracks.add_instant(event, thread, ts, error_bit, self._lines)
            case "b" | "n" | "e":
                self._tracks.add_async(event, thread, ts, self._lines, is_error=bool(error_bit))
            case _:
                pass

    def _take_name(self, event: Event, process: Process, thread: Thread, ts: int) -> None:
        """Name a process or a thread; the latest counts, and of equal times the last."""
        if event.name not in ("process_name", "thread_name") or not event.args:
            return
        tid = thread.tid if event.name == "thread_name" else None
        name = event.args.name
        if event.cat == PROCESS_CAT:
            ts = GIVEN_BY_EXEC
        if not name or not isinstance(name, str) or ts < self._named.get((process.pid, tid), ts):
            return
        self._named[process.pid, tid] = ts
        if tid is None:
            process.name = name
        else:
            process.threads[tid] = name

    # ---------------------------------------------------------- the whole trace

    def finish(self) -> list[Spans]:
        """Play all that was fed, and give the tracks."""
        self._slots.clear()
        places = [(pid, tid) for pid, tid, _ in self._threads.tracks()]
        return self._tracks.finish(places, self._count)

    @property
    def overlapping(self) -> int:
        """How many spans overlap others of their thread, or lie too deep."""
        return self._tracks.overlapping

    def _count(self, pid: Id, columns: Columns) -> None:
        process = self.processes[pid]
        for phase, code in self._codes.items():
            count = columns.count(code)
            self.phases[phase] += count
            process.events += count
        process.reach(min(columns.ts), max(columns.ts))
        process.reach(process.end, max(map(plus, columns.ts, columns.dur)))


def _ignore(_finding: Finding) -> None:
    pass


def _nanoseconds(time: float | Unset) -> int:
    return UNUSUAL if time is UNSET or abs(time) >= MAX_EXACT else nanoseconds(time)
