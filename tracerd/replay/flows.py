"""Arrows between spans, as Perfetto's flow tracker draws them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from tracerd.replay.kinds import (
    FLOW_DIRECTION,
    FLOW_DUPLICATE,
    FLOW_NOT_ENDED,
    FLOW_WITHOUT_END,
    FLOW_WITHOUT_SLICE,
    FLOW_WITHOUT_START,
    Finding,
)
from tracerd.replay.slices import SliceStack

Id = int | tuple[int, int, int]
"""A bind_id, or the id, cat and name of s, t, f."""

Step = Literal["start", "step", "end", "await", "arrive"]


@dataclass(frozen=True, slots=True)
class Bound:
    """What an event says about an arrow.

    Attributes:
        id: Which arrow.
        step: What it does there; None if a bind_id comes without a direction.
    """

    id: Id
    step: Step | None


class Flows:
    """All arrows of a trace.

    Tracks are played one after the other, so what they do to arrows is noted, and played at the end in order of time.
    """

    def __init__(self, report: Callable[[Finding], None]) -> None:
        self._report = report
        self._steps: list[tuple[int, int, int, int, Step, Id, int]] = []

    def bind(self, bound: Bound, stack: SliceStack, ts: int, rank: int, line_no: int) -> None:
        """Bind an arrow to the topmost span."""
        step = bound.step
        if step is None:
            self._report(Finding(line_no, FLOW_DIRECTION, "bind_id without flow_in or flow_out: no arrow"))
            return
        if step != "await" and not stack:
            self._report(Finding(line_no, FLOW_WITHOUT_SLICE, "the arrow has no span on its thread to bind to"))
            step = "await"  # which does nothing but to take the next number
        self._note(ts, rank, line_no, step, bound.id, line_no)

    def arrive(self, waiting: Iterable[tuple[Id, int]], ts: int, rank: int, line_no: int) -> None:
        """Bind the arrows that waited for the next span of a thread; each with the line of its end."""
        for id_, end_line_no in waiting:
            self._note(ts, rank, line_no, "arrive", id_, end_line_no)

    def never_arrive(self, waiting: Iterable[tuple[Id, int]]) -> None:
        """Report the arrows for which no span has come."""
        for _id, line_no in waiting:
            self._report(Finding(line_no, FLOW_WITHOUT_END, "f without a span after it on its thread: no arrow"))

    def _note(self, ts: int, rank: int, line_no: int, step: Step, id_: Id, reported_line_no: int) -> None:
        # The number keeps the order of what one event does: it has arrows arrive before it sends any.
        self._steps.append((ts, rank, line_no, len(self._steps), step, id_, reported_line_no))

    def finish(self) -> None:
        """Play the arrows, and report those that start twice or never, or do not end."""
        numbers: dict[Id, int] = {}
        started: set[int] = set()
        real: set[int] = set()
        open_: dict[int, int] = {}  # the lines of arrows that have only started
        for _ts, _rank, _line_no, _number, step, id_, line_no in sorted(self._steps):
            # v52 counts s, t, f from 0 as it meets them, among the same numbers that a bind_id gives.
            number = id_ if isinstance(id_, int) else numbers.setdefault(id_, len(numbers))
            if step == "start":
                if number in started:
                    reason = (
                        "another arrow with this id has started"
                        if number in real
                        else "an arrow with this id has ended before it starts"
                    )
                    self._report(Finding(line_no, FLOW_DUPLICATE, reason))
                else:
                    open_[number] = line_no
                started.add(number)
                real.add(number)
                continue
            open_.pop(number, None)
            if step == "arrive":
                if number not in real:
                    self._missing(line_no)
                started.add(number)  # v52 then takes it for one that starts at the first span of the trace
            elif step != "await" and number not in real:
                self._missing(line_no)
        for line_no in open_.values():
            self._report(Finding(line_no, FLOW_NOT_ENDED, "the arrow that starts here ends nowhere: no arrow"))

    def _missing(self, line_no: int) -> None:
        self._report(Finding(line_no, FLOW_WITHOUT_START, "an arrow ends here that has not started: no arrow"))
