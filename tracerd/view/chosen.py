"""A part of a trace: what `--where` leaves of it, or what is not of its processes."""

from array import array
from collections.abc import Callable
from copy import copy

from tracerd.builds.reader import STEP_CATS
from tracerd.builds.steps import Build
from tracerd.query.where import Where
from tracerd.replay.observer import NO_PARENT
from tracerd.rows.recording import Recording
from tracerd.rows.spans import ERROR, INSTANT, Id, Spans
from tracerd.trace_json.begin_marks import UNFINISHED_CAT
from tracerd.view.span_columns import rows
from tracerd.view.tree import is_log


class ChosenSpans(Spans):
    """Some spans of a track. Their self times are those in the whole track.

    Args:
        track: All of them.
        keep: The index of each that is kept, in order.
    """

    def __init__(self, track: Spans, keep: "array[int]") -> None:
        super().__init__(track.pid, track.tid, (), _no_tick)
        self.is_async = track.is_async
        everything = track.self_times()
        self._self_times = array("q", (everything[at] for at in keep))
        kept_pids: list[Id | None] = []
        nearest = array("i", [NO_PARENT]) * len(track.flags)  # the kept span that each is, or lies in
        for new, at in enumerate(keep):
            nearest[at] = new
        for at, parent in enumerate(track.parent):
            if nearest[at] == NO_PARENT and parent != NO_PARENT:
                nearest[at] = nearest[parent]
        for at in keep:
            parent = track.parent[at]
            self.ts.append(track.ts[at])
            self.dur.append(track.dur[at])
            self.name.append(track.name[at])
            self.cat.append(track.cat[at])
            self.parent.append(NO_PARENT if parent == NO_PARENT else nearest[parent])
            self.flags.append(track.flags[at])
            if track.line:
                self.line.append(track.line[at])
                self.end_line.append(track.end_line[at])
            if track.is_async:
                kept_pids.append(track.pid_of(at))
        self._pids = kept_pids

    def self_times(self, first: int = 0, end: int | None = None) -> "array[int]":
        """Of each span the part of its duration in which no finished child ran, whether that was kept or not."""
        return self._self_times[first:end]


def _no_tick() -> None:
    pass


def choose(recording: Recording, where: Where | None, *, with_logs: bool = False) -> Recording:
    """A trace with some of its spans, and of its processes those that have one of them.

    Args:
        recording: The trace.
        where: The condition, on span_columns.TYPES; None keeps all.
        with_logs: Whether the log events in a span that is kept are kept with it.
    """
    if where is None:
        return recording

    def kept(track: Spans) -> "array[int]":
        if not where.inputs:  # the condition is a constant
            return array("i", range(len(track.flags)) if where.passes() else ())
        passes = where.passes
        values = rows(recording, track, where.inputs)
        kept = array("i", (at for at, row in enumerate(values) if passes(*row)))
        return _with_logs(recording, track, kept) if with_logs else kept

    return _keeping(recording, kept)


def _with_logs(recording: Recording, track: Spans, kept: "array[int]") -> "array[int]":
    """Some spans of a track, and the log events that lie in them, at any depth."""
    is_inside = bytearray(len(track.flags))
    for at in kept:
        is_inside[at] = True
    found = array("i")
    chosen = set(kept)
    for at, parent in enumerate(track.parent):
        is_inside[at] |= parent != NO_PARENT and is_inside[parent]
        if at in chosen or (is_inside[at] and is_log(recording, track, at)):
            found.append(at)
    return found


def without_steps(recording: Recording, build: Build) -> Recording:
    """A trace without what `tracerd exec` has recorded of its processes: what these have written by themselves."""
    of_steps = {recording.names[cat] for cat in STEP_CATS}
    unfinished = recording.names[UNFINISHED_CAT]
    begun = {(step.pid, program.start) for step in build.steps for program in step.programs if "end" in program.args}

    def kept(track: Spans) -> "array[int]":
        return array(
            "i",
            (
                at
                for at, cat in enumerate(track.cat)
                if cat not in of_steps and (cat != unfinished or (track.pid_of(at), track.ts[at]) not in begun)
            ),
        )

    return _keeping(recording, kept)


def unfinished(recording: Recording) -> Recording:
    """The spans of a trace that have not ended."""

    def kept(track: Spans) -> "array[int]":
        lasts = zip(track.dur, track.flags, strict=True)
        return array("i", (at for at, (dur, flags) in enumerate(lasts) if dur < 0 and not flags & INSTANT))

    return _keeping(recording, kept)


def failed(recording: Recording, *, with_logs: bool = False) -> Recording:
    """The spans and instants of a trace that report an error, and the spans that have not ended.

    Args:
        recording: The trace.
        with_logs: Whether the log events in one of these spans are kept with it.
    """

    def kept(track: Spans) -> "array[int]":
        lasts = enumerate(zip(track.dur, track.flags, strict=True))
        kept = array("i", (at for at, (dur, flags) in lasts if flags & ERROR or (dur < 0 and not flags & INSTANT)))
        return _with_logs(recording, track, kept) if with_logs else kept

    return _keeping(recording, kept)


def _keeping(recording: Recording, kept: "Callable[[Spans], array[int]]") -> Recording:
    chosen = copy(recording)
    chosen.tracks = []
    found: set[Id | None] = set()
    for track in recording.tracks:
        if keep := kept(track):
            part = ChosenSpans(track, keep)
            chosen.tracks.append(part)
            found.update(map(part.pid_of, range(len(keep))) if part.is_async else [part.pid])
    chosen.processes = {pid: process for pid, process in recording.processes.items() if pid in found}
    return chosen
