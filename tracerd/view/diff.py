"""Two traces side by side: the thinking of `tracerd diff`."""

from collections.abc import Iterator
from dataclasses import dataclass

from tracerd.rows.recording import Recording
from tracerd.text import encodable, plural, printable
from tracerd.view.groups import BY_PROCESS, By, Figures, by_label, collect, key_label
from tracerd.view.stats import TIMES, figures_json
from tracerd.view.tables import duration_text, microseconds, more_text, shortened, table

WHOLE = "the whole trace"
"""What the duration of a trace is called among what has grown."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The figures of spans that are called the same in both traces; None where there are none."""

    name: str
    a: Figures | None
    b: Figures | None

    @property
    def growth(self) -> int:
        """By how much the total has grown, in ns."""
        return (self.b.total if self.b else 0) - (self.a.total if self.a else 0)

    @property
    def size(self) -> int:
        """The larger total."""
        return max(figures.total if figures else 0 for figures in (self.a, self.b))

    def numbers(self, figures: Figures | None) -> dict[str, int]:
        """Count and times of one side."""
        return {"count": figures.count, **figures.times()} if figures else {}

    def changes(self) -> dict[str, float | None]:
        """By what part of A each figure is larger in B; None where A has nothing to compare with."""
        a, b = self.numbers(self.a), self.numbers(self.b)
        return {name: change(a.get(name), b.get(name)) for name in ("count", *TIMES)}


@dataclass(frozen=True, slots=True)
class Grown:
    """A total, or the duration of the trace, that is larger in B by more than it may."""

    name: str
    change: float


def change(a: int | None, b: int | None) -> float | None:
    """By what part of `a` `b` is larger."""
    return (b - a) / a if a and b is not None else None


class Side:
    """What is compared of a trace, of which no more is kept.

    Args:
        recording: The trace.
        by: What its spans are grouped by; processes by name, as pids differ each time.

    Attributes:
        dur: How long it takes, in ns.
        events: How many events it has.
        left_out: How many lines are none that Perfetto would read.
        processes: How many processes it has.
        groups: The figures of its spans, by name.
    """

    def __init__(self, recording: Recording, by: By) -> None:
        self.dur = recording.end - recording.start
        self.events = recording.events
        self.left_out = recording.left_out
        self.processes = len(recording.processes)
        self.groups = _named(recording, by)


class Comparison:
    """Two traces, A before B.

    Args:
        a: The first trace.
        b: The second.
        by: What the spans of both are grouped by.
    """

    def __init__(self, a: Side, b: Side, by: By) -> None:
        self._a = a
        self._b = b
        self._by = by
        names = dict.fromkeys([*a.groups, *b.groups])
        pairs = [Pair(name, a.groups.get(name), b.groups.get(name)) for name in names]
        self.pairs = sorted(pairs, key=lambda pair: (-abs(pair.growth), -pair.size, pair.name))

    def grown(self, limit: float, min_total: int) -> list[Grown]:
        """What is larger in B by more than a part of A.

        Args:
            limit: The part.
            min_total: Do not look at names whose total is shorter in both traces, in ns.
        """
        found = [(WHOLE, change(self._a.dur, self._b.dur))]
        found += [(pair.name, pair.changes()["total"]) for pair in self.pairs if pair.size >= min_total]
        return [Grown(name, part) for name, part in found if part is not None and part > limit]

    # ---------------------------------------------------------- for scripts

    def as_json(self, ids: tuple[str, str], top: int | None) -> dict[str, object]:
        """All of it but what has grown, as in docs/view.md."""
        return {
            "a": _trace_json(ids[0], self._a),
            "b": _trace_json(ids[1], self._b),
            "by": by_label(self._by),
            "groups": [
                {
                    by_label(self._by): pair.name,
                    "a": figures_json(pair.a) if pair.a else None,
                    "b": figures_json(pair.b) if pair.b else None,
                    "change": {name: rounded(part) for name, part in pair.changes().items()},
                }
                for pair in self.pairs[:top]
            ],
        }

    # ---------------------------------------------------------- for people

    def as_text(self, ids: tuple[str, str], top: int) -> Iterator[str]:
        """All of it but what has grown, in lines."""
        for letter, trace_id, side in zip("AB", ids, (self._a, self._b), strict=True):
            counted = [duration_text(side.dur), plural(side.processes, "process"), plural(side.events, "event")]
            yield f"{letter}  {printable(trace_id)}: {', '.join(counted)}"
        if self.pairs:
            yield ""
            rows = [row for pair in self.pairs[:top] for row in _rows(pair)]
            yield from table([by_label(self._by), "", "count", *TIMES], rows)
            yield from more_text(len(self.pairs), top)


def _named(recording: Recording, by: By) -> dict[str, Figures]:
    """The figures by name; those of processes of one name together."""
    groups = collect(recording, by)
    found: dict[str, Figures] = {}
    for key, figures in groups.items():
        name = key_label(key)
        if by == BY_PROCESS and not isinstance(key, tuple):
            name = recording.processes[key].name or name
        found.setdefault(name, Figures()).add(figures)
    for figures in found.values():
        figures.finish()
    return found


def _trace_json(trace_id: str, side: Side) -> dict[str, object]:
    return {
        "trace_id": encodable(trace_id),
        "dur_us": microseconds(side.dur),
        "events": side.events,
        "left_out": side.left_out,
        "processes": side.processes,
    }


def _rows(pair: Pair) -> Iterator[list[str]]:
    name = shortened(printable(pair.name)) or "(none)"
    for letter, figures in (("A", pair.a), ("B", pair.b)):
        numbers = pair.numbers(figures)
        texts = [duration_text(numbers[time]) for time in TIMES if time in numbers]
        yield [name, letter, f"{numbers.get('count', 0):,}", *texts]
        name = ""
    if pair.a and pair.b:
        yield ["", "", *(percent_text(part) for part in pair.changes().values())]
    else:
        yield ["", "", "gone" if pair.a else "new"]


def percent_text(part: float | None) -> str:
    """A part as people read it: `+12.5%`; empty if there is nothing to compare with."""
    return "" if part is None else f"{100 * part:+,.1f}%"


def rounded(part: float | None) -> float | None:
    """A part as JSON has it."""
    return None if part is None else round(part, 6)
