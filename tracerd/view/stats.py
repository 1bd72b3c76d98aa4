"""The figures of a whole trace, for people and for scripts: the thinking of `tracerd stats`."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from tracerd.query.keys import input_text
from tracerd.rows.recording import Recording
from tracerd.rows.spans import INSTANT, Id
from tracerd.text import encodable, plural, printable
from tracerd.view import concurrency
from tracerd.view.attributes import attribute_lines
from tracerd.view.concurrency import AtOnce
from tracerd.view.groups import BY_PROCESS, By, Figures, Key, by_label, collect, key_label
from tracerd.view.tables import duration_text, microseconds, more_text, process_json, process_label, table
from tracerd.view.tree import pieces_of

SHOWN = 20
"""Rows of each table that a person is shown, unless asking for more."""

BARS = " ▁▂▃▄▅▆▇█"
ASCII_BARS = " .:-=+*%#"
"""What a plot is drawn with, from nothing to all; the second for outputs that cannot write the first."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A span that was never ended, or has a negative duration."""

    name: str
    pid: Id
    tid: Id | None
    start: int


class Stats:
    """The figures of a trace.

    Args:
        recording: The trace.
        by: What its spans are grouped by.
    """

    def __init__(self, recording: Recording, by: By) -> None:
        self._recording = recording
        self._by = by
        self._groups = collect(recording, by)
        self._processes = sorted(recording.processes.values(), key=lambda process: -process.dur)
        self._spans_of: Counter[Id] = Counter()
        for track in recording.tracks:
            for pid, (_, first, end) in pieces_of(track):
                self._spans_of[pid] += track.count_spans(first, end)
        self._unfinished = sorted(_unfinished(recording), key=lambda span: span.start)
        self._at_once: dict[str, AtOnce] = {}
        for what, intervals_of in (
            ("processes", concurrency.processes),
            ("tracks", concurrency.tracks),
            ("spans", concurrency.spans),
        ):
            self._at_once[what] = intervals_of(recording).at_once(recording.start, recording.end)

    @property
    def spans(self) -> int:
        """How many spans there are, unfinished ones too."""
        return self._spans_of.total()

    # ---------------------------------------------------------- for scripts

    def as_json(self, trace_id: str, top: int | None) -> dict[str, object]:
        """All of it, as in docs/view.md.

        Args:
            trace_id: The trace.
            top: Rows of each list at most; None for all.
        """
        recording = self._recording
        return {
            "trace_id": encodable(trace_id),
            **({"attributes": recording.attributes} if recording.attributes else {}),
            "start_us": microseconds(recording.start),
            "end_us": microseconds(recording.end),
            "dur_us": microseconds(recording.end - recording.start),
            "events": recording.events,
            "left_out": recording.left_out,
            "phases": dict(recording.phases.most_common()),
            "spans": self.spans,
            "unfinished": len(self._unfinished),
            "overlapping": recording.overlapping,
            "errors": sum(process.errors for process in recording.processes.values()),
            "by": by_label(self._by),
            "groups": self.groups_json(top),
            "processes": [process_json(process, self._spans_of[process.pid]) for process in self._processes[:top]],
            "unfinished_spans": [
                {"name": span.name, "pid": span.pid, "tid": span.tid, "start_us": microseconds(span.start)}
                for span in self._unfinished[:top]
            ],
            "at_once": {
                what: {
                    "peak": found.peak,
                    "mean": round(found.mean, 3),
                    "over_time": [round(mean, 3) for mean in found.over_time],
                }
                for what, found in self._at_once.items()
            },
        }

    def groups_json(self, top: int | None) -> list[dict[str, object]]:
        """The figures of each group, the largest total first."""
        return [self._group(key, figures) for key, figures in islice(self._groups.items(), top)]

    def _group(self, key: Key, figures: Figures) -> dict[str, object]:
        if isinstance(key, tuple):
            return dict(zip(map(input_text, self._by), key, strict=True)) | figures_json(figures)
        if self._by == BY_PROCESS:
            return {"pid": key, "process": self._recording.processes[key].name} | figures_json(figures)
        return {by_label(self._by): key} | figures_json(figures)

    # ---------------------------------------------------------- for people

    def as_text(self, trace_id: str, top: int, bars: str = BARS) -> Iterator[str]:
        """All of it, in lines.

        Args:
            trace_id: The trace.
            top: Rows of each table at most.
            bars: What to draw with.
        """
        recording = self._recording
        counted = [
            duration_text(recording.end - recording.start),
            plural(len(recording.processes), "process"),
            plural(recording.events, "event"),
            plural(self.spans, "span"),
        ]
        if self._unfinished:
            counted.append(f"{len(self._unfinished):,} unfinished")
        if errors := sum(process.errors for process in recording.processes.values()):
            counted.append(plural(errors, "error"))
        yield f"{printable(trace_id)}: {', '.join(counted)}"
        phases = (f"{printable(phase)} {count:,}" for phase, count in recording.phases.most_common())
        yield from attribute_lines(recording.attributes)
        yield f"events by phase: {', '.join(phases)}"
        if recording.overlapping:
            yield f"{plural(recording.overlapping, 'span')} of these overlap others of the same thread"
        if self._groups:
            yield ""
            yield from self.group_table(top)
        yield ""
        yield from self._process_table(top)
        if self._unfinished:
            yield ""
            yield from self._unfinished_table(top)
        yield ""
        yield from self._plot(bars)

    def group_table(self, top: int) -> Iterator[str]:
        """The figures of each group in lines."""
        rows: list[list[str]] = []
        for key, figures in islice(self._groups.items(), top):
            label = key_label(key) or "(none)"
            if self._by == BY_PROCESS and not isinstance(key, tuple):
                label = process_label(self._recording, key)
            times = [duration_text(time) for time in figures.times().values()]
            rows.append([label, f"{figures.count:,}", *times])
        yield from table(
            [by_label(self._by), "count", "total", "self", "min", "mean", "p50", "p90", "p99", "max"], rows
        )
        yield from more_text(len(self._groups), top)

    def _process_table(self, top: int) -> Iterator[str]:
        rows: list[list[str]] = []
        for process in self._processes[:top]:
            times = ["", ""]
            if process.start is not None:
                times = [duration_text(process.start - self._recording.start), duration_text(process.dur)]
            counts = (process.events, self._spans_of[process.pid], process.errors)
            rows.append([process_label(self._recording, process.pid), *times, *(f"{count:,}" for count in counts)])
        yield from table(["process", "start", "duration", "events", "spans", "errors"], rows)
        yield from more_text(len(self._processes), top)

    def _unfinished_table(self, top: int) -> Iterator[str]:
        rows = [
            [span.name, duration_text(span.start - self._recording.start), process_label(self._recording, span.pid)]
            for span in self._unfinished[:top]
        ]
        yield from table(["unfinished span", "start", "process"], rows)
        yield from more_text(len(self._unfinished), top)

    def _plot(self, bars: str) -> Iterator[str]:
        """One line for each; a column is full where as many ran all the time as ran at most."""
        width = duration_text((self._recording.end - self._recording.start) // concurrency.COLUMNS)
        yield f"at once, over time ({width} a column)"
        for what, found in self._at_once.items():
            plot = bars_of(found.over_time, found.peak, bars)
            yield f"{what:<9}  |{plot}|  {found.mean:,.1f} on average, at most {found.peak:,}"


def figures_json(figures: Figures) -> dict[str, object]:
    """Figures as JSON has them; times are null without a finished span."""
    times = figures.times()
    return {
        "count": figures.count,
        "unfinished": figures.unfinished,
        "errors": figures.errors,
        **{f"{name}_us": microseconds(times[name]) if times else None for name in TIMES},
    }


TIMES = ("total", "self", "min", "mean", "p50", "p90", "p99", "max")


def _unfinished(recording: Recording) -> Iterator[Unfinished]:
    for track in recording.tracks:
        if min(track.dur, default=0) >= 0:
            continue
        for at, dur in enumerate(track.dur):
            pid = track.pid_of(at) if dur < 0 and not track.flags[at] & INSTANT else None
            if pid is not None:
                yield Unfinished(recording.names.text(track.name[at]), pid, track.tid, track.ts[at])


def bars_of(over_time: list[float], peak: int, bars: str) -> str:
    """One character for each mean; full where as many ran all the time as ran at most."""
    return "".join(bars[_height(mean, peak)] for mean in over_time)


def _height(mean: float, peak: int) -> int:
    """The bar for a part of the peak: none only for nothing."""
    return min(math.ceil(mean / max(peak, 1) * (len(BARS) - 1)), len(BARS) - 1)
