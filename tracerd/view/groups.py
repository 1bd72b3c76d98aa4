"""Figures of spans, by name, by category or by process: how many, how long, how they are spread."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tracerd.rows.recording import Recording
from tracerd.rows.spans import ERROR, INSTANT, Id, Spans

By = Literal["name", "cat", "process"]

PERCENTILES = (50, 90, 99)


@dataclass(slots=True)
class Figures:
    """What is known of a group of spans; times are in ns.

    Attributes:
        durations: Of each finished span; in order of length after `finish`.
        total: Their sum: a span inside another one of its group counts in both.
        self_total: The sum of their self times.
        unfinished: How many spans were never ended, or have a negative duration: no other figure counts them.
        errors: How many spans, unfinished ones too, report an error.
    """

    durations: "array[int]" = field(default_factory=lambda: array("q"))
    total: int = 0
    self_total: int = 0
    unfinished: int = 0
    errors: int = 0

    @property
    def count(self) -> int:
        """How many finished spans there are."""
        return len(self.durations)

    @property
    def mean(self) -> int:
        """The mean duration, rounded; of none 0."""
        return (self.total + self.count // 2) // self.count if self.count else 0

    def add(self, other: "Figures") -> None:
        """Take in the spans of another group."""
        self.durations.extend(other.durations)
        self.total += other.total
        self.self_total += other.self_total
        self.unfinished += other.unfinished
        self.errors += other.errors

    def finish(self) -> None:
        """Put the durations in order."""
        self.durations = array("q", sorted(self.durations))

    def times(self) -> dict[str, int]:
        """The figures that are times, by their names in tables; without a finished span none."""
        if not self.count:
            return {}
        return {
            "total": self.total,
            "self": self.self_total,
            "min": self.durations[0],
            "mean": self.mean,
            **{f"p{percent}": percentile(self.durations, percent) for percent in PERCENTILES},
            "max": self.durations[-1],
        }


def percentile(ordered: Sequence[int], percent: int) -> int:
    """The percentile of values in order, by linear interpolation between the two that are nearest; rounded.

    Of n values the first is percentile 0 and the last is percentile 100, as in numpy and in spreadsheets.
    """
    at, rest = divmod((len(ordered) - 1) * percent, 100)
    if not rest:
        return ordered[at]
    return (ordered[at] * (100 - rest) + ordered[at + 1] * rest + 50) // 100


def collect(recording: Recording, by: By) -> dict[Id, Figures]:
    """The figures of all spans.

    Returns:
        By name, by category, or by pid; the largest total first.
    """
    found: dict[int | str, Figures] = {}
    for spans in recording.tracks:
        _add(found, spans, spans.name if by == "name" else spans.cat if by == "cat" else None)
    if by != "process":
        found = {recording.names.text(int(number)): figures for number, figures in found.items()}
    for figures in found.values():
        figures.finish()
    return dict(sorted(found.items(), key=lambda item: (-item[1].total, str(item[0]))))


def _add(found: dict[int | str, Figures], spans: Spans, keys: "array[int] | None") -> None:
    self_times = spans.self_times()
    for at, (flags, dur) in enumerate(zip(spans.flags, spans.dur, strict=True)):
        if flags & INSTANT:
            continue
        key = spans.pid_of(at) if keys is None else keys[at]
        if key is None:  # only instants are of no process
            continue
        figures = found.get(key)
        if figures is None:
            figures = found[key] = Figures()
        if dur >= 0:
            figures.durations.append(dur)
            figures.total += dur
            figures.self_total += self_times[at]
        else:
            figures.unfinished += 1
        if flags & ERROR:
            figures.errors += 1
