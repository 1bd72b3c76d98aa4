"""Events to spans: an X is one at once, a B waits for its E, and a b for its e.

A begin and its end are matched by name on their thread, the last begun first; the args of both are one object, in
which those of the end count. What never ends comes last. Of the daemon's readers only `show` and its like play a trace
as Perfetto does, with ends that come too late, and with what overlaps.

A span is the event that begins it, of which `dur` and `args` are those of the span, with SPAN_FIELDS beside them.
"""

from collections.abc import Callable
from typing import Any, Final, cast

from msgspec import UNSET

from tracerd.rows.columns import NESTING

SPAN_FIELDS: Final = ("line", "offset", *NESTING)
"""What a span has beside the fields of its begin: its line, the clock there, and the columns NESTING."""

_Track = tuple[object, ...]

_FAR_NS: Final = 2**1100
"""Stands for times that no float holds in ns."""


class Pairs:
    """Makes the spans of one log.

    Args:
        nests: Whether a column of NESTING is asked for; then all spans are kept to the end.
        in_order: Whether spans come in the order of their lines; then as well.
        keys: The attributes of args; empty if args are a whole object, or are not asked for.
    """

    def __init__(self, *, nests: bool, in_order: bool, keys: tuple[str, ...]) -> None:
        self._nests = nests
        self._keeps = nests or in_order
        self._join: Callable[[Any, Any], None] = _join_whole if not keys else _joining(keys)
        self._open: dict[_Track, list[Any]] = {}
        self._kept: list[Any] = []

    def take(self, events: list[Any], line: int, offset: int | None) -> list[Any]:
        """Take the events of a block, and give the spans that are complete."""
        found: list[Any] = []
        add = found.append
        for at, event in enumerate(events, line + 1):
            if event is None:
                continue
            phase = event.ph
            if phase == "X":
                event.line, event.offset = at, offset
                if (dur := event.dur) is not None and dur < 0:
                    event.dur = None
                add(event)
            elif phase in ("B", "b"):
                event.line, event.offset, event.dur = at, offset, None
                self._open.setdefault(_track(event), []).append(event)
            elif phase in ("E", "e") and (span := self._ended(event)) is not None:
                add(span)
        if not self._keeps:
            return found
        self._kept += found
        return []

    def _ended(self, event: Any) -> Any:
        """The span that an event ends; None for none."""
        begun = self._open.get(_track(event), [])
        for at in range(len(begun) - 1, -1, -1):
            span = begun[at]
            if event.name in ("", span.name) and event.cat in ("", span.cat):
                del begun[at]
                if event.ts is not None and span.ts is not None and event.ts >= span.ts:
                    span.dur = event.ts - span.ts
                self._join(span, event)
                return span
        return None

    def finish(self) -> list[Any]:
        """All other spans."""
        spans = [*self._kept, *(span for begun in self._open.values() for span in begun)]
        self._open.clear()
        self._kept = []
        spans.sort(key=lambda span: span.line)
        if self._nests:
            _nest(spans)
        return spans


def _join_whole(span: Any, end: Any) -> None:
    """Make the args of a begin and its end one object."""
    before, later = _args(span), _args(end)
    if isinstance(later, dict):
        old = cast("dict[str, object]", before) if isinstance(before, dict) else {}
        span.args = old | cast("dict[str, object]", later)


def _args(event: Any) -> object:
    return getattr(event, "args", None)


def _joining(keys: tuple[str, ...]) -> Callable[[Any, Any], None]:
    """The same for args of which only some keys are known."""

    def join(span: Any, end: Any) -> None:
        if span.args is None:
            span.args = end.args
        elif end.args is not None:
            for key in keys:
                if (value := getattr(end.args, key)) is not UNSET:
                    setattr(span.args, key, value)

    return join


def _track(event: Any) -> _Track:
    """Where an event begins or ends a span: its thread, or its async id, which may be one of its process alone."""
    if event.ph in ("X", "B", "E"):
        return event.pid, event.tid
    id2: object = event.id2
    if event.id is not None or not isinstance(id2, dict):
        return "async", None, event.cat, "", repr(event.id)
    ids = cast("dict[str, object]", id2)
    if "global" in ids:
        # A string is another one than the same string in `id`, as in `replay`.
        return "async", None, event.cat, "global" if isinstance(ids["global"], str) else "", repr(ids["global"])
    return "async", event.pid, event.cat, repr(ids.get("local"))


def _nest(spans: list[Any]) -> None:
    """Set the columns NESTING of all spans: around one is that of its track, in which it lies, that began last."""
    tracks: dict[_Track, list[Any]] = {}
    for span in spans:
        span.self_us, span.depth, span.parent = span.dur, 0, None
        if span.ts is not None:  # else it lies nowhere
            tracks.setdefault(_track(span), []).append(span)
    for found in tracks.values():
        around: list[tuple[int, Any]] = []  # with their ends, in ns
        for span in sorted(found, key=_begin):
            start = _ns(span.ts)
            end = start + _ns(span.dur) if span.dur is not None else 2**63
            while around and around[-1][0] <= start:
                around.pop()
            if (around and around[-1][0] >= end) or (around and span.dur is None):
                parent = around[-1][1]
                span.parent, span.depth = parent.line, parent.depth + 1
                if parent.self_us is not None and span.dur is not None:
                    parent.self_us -= span.dur
            elif around:
                continue  # it overlaps what it does not lie in
            around.append((end, span))


def _begin(span: Any) -> tuple[int, float, int]:
    longest_first = float("-inf") if span.dur is None else -span.dur
    return _ns(span.ts), longest_first, span.line


def _ns(time_us: int | float) -> int:
    try:
        return round(time_us * 1000)
    except OverflowError:  # beyond what a float holds
        return _FAR_NS if time_us > 0 else -_FAR_NS
