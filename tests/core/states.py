"""The daemon's state beside a disk that is full or never fails."""

from tracerd.core.actions import Action, Append, ClientId, Stored, Waits
from tracerd.core.messages import Events, Message
from tracerd.core.state import DaemonState
from tracerd.trace_id import TraceId

A, B = TraceId("a"), TraceId("b")
TWO = Events(b"{}\n{}\n", 2, first_line=2)
FULL = "No space left on device"


def receive(
    state: DaemonState, client: ClientId, *messages: Message, now_s: float = 0.0, full: bool = False
) -> list[Action]:
    """Perform what the state asks for, as the server would, with a disk that never fails or is full."""
    actions: list[Action] = []
    for message in messages:
        for action in state.receive(client, message, now_s):
            actions.append(action)
            if isinstance(action, Append):
                actions += state.appended(action, Waits(FULL) if full else Stored())
    return actions


def write_pending(state: DaemonState, now_s: float) -> None:
    """Write what waits, as the server would once the disk has room."""
    for trace_id in list(state.pending.traces):
        while append := state.pending.first(trace_id):
            assert state.appended(append, Stored()) == []
        state.pending_done(trace_id, now_s)
