"""Spans that know their parents, but no threads: each goes below its parent, and beside what runs at the same time.

By their times alone a span that lies within its sibling's would seem to be its child.
"""

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from tracerd.importers.lanes import MAX_LANES
from tracerd.importers.timeline import OPEN_NS, Timeline, rest_of

_MAX_DEPTH: Final = 500


@dataclass(slots=True)
class _Span:
    """A span whose place is not known yet; the lane is -1 until it is."""

    key: Hashable
    parent: Hashable
    group: tuple[Hashable, str]
    start_ns: int
    end_ns: int
    rest: bytes
    depth: int = -1
    track: int = -1


@dataclass(slots=True)
class _Lane:
    """What is open on a lane, the outermost first."""

    track: int
    open: list[_Span]


class Tree:
    """Collects spans, and then puts them into a timeline.

    Args:
        timeline: Where to.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._spans: list[_Span] = []
        self._by_key: dict[Hashable, _Span] = {}
        self._moments: list[tuple[Hashable, int, bytes]] = []
        self._links: list[tuple[Hashable, Hashable]] = []

    def span(
        self,
        process: Hashable,
        key: Hashable,
        parent: Hashable,
        name: str,
        start_ns: int,
        dur_ns: int | None,
        args: dict[str, object] | None = None,
        *,
        cat: str = "",
        rows: str = "",
    ) -> None:
        """Take a span.

        Args:
            process: The key of its process.
            key: Its own key.
            parent: The key of its parent, which may come later, or never; None without one.
            name: Its name.
            start_ns: When it begins.
            dur_ns: How long it takes; None if it has not ended.
            args: More of it.
            cat: Its category.
            rows: What the rows of its process are called.
        """
        end_ns = OPEN_NS if dur_ns is None else start_ns + self._timeline.length_ns(dur_ns)
        span = _Span(key, parent, (process, rows), start_ns, end_ns, rest_of(name, cat, args))
        self._spans.append(span)
        self._by_key.setdefault(key, span)

    def moment(self, key: Hashable, name: str, at_ns: int, args: dict[str, object] | None = None) -> None:
        """Take what happened at a moment within the span of this key."""
        self._moments.append((key, at_ns, rest_of(name, "", args)))

    def link(self, key: Hashable, other: Hashable) -> None:
        """Take that the span of this key came about by another one, which may be in no file."""
        self._links.append((key, other))

    def processes(self) -> list[Hashable]:
        """The processes so far."""
        return list(dict.fromkeys(span.group[0] for span in self._spans))

    def put(self) -> None:
        """Put all into the timeline."""
        timeline = self._timeline
        for span in self._spans:
            self._set_depth(span)
        lanes: defaultdict[tuple[Hashable, str], list[_Lane]] = defaultdict(list)
        for span in sorted(self._spans, key=lambda span: (span.start_ns, -span.end_ns, span.depth)):
            parent = self._by_key.get(span.parent)
            span.track = self._place(span, parent, lanes[span.group])
            dur_ns = OPEN_NS if span.end_ns == OPEN_NS else span.end_ns - span.start_ns
            timeline.add("X", span.track, span.start_ns, dur_ns, span.rest)
            if parent and parent.track >= 0 and parent.group[0] != span.group[0] and _holds(parent, span):
                timeline.arrow(parent.track, span.start_ns, span.track, span.start_ns)
        for key, other in self._links:
            later, cause = self._by_key.get(key), self._by_key.get(other)
            if later and cause and cause.start_ns < cause.end_ns and cause.start_ns <= later.start_ns < later.end_ns:
                at_ns = min(later.start_ns, cause.end_ns)
                timeline.arrow(cause.track, at_ns, later.track, later.start_ns, b"link")
        for key, at_ns, rest in self._moments:
            if (found := self._by_key.get(key)) and found.track >= 0:
                timeline.add("i", found.track, at_ns, 0, rest)

    def _place(self, span: _Span, parent: _Span | None, lanes: list[_Lane]) -> int:
        free: _Lane | None = None
        for lane in lanes:
            while lane.open and lane.open[-1].end_ns <= span.start_ns:
                lane.open.pop()
            if lane.open and parent and lane.open[-1] is parent and parent.end_ns >= span.end_ns:
                free = lane
                break
            if not lane.open and free is None:
                free = lane
        if free is None and len(lanes) < MAX_LANES:
            process, rows = span.group
            at = len(lanes)
            name = f"{rows} {at + 1}" if rows and at else rows
            free = _Lane(self._timeline.track(process, (rows, at), name), [])
            lanes.append(free)
        if free is None:
            return lanes[0].track  # where the writer finds a place for it
        if span.end_ns > span.start_ns:
            free.open.append(span)
        return free.track

    def _set_depth(self, span: _Span) -> None:
        """How far it is from the root: of spans that begin and end as one, the parent comes first."""
        above = [span]
        while above[-1].depth < 0 and len(above) < _MAX_DEPTH:
            parent = self._by_key.get(above[-1].parent)
            if parent is None or parent is above[-1]:
                above[-1].depth = 0
            else:
                above.append(parent)
        depth = max(above.pop().depth, 0)
        for below in reversed(above):
            depth += 1
            if below.depth < 0:
                below.depth = depth


def _holds(parent: _Span, span: _Span) -> bool:
    return parent.start_ns <= span.start_ns < parent.end_ns and span.end_ns > span.start_ns
