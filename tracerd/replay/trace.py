"""All events of a trace: what is wrong with each by itself, and where it is to be played."""

import math
from collections.abc import Callable
from functools import partial
from itertools import chain, pairwise

from tracerd.replay.asyncs import Asyncs
from tracerd.replay.clocks import SAMPLES, Clock, boot_findings, clock_findings, unit_findings
from tracerd.replay.events import (
    MAX_TIME_US,
    Event,
    Unset,
    async_id,
    bad_counter_values,
    flow_id,
    has_ended,
    nanoseconds,
    object_args,
    pairs,
)
from tracerd.replay.flows import Bound, Flows, Id, Step
from tracerd.replay.kinds import (
    ASYNC_WITHOUT_ID,
    BAD_NAME,
    BIND_ID,
    COARSE_TIME,
    COUNTER_VALUE,
    COUNTER_WITHOUT_ARGS,
    EMPTY_COUNTER,
    FLOW_ID,
    IGNORED_PHASE,
    INSTANT_WITHOUT_PID,
    INSTANT_WITHOUT_TID,
    NEGATIVE_DUR,
    NEGATIVE_TS,
    NO_NAME,
    NO_PID,
    PID_REUSED,
    TIME_RANGE,
    Finding,
    Kind,
)
from tracerd.replay.observer import Observer
from tracerd.replay.order import Order
from tracerd.replay.plain_track import is_plain
from tracerd.replay.slices import PENDING, UNNAMED, Names, SliceStack
from tracerd.replay.threads import Id as ThreadId
from tracerd.replay.threads import Thread, Threads
from tracerd.replay.track import PHASE, Track
from tracerd.replay.usual_spans import UsualSpans
from tracerd.trace_json.begin_marks import PROCESS_CAT

COARSE_US = 2.0**47
"""From here on, 4.5 years, a double of microseconds is off by more than 10 ns, so that spans that touch overlap."""
COARSE_NS = 2**47 * 1000


class Trace:
    """What the lines of a log say, until all of it is known.

    Args:
        report: Called with each finding, in no order.
        names: The numbers of names and cats.
        observer: Gets events and spans.
    """

    def __init__(self, report: Callable[[Finding], None], names: Names, observer: Observer | None) -> None:
        self._report = report
        self._observer = observer
        self._order = Order()
        self._names = names
        self._unnamed = self._names[UNNAMED]
        self._threads = Threads(report)
        self.usual_spans = UsualSpans(self._threads, self._order, names, observer)
        self._global_instants = Track()
        make_record = partial(observer.track, None, None) if observer is not None else None
        self._asyncs = Asyncs(names, report, make_record)
        self._bound: dict[int, Bound] = {}  # by line
        self._line_no = 0
        self._lacks_pid = False
        self._coarse: set[ThreadId] = set()
        self._lives: dict[ThreadId, list[tuple[int, int, int]]] = {}  # start, end and line of processes that ended

    def take(self, line_no: int, event: Event) -> None:
        """Look at an event, in the order of the log."""
        self._line_no = line_no
        phase = event.ph[:1]
        thread = self._threads.find(event.pid, event.tid, line_no)
        if not thread.is_used and (phase != "M" or event.name == "thread_name"):
            self._threads.use(thread, line_no)
        if not thread.has_pid and not self._lacks_pid:
            self._check_pid(phase, event)
        ts = 0 if isinstance(event.ts, Unset) else self._time(event.ts, "ts")
        dur = 0 if isinstance(event.dur, Unset) else self._time(event.dur, "dur")
        if not 0 <= ts < COARSE_NS and not self._is_shown(event, thread, ts):
            return
        if self._observer is not None:
            self._observer.take(line_no, event, thread, ts, dur)
        self._order.push(ts, is_x=phase == "X")
        if phase != "M" and len(thread.process.samples) < SAMPLES:
            thread.process.samples.append(ts)
            thread.process.first = thread.process.first or (line_no, ts, ts + max(dur, 0))
        match phase:
            case "X" | "B" | "E":
                if phase == "X" and (dur < 0 or event.cat == PROCESS_CAT):
                    self._check_complete(event, thread, ts, dur)
                self._add(thread.track, phase, ts, dur, event)
                if phase != "E" and not isinstance(event.bind_id, Unset):
                    self._bind(event, self._bound)
            case "i" | "I" | "R":
                self._instant(event, thread, ts)
            case "C":
                self._counter(event)
            case "b" | "n" | "e":
                self._async(event, phase, thread, ts)
            case "s" | "t" | "f":
                self._flow(event, phase, thread, ts)
            case "M":
                self._metadata(event)
            case _:
                self._add_finding(IGNORED_PHASE, f'ph "{event.ph[:20]}" is ignored')

    def _add_finding(self, kind: Kind, reason: str) -> None:
        self._report(Finding(self._line_no, kind, reason))

    def _check_pid(self, phase: str, event: Event) -> None:
        if phase == "M" and event.name in ("process_name", "thread_name"):
            self._lacks_pid = True
            self._add_finding(NO_PID, f"{event.name} has no pid: it names a process 0")
        elif phase in "XBECstf" or (phase in "iIR" and event.s not in "gp"):
            self._lacks_pid = True
            self._add_finding(NO_PID, f"{phase} has no pid: it is shown in a process 0, as all events without one")

    def _check_complete(self, event: Event, thread: Thread, ts: int, dur: int) -> None:
        if event.cat == PROCESS_CAT and event.pid == event.tid and has_ended(event):  # on lanes they have other rows
            self._lives.setdefault(thread.process.pid, []).append((ts, ts + dur, self._line_no))
        if dur < 0:
            self._add_finding(NEGATIVE_DUR, f"dur {event.dur} is negative")

    def _is_shown(self, event: Event, thread: Thread, ts_ns: int) -> bool:
        if ts_ns < 0:
            self._add_finding(NEGATIVE_TS, f"ts {event.ts} is negative: dropped")
            return False
        ts, pid = event.ts, thread.process.pid
        if isinstance(ts, float) and ts >= COARSE_US and not ts.is_integer() and pid not in self._coarse:
            self._coarse.add(pid)
            step = f"{math.ulp(ts):g} us"
            self._add_finding(COARSE_TIME, f"ts {ts:f} has decimals: Perfetto reads so large a time in steps of {step}")
        return True

    def _time(self, time: int | float, key: str) -> int:
        if isinstance(time, int) and 0 <= time <= MAX_TIME_US:
            return time * 1000
        if not -MAX_TIME_US <= time <= MAX_TIME_US:
            self._add_finding(TIME_RANGE, f"{key} {time:g} us are more than 292 years: shown at another time")
        return nanoseconds(time)

    def _add(self, track: Track, phase: str, ts: int, dur: int, event: Event) -> None:
        name, cat = self._names[event.name], self._names[event.cat]
        track.add((PHASE[phase], ts, dur, name, cat, self._line_no))

    def _metadata(self, event: Event) -> None:
        if event.name not in ("process_name", "thread_name"):
            return
        named = False
        if args := object_args(event):
            for key, value in pairs(args):
                if key == "name":
                    named = True
                    if not (value and isinstance(value, str)):
                        self._add_finding(BAD_NAME, f"args.name of {event.name} is no string, or is empty")
        if not named:
            self._add_finding(NO_NAME, f"{event.name} without args.name names nothing")

    # ---------------------------------------------------------- single events

    def _instant(self, event: Event, thread: Thread, ts: int) -> None:
        if event.s == "g":
            self._add(self._global_instants, "i", ts, 0, event)
        elif event.s == "p":
            if thread.has_pid:
                self._add(thread.process_track, "i", ts, 0, event)
            else:
                self._add_finding(INSTANT_WITHOUT_PID, 'i with "s":"p" has no pid: dropped')
        elif thread.has_tid:
            self._add(thread.track, "i", ts, 0, event)
        else:
            self._add_finding(INSTANT_WITHOUT_TID, "i of a thread has no tid: dropped")

    def _counter(self, event: Event) -> None:
        args = object_args(event)
        if args is None:
            self._add_finding(COUNTER_WITHOUT_ARGS, "C has no object args: dropped")
        elif (bad := bad_counter_values(args)) is None:
            self._add_finding(EMPTY_COUNTER, "C has empty args, so no value: nothing is drawn")
        else:
            for key in bad:
                self._add_finding(COUNTER_VALUE, f'"{key[:60]}" is no number: dropped')

    def _async(self, event: Event, phase: str, thread: Thread, ts: int) -> None:
        id_ = async_id(event.id, event.id2)
        if id_ is None or not thread.has_pid:
            self._add_finding(ASYNC_WITHOUT_ID, f"{phase} has no {'id' if thread.has_pid else 'pid'}: dropped")
            return
        is_local, value = id_
        pid = thread.process.pid
        name, cat = self._names[event.name], self._names[event.cat]
        self._asyncs.add(phase, ts, pid, (pid if is_local else None, cat, value), name, cat, self._line_no)
        if phase != "e" and not isinstance(event.bind_id, Unset):
            self._bind(event, self._asyncs.bound)

    # ---------------------------------------------------------- flows

    def _flow(self, event: Event, phase: str, thread: Thread, ts: int) -> None:
        number = None if isinstance(event.id, Unset) else flow_id(event.id)
        if number is None:
            self._add_finding(FLOW_ID, f"{phase} has no id, or one that is neither an integer nor hex digits: no arrow")
            return
        step: Step = "start" if phase == "s" else "step" if phase == "t" else "end" if event.bp == "e" else "await"
        id_: Id = (number, self._names[event.cat], self._names[event.name])
        self._bound[self._line_no] = Bound(id_, step)
        self._add(thread.track, phase, ts, 0, event)

    def _bind(self, event: Event, bound: dict[int, Bound]) -> None:
        number = None if isinstance(event.bind_id, Unset) else flow_id(event.bind_id)
        if number is None:
            self._add_finding(BIND_ID, "bind_id is neither an integer nor hex digits: no arrow")
            return
        into, out = event.flow_in, event.flow_out
        step: Step | None = "step" if into and out else "start" if out else "end" if into else None
        bound[self._line_no] = Bound(number, step)

    # ---------------------------------------------------------- the whole trace

    def finish(self, clocks: list[Clock]) -> None:
        """Play all tracks, and report what happens there."""
        flows = Flows(self._report)
        self._play(None, None, self._global_instants, flows)
        for pid, tid, track in self._threads.tracks():
            self._play(pid, tid, track, flows)
        self._asyncs.finish(self._order.rank, flows, self._unnamed)
        flows.finish()
        for pid, lives in self._lives.items():
            for (_start, end, before), (start, _end, line_no) in pairwise(sorted(lives)):
                if start >= end:
                    reason = f"process {pid} had ended, by line {before}, when this one of the same pid began"
                    self._report(Finding(line_no, PID_REUSED, reason))
        processes = self._threads.processes()
        for finding in chain(
            boot_findings(clocks), unit_findings(processes, clocks), clock_findings(processes, clocks)
        ):
            self._report(finding)

    def pack(self) -> None:
        """Make small what was taken since the last time."""
        for _pid, _tid, track in self._threads.tracks():
            track.pack()
        self._global_instants.pack()
        self._asyncs.pack()

    def _play(self, pid: ThreadId | None, tid: ThreadId | None, track: Track, flows: Flows) -> None:
        track.pack()
        has_arrows = self._bound and not self._bound.keys().isdisjoint(track.line_no)
        if self._observer is None and not has_arrows and is_plain(track, track.in_order(self._order.rank)):
            return
        record = self._observer.track(pid, tid) if self._observer is not None and track.phases else None
        stack = SliceStack(self._names, self._report, record=record)
        waiting: list[tuple[Id, int]] = []
        for at in chain.from_iterable(track.in_order(self._order.rank)):
            phase = chr(track.phases[at])
            ts, name, cat, line_no = track.ts[at], track.name[at], track.cat[at], track.line_no[at]
            started = False
            match phase:
                case "X":
                    started = stack.start(ts, track.dur[at], name or self._unnamed, cat, line_no, is_x=True)
                case "B":
                    started = stack.start(ts, PENDING, name or self._unnamed, cat, line_no)
                case "i":
                    started = stack.start(ts, 0, name, cat, line_no)
                case "E":
                    stack.end(ts, name, cat, line_no)
                case _:
                    pass
            if started and waiting:
                flows.arrive(waiting, ts, self._order.rank(ts, phase, track.dur[at]), line_no)
                if record is not None:
                    for _id, arrow in waiting:
                        record.bound(stack.top, arrow)
                waiting = []
            if bound := self._bound.get(line_no):
                flows.bind(bound, stack, ts, self._order.rank(ts, phase, track.dur[at]), line_no)
                if bound.step == "await":
                    waiting.append((bound.id, line_no))
                elif record is not None and phase in "stf" and stack:
                    record.bound(stack.top, line_no)
        stack.finish()
        flows.never_arrive(waiting)
