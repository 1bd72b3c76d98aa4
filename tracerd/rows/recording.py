"""All that the views know of a trace: its processes, its spans as Perfetto nests them, its events by phase.

Strategy: what `tracerd check` plays to find faults is recorded here. So there is one matching of begins and ends, one
order of events and one nesting, and the tests compare them with those of the real Perfetto.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from tracerd.core.tef import COMPLETE, METADATA
from tracerd.replay.events import Event, Unset
from tracerd.replay.kinds import BLANK_LINE, LEFT_OUT, NEGATIVE_TS, NOT_JSON, OVERLAP, TOO_DEEP, TORN_LINE, Findings
from tracerd.replay.player import Player
from tracerd.replay.slices import Names
from tracerd.replay.threads import Thread
from tracerd.rows.error_events import is_error, may_have_errors
from tracerd.rows.spans import Id, Spans


@dataclass(slots=True)
class Process:
    """A process of a trace.

    Attributes:
        pid: As Perfetto takes it: 0 without one; a string is a name.
        name: What its events call it; empty if they do not.
        threads: The names of its threads that have one.
        events: How many events it has written, metadata too.
        errors: How many of them report an error.
        start: When its first event is, in ns; None if it has written nothing but metadata.
        end: When its last event is over.
    """

    pid: Id
    name: str = ""
    threads: dict[Id, str] = field(default_factory=dict[Id, str])
    events: int = 0
    errors: int = 0
    start: int | None = None
    end: int = 0

    @property
    def dur(self) -> int:
        """From its first event to the end of its last one, in ns."""
        return 0 if self.start is None else self.end - self.start


_LEFT_OUT = (LEFT_OUT, NOT_JSON, BLANK_LINE, TORN_LINE, NEGATIVE_TS)


class _Name(msgspec.Struct):
    name: str


_NAME = msgspec.json.Decoder(_Name)


class Recording:
    """A trace that has been read.

    Attributes:
        names: What the numbers of names and cats stand for.
        processes: By pid, in the order in which they were met.
        tracks: What ran on them.
        phases: How many events there are of each phase.
        left_out: How many lines are none that Perfetto would read, or have a negative ts, which it drops.
        overlapping: How many spans overlap others of their thread, or lie too deep: they have no parent here.
        start: When the first event is, in ns; metadata do not count.
        end: When the last event is over.
        may_have_errors: Whether the next events may be errors; else `is_error` is not called.

    Args:
        tick: Called every now and then while spans are played; it may raise to give up.
    """

    def __init__(self, tick: Callable[[], None]) -> None:
        self.names = Names()
        self.processes: dict[Id, Process] = {}
        self.tracks: list[Spans] = []
        self.phases: Counter[str] = Counter()
        self.left_out = 0
        self.overlapping = 0
        self.start = 0
        self.end = 0
        self.may_have_errors = True
        self._tick = tick
        self._error_lines = array("q")
        self._named: dict[tuple[Id, Id | None], int] = {}  # when each was named

    def take(self, line_no: int, event: Event, thread: Thread, ts: int, dur: int, /) -> None:
        """Take an event; see `Observer`."""
        phase = event.ph[0]
        self.phases[phase] += 1
        pid = thread.process.pid
        process = self.processes.get(pid)
        if process is None:
            process = self.processes[pid] = Process(pid)
        process.events += 1
        if phase == METADATA:
            self._take_name(event, process, thread, ts)
            return
        if process.start is None:
            process.start = process.end = ts
        elif ts < process.start:
            process.start = ts
        if phase == COMPLETE and dur > 0:
            ts += dur
        if ts > process.end:
            process.end = ts
        if self.may_have_errors and not isinstance(event.args, Unset) and is_error(event.args):
            process.errors += 1
            self._error_lines.append(line_no)

    def _take_name(self, event: Event, process: Process, thread: Thread, ts: int) -> None:
        """Name a process or a thread; the latest counts, and of equal times the last."""
        if event.name not in ("process_name", "thread_name") or isinstance(event.args, Unset):
            return
        tid = thread.tid if event.name == "thread_name" else None
        try:
            name = _NAME.decode(event.args).name
        except msgspec.ValidationError:  # Perfetto takes no other
            return
        if not name or ts < self._named.get((process.pid, tid), ts):
            return
        self._named[process.pid, tid] = ts
        if tid is None:
            process.name = name
        else:
            process.threads[tid] = name

    def track(self, pid: Id | None, tid: Id | None, /) -> Spans:
        """The record for a track; see `Observer`."""
        self.tracks.append(Spans(self._error_lines, self._tick, pid, tid))
        return self.tracks[-1]

    @property
    def events(self) -> int:
        """How many events there are."""
        return self.phases.total()

    def end_of(self, pid: Id | None) -> int:
        """When a process was over, and with it what it never ended."""
        return self.end if pid is None else self.processes[pid].end


def read(blocks: Iterable[bytes], tick: Callable[[], None] = lambda: None) -> Recording:
    """Read a trace.

    Args:
        blocks: Its log, in whole lines; only the very last may lack its newline.
        tick: Called every now and then after the last block.
    """
    recording = Recording(tick)
    findings = Findings(0)
    player = Player(findings, recording)
    for block in blocks:
        recording.may_have_errors = may_have_errors(block)
        player.feed(block)
    player.finish()
    recording.names = player.names
    recording.left_out = sum(findings.counts[kind] for kind in _LEFT_OUT)
    recording.overlapping = findings.counts[OVERLAP] + findings.counts[TOO_DEEP]
    timed = [process for process in recording.processes.values() if process.start is not None]
    recording.start = min((process.start or 0 for process in timed), default=0)
    recording.end = max((process.end for process in timed), default=0)
    return recording
