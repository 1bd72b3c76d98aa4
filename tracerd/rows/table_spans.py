"""Events to spans: an X is one at once, a B waits for its E, and a b for its e.

A begin and its end are matched by name on their thread, the last begun first; the args of both are one object, in
which those of the end count. What never ends comes last. Of the daemon's readers only `show` and its like play a trace
as Perfetto does, with ends that come too late, and with what overlaps.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, cast

NESTING: Final = ("self_us", "depth", "parent")
"""The columns for which all spans of a thread must be known."""

_Track = tuple[object, ...]


class Span:
    """A span, beside the event that begins it.

    Attributes:
        dur_us: How long it is; None if it was never ended.
        self_us: The part of that in which no finished child ran; None if it was never ended.
        depth: How many spans it lies in.
        parent: The line of the span around it; None for an outermost one.
    """

    __slots__ = ("depth", "dur_us", "parent", "self_us")

    def __init__(self, dur_us: int | float | None) -> None:
        self.dur_us = dur_us
        self.self_us = dur_us
        self.depth = 0
        self.parent: int | None = None


class _Begun:
    __slots__ = ("args", "event", "line", "offset", "span")

    def __init__(self, event: Any, line: int, offset: int | None, dur_us: int | float | None) -> None:
        self.event = event
        self.args: object = event.args
        self.line = line
        self.offset = offset
        self.span = Span(dur_us)


class Pairs:
    """Makes the spans of one log.

    Args:
        make: Makes the row of an event, its args, line and clock, and a Span.
        nests: Whether a column of NESTING is asked for; then all spans are kept to the end.
        in_order: Whether spans come in the order of their lines; then as well.
    """

    def __init__(self, make: Callable[..., tuple[Any, ...]], *, nests: bool, in_order: bool) -> None:
        self._make = make
        self._nests = nests
        self._keeps = nests or in_order
        self._open: dict[_Track, list[_Begun]] = {}
        self._kept: list[tuple[_Track, _Begun]] = []

    def take(self, events: list[Any], line: int, offset: int | None) -> Iterator[tuple[Any, ...]]:
        """Take the events of a block, and give the rows that are complete."""
        for event in events:
            line += 1
            if event is None:
                continue
            match event.ph:
                case "X":
                    dur = event.dur if event.dur is not None and event.dur >= 0 else None
                    yield from self._complete((event.pid, event.tid), _Begun(event, line, offset, dur))
                case "B" | "b":
                    self._open.setdefault(_track(event), []).append(_Begun(event, line, offset, None))
                case "E" | "e":
                    yield from self._end(event)
                case _:
                    pass

    def _end(self, event: Any) -> Iterator[tuple[Any, ...]]:
        track = _track(event)
        begun = self._open.get(track, [])
        for at in range(len(begun) - 1, -1, -1):
            one = begun[at]
            if event.name in ("", one.event.name) and event.cat in ("", one.event.cat):
                del begun[at]
                if event.ts is not None and one.event.ts is not None and event.ts >= one.event.ts:
                    one.span = Span(event.ts - one.event.ts)
                one.args = _joined(one.args, event.args)
                yield from self._complete(track, one)
                return

    def _complete(self, track: _Track, one: _Begun) -> Iterator[tuple[Any, ...]]:
        if self._keeps:
            self._kept.append((track, one))
        else:
            yield self._row(one)

    def _row(self, one: _Begun) -> tuple[Any, ...]:
        return self._make(one.event, one.args, one.line, one.offset, one.span)

    def finish(self) -> Iterator[tuple[Any, ...]]:
        """The rows of all others."""
        never_ended = [(track, one) for track, begun in self._open.items() for one in begun]
        self._open.clear()
        everything = sorted([*self._kept, *never_ended], key=lambda kept: kept[1].line)
        self._kept = []
        if self._nests:
            _nest(everything)
        for _, one in everything:
            yield self._row(one)


def _joined(args: object, later: object) -> object:
    """The args of a begin and its end as one object."""
    if not isinstance(later, dict):
        return args
    old = cast("dict[str, object]", args) if isinstance(args, dict) else {}
    return old | cast("dict[str, object]", later)


def _track(event: Any) -> _Track:
    """Where an event begins or ends a span: its thread, or its async id, which may be one of its process alone."""
    if event.ph in ("B", "E"):
        return event.pid, event.tid
    id2: object = event.id2
    if event.id is not None or not isinstance(id2, dict):
        return "async", None, event.cat, repr(event.id)
    ids = cast("dict[str, object]", id2)
    if "global" in ids:
        return "async", None, event.cat, repr(ids["global"])
    return "async", event.pid, event.cat, repr(ids.get("local"))


def _nest(spans: list[tuple[_Track, _Begun]]) -> None:
    """Say of each span in which other it lies: of one track, the one around it that began last."""
    tracks: dict[_Track, list[_Begun]] = {}
    for track, one in spans:
        tracks.setdefault(track, []).append(one)
    for found in tracks.values():
        around: list[tuple[int, _Begun]] = []  # with their ends, in ns
        for one in sorted(found, key=_begin):
            start = _ns(one.event.ts or 0)
            end = start + _ns(one.span.dur_us) if one.span.dur_us is not None else 2**63
            while around and around[-1][0] <= start:
                around.pop()
            if (around and around[-1][0] >= end) or (around and one.span.dur_us is None):
                parent = around[-1][1]
                one.span.parent, one.span.depth = parent.line, parent.span.depth + 1
                if parent.span.self_us is not None and one.span.dur_us is not None:
                    parent.span.self_us -= one.span.dur_us
            elif around:
                continue  # it overlaps what it does not lie in
            around.append((end, one))


def _begin(one: _Begun) -> tuple[int, float, int]:
    longest_first = float("-inf") if one.span.dur_us is None else -one.span.dur_us
    return _ns(one.event.ts or 0), longest_first, one.line


def _ns(time_us: int | float) -> int:
    return round(time_us * 1000)
