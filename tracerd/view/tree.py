"""A trace as a tree: processes, and in each the spans as they lie in one another."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tracerd.replay.observer import NO_PARENT
from tracerd.rows.event import LOG
from tracerd.rows.levels import level_of
from tracerd.rows.process import Process
from tracerd.rows.recording import Recording
from tracerd.rows.spans import ERROR, INSTANT, OVERLAPPING, Id, Spans
from tracerd.rows.table_values import at_path, message_of


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """A process; its spans follow.

    Attributes:
        process: The process.
        spans: How many spans it has, shown or not.
    """

    process: Process
    spans: int


@dataclass(frozen=True, slots=True)
class SpanRow:
    """A span, or an instant that reports an error; times are in ns.

    Attributes:
        pid: The process.
        tid: The thread; None for async spans, and for instants of a process.
        depth: How many spans it lies in.
        name: What it is called.
        cat: Its category.
        start: When it begins.
        dur: How long it is; None if it was never ended, or has a negative duration.
        self_time: The part of that in which no finished child ran.
        is_error: Whether it reports an error.
        is_overlapping: Whether it overlaps others of its thread.
        is_instant: Whether it is an instant.
        is_async: Whether it is async.
    """

    pid: Id
    tid: Id | None
    depth: int
    name: str
    cat: str
    start: int
    dur: int | None
    self_time: int | None
    is_error: bool
    is_overlapping: bool
    is_instant: bool
    is_async: bool


@dataclass(frozen=True, slots=True)
class LogRow:
    """A log event, below the span in which it was written.

    Attributes:
        pid: The process.
        tid: The thread; None for one of the whole process.
        depth: How many of the levels that are shown it lies in.
        level: One of `rows.levels.LEVELS`.
        message: What it says.
        start: When it was written, in ns.
        is_error: Whether it reports an error.
        is_async: Whether it is of no thread.
    """

    pid: Id
    tid: Id | None
    depth: int
    level: str
    message: str
    start: int
    is_error: bool
    is_async: bool


Row = ProcessRow | SpanRow | LogRow

Piece = tuple[Spans, int, int]
"""A part of a track: from an outermost span on, up to another one."""


@dataclass(slots=True)
class Tree:
    """What of a trace is to be shown.

    Attributes:
        recording: The trace.
        max_depth: Of so many levels; None for all, 0 for processes only.
        min_dur: Leave out shorter spans, in ns; one that was never ended is taken to last as long as its process.
        pids: Of these processes only; none for all.
        logs: Show log events too, whose args were read: `LOG_INPUTS` of the recording's details.
        hidden: How many spans were too short, when all rows have been taken.
    """

    recording: Recording
    max_depth: int | None = None
    min_dur: int = 0
    pids: frozenset[Id] = frozenset()
    logs: bool = False
    hidden: int = 0

    def rows(self) -> Iterator[Row]:
        """Processes by their start, each with its spans: thread after thread, each in the order of time."""
        pieces: dict[Id, list[Piece]] = {}
        for track in self.recording.tracks:
            for pid, piece in pieces_of(track):
                pieces.setdefault(pid, []).append(piece)
        for process in sorted(self.recording.processes.values(), key=_start):
            if not self.pids or process.pid in self.pids:
                own = pieces.get(process.pid, [])
                yield ProcessRow(process, sum(track.count_spans(first, end) for track, first, end in own))
                if self.max_depth != 0:
                    for piece in own:
                        yield from self._spans(process, *piece)

    def _spans(self, process: Process, track: Spans, first: int, end: int) -> Iterator[SpanRow | LogRow]:
        self_times = track.self_times(first, end)
        depths = array("i")
        for at in range(first, end):
            ts, dur, parent, flags = track.ts[at], track.dur[at], track.parent[at], track.flags[at]
            depth = 0 if parent == NO_PARENT else depths[parent - first] + 1
            depths.append(depth)
            if self.logs and is_log(self.recording, track, at):
                yield self._log(process, track, at, depth)
                continue
            if (self.max_depth is not None and depth >= self.max_depth) or (flags & INSTANT and not flags & ERROR):
                continue
            if not flags & INSTANT and (dur if dur >= 0 else process.end - ts) < self.min_dur:
                self.hidden += 1
                continue
            names = self.recording.names
            yield SpanRow(
                process.pid,
                track.tid,
                depth,
                names.text(track.name[at]),
                names.text(track.cat[at]),
                ts,
                dur if dur >= 0 else None,
                self_times[at - first] if dur >= 0 else None,
                bool(flags & ERROR),
                bool(flags & OVERLAPPING),
                bool(flags & INSTANT),
                track.is_async,
            )

    def _log(self, process: Process, track: Spans, at: int, depth: int) -> LogRow:
        details = self.recording.details
        args = details.args(track.line[at], track.end_line[at]) if details else None
        return LogRow(
            process.pid,
            track.tid,
            depth if self.max_depth is None else min(depth, self.max_depth),
            level_of(at_path(args, ("level",))),
            message_of(at_path(args, ("message",)), self.recording.names.text(track.name[at])),
            track.ts[at],
            bool(track.flags[at] & ERROR),
            track.is_async,
        )


LOG_INPUTS: Final = (("level",), ("message",))
"""The paths in args that log rows are made of."""


def is_log(recording: Recording, track: Spans, at: int) -> bool:
    """Whether something on a track is a log event."""
    return bool(track.flags[at] & INSTANT) and recording.names.text(track.cat[at]) == LOG


def _start(process: Process) -> tuple[bool, int]:
    return process.start is None, process.start or 0


def pieces_of(track: Spans) -> Iterator[tuple[Id, Piece]]:
    """What belongs to one process each: all of a thread; of an async track outermost spans with all inside them."""
    if not track.is_async:
        if track.pid is not None:
            yield track.pid, (track, 0, len(track.flags))
        return
    first = 0
    pid: Id | None = None
    for at, parent in enumerate(track.parent):
        if parent == NO_PARENT and track.pid_of(at) != pid:
            if pid is not None:
                yield pid, (track, first, at)
            first, pid = at, track.pid_of(at)
    if pid is not None:
        yield pid, (track, first, len(track.flags))
