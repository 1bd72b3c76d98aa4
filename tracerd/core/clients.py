"""What is known of each connection and of each trace."""

from collections import deque
from dataclasses import dataclass, field

from tracerd.core.actions import ClientId
from tracerd.core.counts import Totals
from tracerd.core.messages import Flush, Status
from tracerd.trace_id import TraceId


@dataclass(slots=True)
class PendingReply:
    """A FLUSH or STATUS that is not answered yet, and the last export that must have ended before."""

    message: Flush | Status
    last_export: int = 0


@dataclass(slots=True)
class Client:
    """One connection."""

    pid: int
    since_s: float
    trace_id: TraceId | None = None
    totals: Totals = field(default_factory=Totals)
    errors: int = 0
    gone: bool = False
    exports: dict[int, None] = field(default_factory=dict[int, None])
    """Exports that this client waits for, in order of asking: a dict as an ordered set."""
    replies: deque[PendingReply] = field(default_factory=deque[PendingReply])
    """Those not sent yet, in order of asking."""


@dataclass(slots=True)
class Trace:
    """A trace that is open, ending or pending."""

    clients: set[ClientId] = field(default_factory=set[ClientId])
    totals: Totals = field(default_factory=Totals)
    """Counted since the last EndTrace."""
