"""What the daemon has to do, as values: `DaemonState` decides on actions, the server performs them.

The one action with an answer is `Append`. Its `Outcome` is what became of the events, and the state decides what
follows from it.
"""

from dataclasses import dataclass

from tracerd.core.counts import Totals
from tracerd.core.messages import Events, Refused
from tracerd.trace_id import TraceId

ClientId = int
"""Number of a connection, counted from 1 since the daemon's start."""


@dataclass(frozen=True, slots=True)
class Append:
    """Write a run of events to the log, then hand the outcome to `DaemonState.appended`."""

    client: ClientId
    trace_id: TraceId
    events: Events
    waited: bool = False
    """Whether an earlier try failed: these are the first of those that wait in memory."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Keep a refused line where the client's author can find it."""

    trace_id: TraceId
    client_pid: int
    refused: Refused


@dataclass(frozen=True, slots=True)
class Export:
    """Write the trace to a file, after the barrier, then call `DaemonState.export_ended`."""

    export_id: int
    trace_id: TraceId
    path: str
    client: ClientId | None = None
    """The client that asked, and waits for it; None for an export at exit."""
    line_no: int = 0
    """Where that client asked for it; 0 for an export at exit."""


@dataclass(frozen=True, slots=True)
class ReplyError:
    """Send an ERROR line, if the client reads at all."""

    client: ClientId
    line: bytes
    logged: bool = True
    """Whether the daemon's log has it too: what concerns the whole trace need not be logged for each client."""


@dataclass(frozen=True, slots=True)
class ReplyOk:
    """Send the OK line that answers a FLUSH."""

    client: ClientId
    line: bytes


@dataclass(frozen=True, slots=True)
class ReplyStatus:
    """Send the daemon's status as one JSON line."""

    client: ClientId


@dataclass(frozen=True, slots=True)
class Retry:
    """A trace's log cannot be written now: warn, and try again soon, as long as its events wait."""

    trace_id: TraceId


@dataclass(frozen=True, slots=True)
class EndTrace:
    """The trace has no clients any more: record what was counted, close its log."""

    trace_id: TraceId
    totals: Totals


@dataclass(frozen=True, slots=True)
class Close:
    """All that this client asked for is done: close the connection when its replies are out."""

    client: ClientId


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the daemon."""


Action = Append | Reject | Export | ReplyError | ReplyOk | ReplyStatus | Retry | EndTrace | Close | Stop


@dataclass(frozen=True, slots=True)
class Stored:
    """The events are in the log."""


@dataclass(frozen=True, slots=True)
class Full:
    """The log has reached its limit: it takes no events until it was cleared."""

    reason: str


@dataclass(frozen=True, slots=True)
class Waits:
    """The log cannot be written now, as on a full disk: a later try may succeed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The events can never be written."""

    reason: str


Outcome = Stored | Full | Waits | Lost
