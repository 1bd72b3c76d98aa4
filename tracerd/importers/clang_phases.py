"""The phases of one compile, as clang's `-ftime-trace` writes them, so that they nest within a span of the trace.

clang rounds starts and durations down to microseconds, each by itself: a child may end a microsecond after its parent,
and Perfetto would drop it. Here such a child begins earlier instead, so that durations stay as clang has them.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from tracerd.builds.lanes import MAX_DEPTH

_ROUNDED_US: Final = 2
"""So much later than its parent a child may end by rounding alone."""

_TOTALS: Final = "Total "
"""How sums begin, which clang adds as spans that all start at 0."""

_NO_PARENT: Final = -1


class _Event(msgspec.Struct):
    ph: str
    name: str = ""
    ts: int = 0
    dur: int = 0
    pid: int = 0
    id: int | str = 0
    args: dict[str, object] = {}


class _File(msgspec.Struct):
    traceEvents: list[_Event]  # noqa: N815 (the key of the file)
    beginningOfTime: int  # noqa: N815


class Phase(NamedTuple):
    """A phase; times are in us, from the start of the compile until it is placed."""

    ts: int
    dur: int
    name: str
    args: dict[str, object]

    @property
    def end(self) -> int:
        """When it ends."""
        return self.ts + self.dur


class Compile(NamedTuple):
    """A file of clang.

    Attributes:
        begin_us: When it began, in us since 1970.
        pid: The process that compiled; 0 if unknown.
        phases: Parents before their children.
    """

    begin_us: int
    pid: int
    phases: list[Phase]


_DECODER: Final = msgspec.json.Decoder(_File)


def parse(text: bytes) -> Compile | None:
    """What a file holds; None if clang has not written it, or not to its end."""
    try:
        file = _DECODER.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    phases = [phase for phase in _spans(file.traceEvents) if not phase.name.startswith(_TOTALS)]
    phases.reverse()  # clang writes a phase when it ends, so of equal ones the later is the parent
    phases.sort(key=lambda phase: (phase.ts, -phase.dur))
    return Compile(file.beginningOfTime, next((event.pid for event in file.traceEvents), 0), phases)


def _spans(events: list[_Event]) -> Iterator[Phase]:
    begun: dict[tuple[str, int | str], _Event] = {}
    for event in events:
        if event.ph == "X" and event.dur >= 0:
            yield Phase(event.ts, event.dur, event.name, event.args)
        elif event.ph == "b":  # newer clangs write the sources so
            begun[event.name, event.id] = event
        elif event.ph == "e" and (begin := begun.pop((event.name, event.id), None)) and begin.ts <= event.ts:
            yield Phase(begin.ts, event.ts - begin.ts, begin.name, begin.args)


def placed(phases: list[Phase], base: int, start: int, end: int) -> list[Phase]:
    """The phases within a span, nested; those that cross others are left out.

    Args:
        phases: As in `Compile`.
        base: What their times count from, in us; it is moved if they would not lie within the span.
        start: When the span begins.
        end: When it ends.
    """
    last = max((phase.end for phase in phases), default=0)
    base = max(start, min(base, end - last))
    spans = [phase._replace(ts=phase.ts + base) for phase in phases]
    children = _children(spans)
    limits: dict[int, tuple[int, int]] = {_NO_PARENT: (start, end)}
    found: list[tuple[int, int]] = []
    for parent in sorted(children):  # parents have lower numbers
        first, limit = limits[parent]
        for at in reversed(children[parent]):
            dur = max(0, min(spans[at].dur, limit - first))
            ts = min(spans[at].ts, limit - dur)
            limits[at] = ts, ts + dur
            found.append((ts, at))
            limit = ts
    found.sort()
    return [spans[at]._replace(ts=ts, dur=limits[at][1] - ts) for ts, at in found]


def _children(spans: list[Phase]) -> dict[int, list[int]]:
    """The numbers of the spans, by that of their parents."""
    children: dict[int, list[int]] = {}
    stack: list[int] = []
    for at, span in enumerate(spans):
        while stack and spans[stack[-1]].end <= span.ts:
            stack.pop()
        if stack and (span.end > spans[stack[-1]].end + _ROUNDED_US or len(stack) >= MAX_DEPTH):
            continue
        children.setdefault(stack[-1] if stack else _NO_PARENT, []).append(at)
        stack.append(at)
    return children
