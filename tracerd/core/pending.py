"""Events that wait in memory while their log cannot be written, as on a full disk.

Pure. The lines of a trace wait in their order. Once there is no room for the next ones, these and all that follow are
lost until the log can be written again: what is lost is one gap then, and its mark stands in its place.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from tracerd.core.actions import Append
from tracerd.core.messages import Events
from tracerd.trace_id import TraceId

MAX_TRACE_BYTES: Final = 16 * 1024 * 1024
"""What may wait of one trace."""

MAX_BYTES: Final = 64 * 1024 * 1024
"""What may wait of all traces together."""

RUN_BYTES: Final = 64 * 1024
"""Lines of one client are put together up to this size, so that a run costs what its lines cost."""

RUN_COST: Final = 512
"""What a run takes besides its lines, about; it counts as bytes that wait."""


LOST_EVENT_BYTES: Final = 4096
"""A lost line, whose process and thread the mark borrows, is kept up to this size: it does not count as waiting."""


@dataclass(slots=True)
class _Run:
    """Consecutive lines of one client."""

    client: int
    first_line: int
    lines: bytearray
    count: int = 0
    repaired: int = 0


@dataclass(slots=True)
class Waiting:
    """What waits of one trace.

    Attributes:
        reason: Why its log cannot be written.
        size: Bytes that wait.
        events: Events that wait.
        lost: Events that found no room; they would come after those that wait.
        lost_event: One of the lines lost, if it is short enough to be kept, or empty.
        reported: Clients that know that their events wait.
    """

    reason: str
    runs: deque[_Run] = field(default_factory=deque[_Run])
    size: int = 0
    events: int = 0
    lost: int = 0
    lost_event: bytes = b""
    reported: set[int] = field(default_factory=set[int])


class PendingEvents:
    """The traces whose logs cannot be written, and what waits of each.

    Args:
        max_trace_bytes: What may wait of one trace.
        max_bytes: What may wait of all.
    """

    def __init__(self, max_trace_bytes: int = MAX_TRACE_BYTES, max_bytes: int = MAX_BYTES) -> None:
        self.traces: dict[TraceId, Waiting] = {}
        self._max_trace_bytes = max_trace_bytes
        self._max_bytes = max_bytes
        self._size = 0

    def add(self, trace_id: TraceId, client: int, events: Events, reason: str) -> bool:
        """Let these events wait behind those that do; False if there is no room: they are lost.

        Args:
            trace_id: The trace that they belong to.
            client: The client that sent them.
            events: A run of whole lines.
            reason: Why the log cannot be written.
        """
        waiting = self.traces.setdefault(trace_id, Waiting(reason))
        waiting.reason = reason
        run = waiting.runs[-1] if waiting.runs else None
        block = events.block
        joins = run is not None and run.client == client and len(run.lines) + len(block) <= RUN_BYTES
        cost = len(block) if joins else len(block) + RUN_COST
        if (
            waiting.lost
            or waiting.size + cost > self._max_trace_bytes + RUN_COST
            or self._size + cost > self._max_bytes
        ):
            last = block.rfind(b"\n", 0, -1) + 1
            if not waiting.lost_event and len(block) - last <= LOST_EVENT_BYTES:
                waiting.lost_event = block[last:]
            waiting.lost += events.count
            return False
        if run is None or not joins:
            run = _Run(client, events.first_line, bytearray())
            waiting.runs.append(run)
        run.lines += block
        run.count += events.count
        run.repaired += events.repaired
        waiting.events += events.count
        waiting.size += cost
        self._size += cost
        return True

    def first(self, trace_id: TraceId) -> Append | None:
        """The first run that waits of a trace, to be written now; None if none waits."""
        runs = self.traces[trace_id].runs
        if not runs:
            return None
        run = runs[0]
        events = Events(bytes(run.lines), run.count, run.repaired, run.first_line)
        return Append(run.client, trace_id, events, waited=True)

    def remove_first(self, trace_id: TraceId) -> None:
        """Forget the first run that waits: it was written, or is lost."""
        waiting = self.traces[trace_id]
        run = waiting.runs.popleft()
        cost = len(run.lines) + RUN_COST
        waiting.events -= run.count
        waiting.size -= cost
        self._size -= cost

    def events(self, trace_id: TraceId) -> int:
        """How many events of a trace wait."""
        waiting = self.traces.get(trace_id)
        return waiting.events if waiting else 0

    def end(self, trace_id: TraceId) -> None:
        """Forget a trace of which nothing waits any more."""
        del self.traces[trace_id]
