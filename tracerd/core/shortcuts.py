"""What most clients do, in fewer steps: `DaemonState` would decide the same.

Pure. A client that is gone when it is first seen, with all that it has sent, needs no `connect`, `receive` and
`disconnect`, if it has named its trace and the events that follow could be stored: it needs no reply and leaves nothing
but counts, and perhaps a trace that ends soon. Events that are appended as they come need no `Append`.
"""

from tracerd.core.actions import ClientId
from tracerd.core.clients import Trace
from tracerd.core.state import GRACE_S, DaemonState
from tracerd.errors import InvalidTraceIdError
from tracerd.trace_id import TraceId


def named_trace(state: DaemonState, line: bytes) -> TraceId | None:
    """The trace that an OPEN, without its newline, names, if no event of it waits; else None."""
    if state.only_trace is not None or not line.startswith(b"OPEN "):
        return None
    try:
        trace_id = TraceId.parse(line[len("OPEN ") :])
    except InvalidTraceIdError:
        return None
    return None if trace_id in state.pending.traces else trace_id


def visited(state: DaemonState, trace_id: TraceId, stored: int, now_s: float) -> None:
    """Note that a client of this trace has come, had so many events stored, and gone."""
    trace = state.traces.setdefault(trace_id, Trace())
    trace.totals.stored += stored
    state.totals.stored += stored
    if not trace.clients:
        state.ending.pop(trace_id, None)  # so that those that end first stay first
        state.ending[trace_id] = now_s + GRACE_S


def flowed(state: DaemonState, client_id: ClientId, stored: int) -> None:
    """Note that so many events of this client were appended to its trace."""
    client = state.clients[client_id]
    if client.trace_id is not None:
        for totals in (state.traces[client.trace_id].totals, state.totals, client.totals):
            totals.stored += stored
