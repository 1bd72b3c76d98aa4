"""What a recording must be: by the replay of `check`, which takes every event the exact way."""

from collections import Counter

import msgspec

from tracerd.replay.events import Event, Unset
from tracerd.replay.kinds import BLANK_LINE, LEFT_OUT, NEGATIVE_TS, NOT_JSON, OVERLAP, TOO_DEEP, TORN_LINE, Findings
from tracerd.replay.player import Player
from tracerd.replay.threads import Thread
from tracerd.rows.error_events import is_error
from tracerd.rows.process import Process
from tracerd.rows.recording import Recording
from tracerd.rows.spans import Id, Spans
from tracerd.trace_json.tef import COMPLETE, METADATA

LEFT_OUT_KINDS = (LEFT_OUT, NOT_JSON, BLANK_LINE, TORN_LINE, NEGATIVE_TS)


class _Observer:
    """Takes each event and each span; see `replay.observer.Observer`."""

    def __init__(self) -> None:
        self.processes: dict[Id, Process] = {}
        self.tracks: list[Spans] = []
        self.phases: Counter[str] = Counter()
        self.error_lines: set[int] = set()
        self._named: dict[tuple[Id, Id | None], int] = {}

    def take(self, line_no: int, event: Event, thread: Thread, ts: int, dur: int, /) -> None:
        phase = event.ph[0]
        self.phases[phase] += 1
        pid = thread.process.pid
        process = self.processes.setdefault(pid, Process(pid))
        process.events += 1
        if phase == METADATA:
            self._take_name(event, process, thread, ts)
            return
        if process.start is None:
            process.start = process.end = ts
        process.start = min(process.start, ts)
        process.end = max(process.end, ts + dur if phase == COMPLETE and dur > 0 else ts)
        if not isinstance(event.args, Unset) and is_error(event.args):
            process.errors += 1
            self.error_lines.add(line_no)

    def _take_name(self, event: Event, process: Process, thread: Thread, ts: int) -> None:
        if event.name not in ("process_name", "thread_name") or isinstance(event.args, Unset):
            return
        tid = thread.tid if event.name == "thread_name" else None
        name = _name_in(event.args)
        if not name or ts < self._named.get((process.pid, tid), ts):
            return
        self._named[process.pid, tid] = ts
        if tid is None:
            process.name = name
        else:
            process.threads[tid] = name

    def track(self, pid: Id | None, tid: Id | None, /) -> Spans:
        self.tracks.append(Spans(pid, tid, self.error_lines, lambda: None, keeps_lines=True))
        return self.tracks[-1]


def _name_in(args: msgspec.Raw) -> str:
    """What the args of metadata give as a name; empty if they give none."""
    try:
        name = msgspec.json.decode(args, type=dict[str, object]).get("name")
    except msgspec.ValidationError:
        return ""
    return name if isinstance(name, str) else ""


def read_exactly(log: bytes) -> Recording:
    """A log as a recording."""
    observer, findings = _Observer(), Findings(0)
    player = Player(findings, observer)
    player.feed(log)
    player.finish()
    timed = [process for process in observer.processes.values() if process.start is not None]
    return Recording(
        names=player.names,
        processes=observer.processes,
        tracks=observer.tracks,
        phases=observer.phases,
        left_out=sum(findings.counts[kind] for kind in LEFT_OUT_KINDS),
        overlapping=findings.counts[OVERLAP] + findings.counts[TOO_DEEP],
        start=min((process.start or 0 for process in timed), default=0),
        end=max((process.end for process in timed), default=0),
    )


def lines_of(recording: Recording) -> list[tuple[list[int], list[int]]]:
    """The lines of the spans of each track, and of their ends."""
    return [(list(track.line), list(track.end_line)) for track in recording.tracks if track.flags]


def described(recording: Recording) -> dict[str, object]:
    """All of a recording, as what can be compared: names instead of their numbers."""
    text = recording.names.text

    def spans_of(track: Spans) -> list[tuple[object, ...]]:
        columns = zip(track.ts, track.dur, track.name, track.cat, track.parent, track.flags, strict=True)
        return [
            (ts, dur, text(name), text(cat), parent, flags, track.pid_of(at))
            for at, (ts, dur, name, cat, parent, flags) in enumerate(columns)
        ]

    return {
        "processes": list(recording.processes.items()),
        "tracks": [
            (track.is_async, None if track.is_async else track.pid, track.tid, spans_of(track))
            for track in recording.tracks
            if track.flags
        ],
        "phases": list(recording.phases.items()),
        "left_out": recording.left_out,
        "overlapping": recording.overlapping,
        "times": (recording.start, recording.end),
    }
