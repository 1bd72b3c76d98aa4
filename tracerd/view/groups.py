"""Figures of spans, by name, by process or by any columns: how many, how long, how they are spread."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from tracerd.query.aggregate import PER_PERCENT, rounded_mean, rounded_percentile
from tracerd.query.keys import input_text, key_text
from tracerd.replay.windows import WINDOW, sort
from tracerd.rows.columns import Input
from tracerd.rows.recording import Recording
from tracerd.rows.spans import ERROR, INSTANT, Id, Spans
from tracerd.view.span_columns import rows

By = tuple[Input, ...]
"""What spans are grouped by: columns, or paths in args. `process` alone means each process, not each name of some."""

BY_PROCESS: By = ("process",)

Key = Id | tuple[object, ...]
"""What the spans of a group have in common: a name, a category, a pid; or the values of several columns."""

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
        return rounded_mean(self.total, self.count)

    def add(self, other: "Figures") -> None:
        """Take in the spans of another group."""
        self.durations.extend(other.durations)
        self.total += other.total
        self.self_total += other.self_total
        self.unfinished += other.unfinished
        self.errors += other.errors

    def finish(self) -> None:
        """Put the durations in order."""
        sort(self.durations)

    def times(self) -> dict[str, int]:
        """The figures that are times, by their names in tables; without a finished span none."""
        if not self.count:
            return {}
        return {
            "total": self.total,
            "self": self.self_total,
            "min": self.durations[0],
            "mean": self.mean,
            **{f"p{percent}": rounded_percentile(self.durations, percent * PER_PERCENT) for percent in PERCENTILES},
            "max": self.durations[-1],
        }


def collect(recording: Recording, by: By) -> dict[Key, Figures]:
    """The figures of all spans.

    Returns:
        By name, by category, by pid, or by values; the largest total first.
    """
    found: dict[Key, Figures] = {}
    for spans in recording.tracks:
        _add(found, spans, _keys(recording, spans, by))
    if by in _NUMBERED:
        found = {recording.names.text(int(str(number))): figures for number, figures in found.items()}
    for figures in found.values():
        figures.finish()
    return dict(sorted(found.items(), key=lambda item: (-item[1].total, key_label(item[0]))))


_NUMBERED: Final = (("name",), ("cat",))


def _keys(recording: Recording, spans: Spans, by: By) -> Iterable[Key | None]:
    """The key of each span, as a number where it stands for a text; None for instants of no process."""
    if by == ("name",):
        return spans.name
    if by == ("cat",):
        return spans.cat
    if by == BY_PROCESS:
        return spans.pids()
    return rows(recording, spans, by)


def key_label(key: Key) -> str:
    """A key as people read it."""
    return key_text(key) if isinstance(key, tuple) else str(key)


def by_label(by: By) -> str:
    """What spans are grouped by, as people write it."""
    return ",".join(map(input_text, by))


def _add(found: dict[Key, Figures], spans: Spans, keys: Iterable[Key | None]) -> None:
    values = zip(keys, spans.dur, spans.self_times(), spans.flags, strict=True)
    while _add_some(found, islice(values, WINDOW)):
        pass


def _add_some(found: dict[Key, Figures], values: Iterable[tuple[Key | None, int, int, int]]) -> bool:
    """Take in some spans, of which there may be objects; False if there are none."""
    times: dict[Key, tuple[list[int], list[int]]] = {}  # the durations, and the self times
    flags = None
    for key, dur, self_time, flags in values:
        if flags or dur < 0 or key is None:
            if flags & INSTANT or key is None:  # only instants are of no process
                continue
            figures = found.setdefault(key, Figures())
            figures.errors += bool(flags & ERROR)
            if dur < 0:
                figures.unfinished += 1
                continue
        try:
            durations, self_times = times[key]
        except KeyError:
            durations, self_times = times[key] = [], []
            found.setdefault(key, Figures())
        durations.append(dur)
        self_times.append(self_time)
    for key, (durations, self_times) in times.items():
        figures = found[key]
        figures.durations.fromlist(durations)
        figures.total += sum(durations)
        figures.self_total += sum(self_times)
    return flags is not None
