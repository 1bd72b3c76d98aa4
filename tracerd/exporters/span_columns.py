"""The columns of an event that take the whole trace: how long a span is, wherever its end stands, and how it nests."""

from collections.abc import Callable
from functools import cached_property

from tracerd.exporters.selection import SPAN, Selection
from tracerd.query.single_events import EventRow
from tracerd.replay.observer import NO_PARENT


class SpanColumns:
    """The columns of a trace that was played.

    Args:
        selection: It has seen the trace.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection

    def by_name(self) -> dict[str, Callable[[EventRow], object]]:
        """What computes each."""
        return {
            "error": lambda row: row.line_no in self._selection.errors,
            "dur_us": lambda row: _us(self._dur(row.line_no)),
            "self_us": lambda row: _us(self._self_time(row.line_no)),
            "depth": lambda row: self._depth(row.line_no),
            "parent": lambda row: parent if (parent := self._parent(row.line_no)) > 0 else None,
        }

    def _dur(self, line_no: int) -> int | None:
        """How long a span is, in ns; None if it has no end, and for what is none."""
        selection = self._selection
        end = selection.end_of(line_no)
        if end is None or selection.kinds[line_no] != SPAN:
            return None
        return end - selection.ts[line_no]

    def _parent(self, line_no: int) -> int:
        return self._selection.parent[line_no] if self._selection.parent else 0

    def _depth(self, line_no: int) -> int | None:
        depth = -1
        while around := self._parent(line_no):
            depth += 1
            if around == NO_PARENT:
                return depth
            line_no = around
        return None

    def _self_time(self, line_no: int) -> int | None:
        dur = self._dur(line_no)
        return dur if dur is None or dur < 0 else dur - self._of_children.get(line_no, 0)

    @cached_property
    def _of_children(self) -> dict[int, int]:
        """How long the finished children of a span are together."""
        found: dict[int, int] = {}
        for line_no, parent in enumerate(self._selection.parent):
            if parent > 0 and (dur := self._dur(line_no) or 0) > 0:
                found[parent] = found.get(parent, 0) + dur
        return found


def _us(time_ns: int | None) -> float | None:
    return None if time_ns is None else time_ns / 1000
