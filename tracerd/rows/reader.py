"""Blocks of a log to the events of each track, and to what is counted of processes.

Strategy: a block is decoded at once, by the same checks as in `replay`; lines that are out of the ordinary are read one
by one, exactly. Spans, of which there are most, go into the arrays of their thread in one loop, and are counted only at
the end. Then each track is played: by `pairs` if it is ordinary, else by `exact`.
"""

from collections import Counter
from collections.abc import Callable
from operator import add
from typing import Final

from tracerd.core.lines import BadLine, decode_run
from tracerd.core.tef import CLOCK_PREFIX, COMPLETE, METADATA
from tracerd.replay.asyncs import Asyncs
from tracerd.replay.events import EXACT_US, UNSET, Unset, async_id, has_many_digits, nanoseconds
from tracerd.replay.flows import Flows
from tracerd.replay.kinds import OVERLAP, TOO_DEEP, Finding
from tracerd.replay.order import Order
from tracerd.replay.slices import PENDING, UNNAMED, Names
from tracerd.replay.threads import Thread, Threads
from tracerd.replay.trace import MAX_TIME_US
from tracerd.replay.track import Track
from tracerd.rows import exact, pairs
from tracerd.rows.error_events import are_of_error
from tracerd.rows.pairs import ERROR_BIT, WITHOUT_ERROR
from tracerd.rows.process import Process
from tracerd.rows.span_event import DECODER, Args, Event, event_of, needs_exactness
from tracerd.rows.spans import Id, Spans
from tracerd.trace_json.perfetto import export_line

_BLANKS: Final = b" \t\r\n"

_X: Final = ord("X")
_B: Final = ord("B")

_Slot = tuple[
    Process,
    Callable[[int], None],
    Callable[[int], None],
    Callable[[int], None],
    Callable[[int], None],
    Callable[[int], None],
]
"""Of a pid and tid: the process, and what appends to ts, dur, name, cat and phases of the thread."""


class Reader:
    """Reads one trace.

    Args:
        tick: Called once for so many spans after the last block; it may raise to give up.

    Attributes:
        names: What the numbers of names and cats stand for.
        processes: By pid, in the order in which they were met; complete after `finish`, as all that follows.
        phases: How many events there are of each phase.
        left_out: How many lines are none that Perfetto would read, or have a negative ts.
        overlapping: How many spans overlap others of their thread, or lie too deep.
    """

    def __init__(self, tick: Callable[[], None]) -> None:
        self.names = Names()
        self.processes: dict[Id, Process] = {}
        self.phases: Counter[str] = Counter()
        self.left_out = 0
        self.overlapping = 0
        self._tick = tick
        self._lines = 0
        self._unnamed = self.names[UNNAMED]
        self._order = Order()
        self._threads = Threads(_ignore)
        self._slots: dict[tuple[Id | Unset, Id | Unset], _Slot] = {}
        self._codes: dict[str, int] = {}  # of the phases X, B and E that were met
        self._global_instants = Track()
        self._named: dict[tuple[Id, Id | None], int] = {}  # when each was named
        self._tracks: list[Spans] = []
        self._async_errors: set[int] = set()  # by line
        self._asyncs = Asyncs(self.names, self._count_overlap, self._async_record)

    # ---------------------------------------------------------- lines

    def feed(self, block: bytes) -> None:
        """Take the next whole lines; only the very last of a log may lack its newline."""
        run = None if has_many_digits(block) else decode_run(block, DECODER)
        if run is not None:
            self._take_run(run, block)
            return
        middle = block.find(b"\n", len(block) // 2) + 1
        if not 0 < middle < len(block):
            middle = block.rfind(b"\n", 0, -1) + 1
        if middle:
            self.feed(block[:middle])
            self.feed(block[middle:])
            return
        self._lines += 1
        self._take_line(block)

    def _take_run(self, run: list[Event], block: bytes) -> None:
        slots, codes, names, order, unnamed = self._slots, self._codes, self.names, self._order, self._unnamed
        last, late_from = order.last, order.late_from
        lines: list[bytes] = []
        first_line = self._lines + 1
        for at, event in enumerate(run):
            code = codes.get(event.ph)
            time, length = event.ts, event.dur
            if code is None or time is UNSET or (length is UNSET and code == _X):
                self._lines = first_line + at
                order.last, order.late_from = last, late_from
                if needs_exactness(event, block):
                    lines = lines or block.split(b"\n")
                    self._take_line(lines[at])
                else:
                    self._take(event)
                last, late_from = order.last, order.late_from
                continue
            ts = time * 1000 if type(time) is int and 0 <= time <= MAX_TIME_US else _nanoseconds(time)
            if ts < 0:
                self._drop(event, first_line + at)
                continue
            if ts > last:
                last = ts
            elif ts < late_from and (ts < last or order.has_x):
                late_from = ts
            slot = slots.get((event.pid, event.tid))
            if slot is None:
                slot = self._make_slot(event, first_line + at)
            process, add_ts, add_dur, add_name, add_cat, add_phase = slot
            args = event.args
            name = names[event.name]
            dur = PENDING
            if code == _X and length is not UNSET:
                name = name or unnamed
                dur = length * 1000 if type(length) is int and 0 <= length <= MAX_TIME_US else _nanoseconds(length)
            elif code == _B:
                name = name or unnamed
            if args and (args.exit_code or args.error or args.level or args.outcome or args.signal):
                code |= self._error_bit(args, process)
            add_ts(ts)
            add_dur(dur)
            add_name(name)
            add_cat(names[event.cat])
            add_phase(code)
        self._lines = first_line + len(run) - 1
        order.last, order.late_from = last, late_from

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
        if not are_of_error(args):
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
        track = thread.track
        slot = self._slots[event.pid, event.tid] = (
            self._process(thread),
            track.ts.append,
            track.dur.append,
            track.name.append,
            track.cat.append,
            track.phases.append,
        )
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
        self._order.push(ts, is_x=phase == COMPLETE)
        self.phases[phase] += 1
        process.events += 1
        if phase == METADATA:
            self._take_name(event, process, thread, ts)
            return
        dur = nanoseconds(event.dur) if phase == COMPLETE and not isinstance(event.dur, Unset) else PENDING
        process.reach(ts, ts + max(dur, 0))
        error_bit = self._error_bit(event.args, process) if event.args else 0
        name, cat = self.names[event.name], self.names[event.cat]
        match phase:
            case "X" | "B" | "E":
                self._codes[phase] = ord(phase)
                self.phases[phase] -= 1  # which are counted at the end
                process.events -= 1
                if phase != "E":
                    name = name or self._unnamed
                _add(thread.track, ord(phase) | error_bit, ts, dur, name, cat)
            case "i" | "I" | "R":
                track = self._track_of_instant(event, thread)
                if track is not None:
                    _add(track, ord("i") | error_bit, ts, 0, name, cat)
            case "b" | "n" | "e":
                self._take_async(event, phase, thread, ts, name, cat)
                if error_bit:
                    self._async_errors.add(self._lines)
            case _:
                pass

    def _track_of_instant(self, event: Event, thread: Thread) -> Track | None:
        """Where an instant is drawn; None if nowhere."""
        if event.s == "g":
            return self._global_instants
        if event.s == "p":
            return thread.process_track if thread.has_pid else None
        return thread.track if thread.has_tid else None

    def _take_async(self, event: Event, phase: str, thread: Thread, ts: int, name: int, cat: int) -> None:
        id_ = async_id(event.id, event.id2)
        if id_ is not None and thread.has_pid:
            is_local, value = id_
            pid = thread.process.pid
            self._asyncs.add(phase, ts, pid, (pid if is_local else None, cat, value), name, cat, self._lines)

    def _take_name(self, event: Event, process: Process, thread: Thread, ts: int) -> None:
        """Name a process or a thread; the latest counts, and of equal times the last."""
        if event.name not in ("process_name", "thread_name") or not event.args:
            return
        tid = thread.tid if event.name == "thread_name" else None
        name = event.args.name
        if not name or not isinstance(name, str) or ts < self._named.get((process.pid, tid), ts):
            return
        self._named[process.pid, tid] = ts
        if tid is None:
            process.name = name
        else:
            process.threads[tid] = name

    # ---------------------------------------------------------- the whole trace

    def finish(self) -> list[Spans]:
        """Play all that was fed.

        Returns:
            The tracks, with their spans.
        """
        self._slots.clear()
        self._play(None, None, self._global_instants)
        for pid, tid, track in self._threads.tracks():
            if track.phases:
                self._count(self.processes[pid], track)
                self._play(pid, tid, track)
        self._asyncs.finish(self._order.rank, Flows(_ignore), self._unnamed)
        return self._tracks

    def _count(self, process: Process, track: Track) -> None:
        for phase, code in self._codes.items():
            count = track.phases.count(code) + track.phases.count(code | ERROR_BIT)
            self.phases[phase] += count
            process.events += count
        process.reach(min(track.ts), max(max(map(add, track.ts, track.dur)), max(track.ts)))  # noqa: PLW3301

    def _play(self, pid: Id | None, tid: Id | None, track: Track) -> None:
        """Play a track, and forget it."""
        spans = Spans(pid, tid, frozenset(), self._tick)
        if pid is None or not pairs.play(track, self._order, spans, self._tick):
            errors = {at for at, code in enumerate(track.phases) if code & ERROR_BIT}
            track.phases = track.phases.translate(WITHOUT_ERROR)
            spans = Spans(pid, tid, errors, self._tick)
            exact.play(track, self._order, spans, self.names, self._count_overlap)
        self._tracks.append(spans)
        _forget(track)

    def _async_record(self) -> Spans:
        self._tracks.append(Spans(None, None, self._async_errors, self._tick))
        return self._tracks[-1]

    def _count_overlap(self, finding: Finding) -> None:
        self.overlapping += finding.kind in (OVERLAP, TOO_DEEP)


def _ignore(_finding: Finding) -> None:
    pass


def _nanoseconds(time: int | float) -> int:
    # From 1 on the sum is exact where it counts.
    return int(time * 1000.0 + 0.5) if type(time) is float and 1 <= time < EXACT_US else nanoseconds(time)


def _forget(track: Track) -> None:
    """Give back the memory of a track that has been played."""
    for column in (track.ts, track.dur, track.name, track.cat, track.phases):
        del column[:]


def _add(track: Track, code: int, ts: int, dur: int, name: int, cat: int) -> None:
    track.ts.append(ts)
    track.dur.append(dur)
    track.name.append(name)
    track.cat.append(cat)
    track.phases.append(code)
