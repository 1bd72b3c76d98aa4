"""What the daemon knows and decides: who is connected, what they opened, what must happen next.

Everything that decides lives here; nothing here performs. `DaemonState` takes messages, one at a time, and returns
actions. The caller performs them before it hands in the next message, so an OK counts what was stored before it. It
reads no clock: time comes in as seconds of any steady clock.

The life of a trace:

- open: it has clients;
- ending: its last client has gone. The next one may be on its way, as between two steps of a build, so the trace waits
  `GRACE_S` for it;
- pending: its log cannot be written, and events wait in memory. It cannot end before they are written or lost;
- ended: its exports at exit are asked for, its counts are handed out in `EndTrace`, and its log is closed. Only the
  paths of its exports are remembered: if clients come again they are written again.
"""

import math
from typing import assert_never

from tracerd.core.actions import (
    Action,
    Append,
    ClientId,
    Close,
    EndTrace,
    Export,
    Full,
    Lost,
    Outcome,
    Reject,
    ReplyError,
    ReplyOk,
    ReplyStatus,
    Retry,
    Stop,
    Stored,
    Waits,
)
from tracerd.core.clients import Client, PendingReply, Trace
from tracerd.core.counts import Totals
from tracerd.core.messages import (
    Die,
    DieWhenIdle,
    EmitTef,
    EmitTefAtExit,
    Events,
    Flush,
    Message,
    Open,
    Refused,
    Status,
)
from tracerd.core.pending import PendingEvents
from tracerd.core.protocol import encode_error, encode_ok
from tracerd.trace_id import TraceId

MAX_ERRORS = 10
"""ERROR lines that one connection is sent, before one last line that says so."""

GRACE_S = 0.2
"""How long a trace without clients waits for the next one before it counts as ended."""


class DaemonState:
    """All that the daemon knows; its methods return what must be done, in order.

    Args:
        only_trace: The one trace of every client (`--into-file`); OPEN is then accepted and ignored.
    """

    def __init__(self, only_trace: TraceId | None = None) -> None:
        self.clients: dict[ClientId, Client] = {}
        self.traces: dict[TraceId, Trace] = {}
        self.totals = Totals()
        self.without_trace = 0
        """Clients that have opened no trace yet, or none that is valid."""
        self.pending = PendingEvents()
        self._only_trace = only_trace
        self._at_exit: dict[TraceId, dict[str, ClientId]] = {}  # by path: the client that asked last
        self._ending: dict[TraceId, float] = {}  # when they end, soonest first
        self._exports: dict[int, Export] = {}
        self._client_count = 0
        self._export_count = 0
        self._stop_when_idle = False

    # ------------------------------------------------------------------ clients come, speak and go

    def connect(self, pid: int, now_s: float) -> ClientId:
        """Note a new connection from process `pid`."""
        self._client_count += 1
        self.clients[self._client_count] = Client(pid, now_s)
        self.without_trace += 1
        if self._only_trace is not None:
            self._enter(self._client_count, self._only_trace)
        return self._client_count

    def receive(self, client_id: ClientId, message: Message, now_s: float) -> list[Action]:
        """What must happen because of this message, before the next one is handed in."""
        client = self.clients[client_id]
        match message:
            case Events():
                return self._receive_events(client_id, client, message)
            case Refused():
                return self._receive_refused(client_id, client, message, now_s)
            case Open(trace_id):
                if self._only_trace is None:
                    self._leave(client_id, now_s)
                    self._enter(client_id, trace_id)
            case EmitTef(path, line_no):
                if client.trace_id is None:
                    return self._refuse(client_id, client, _no_open_trace("EMIT_TEF", line_no))
                return [self._export(client.trace_id, path, client_id, line_no)]
            case EmitTefAtExit(path, line_no):
                if client.trace_id is None:
                    return self._refuse(client_id, client, _no_open_trace("EMIT_TEF_AT_EXIT", line_no))
                self._at_exit.setdefault(client.trace_id, {})[path] = client_id
            case Flush():
                client.replies.append(PendingReply(message, next(reversed(client.exports), 0)))
                return self._answer(client_id, client)
            case Status():
                client.replies.append(PendingReply(message))
                return self._answer(client_id, client)
            case Die():
                return [Stop()]
            case DieWhenIdle():
                self._stop_when_idle = True
            case _:
                assert_never(message)
        return []

    def has_exports_to_come(self) -> bool:
        """Whether a trace that has not ended yet is to be exported when it does."""
        return not self._at_exit.keys().isdisjoint(self.traces)

    def disconnect(self, client_id: ClientId, now_s: float) -> list[Action]:
        """What must happen because this connection has ended, on the client's side; it may still read."""
        client = self.clients[client_id]
        client.gone = True
        self._leave(client_id, now_s)
        self.without_trace -= 1
        return self._answer(client_id, client)

    def _enter(self, client_id: ClientId, trace_id: TraceId) -> None:
        self.clients[client_id].trace_id = trace_id
        self.without_trace -= 1
        trace = self.traces.setdefault(trace_id, Trace())
        trace.clients.add(client_id)
        self._ending.pop(trace_id, None)

    def _leave(self, client_id: ClientId, now_s: float) -> None:
        client = self.clients[client_id]
        if client.trace_id is None or (self._only_trace is not None and not client.gone):
            return
        trace = self.traces[client.trace_id]
        trace.clients.discard(client_id)
        if not trace.clients and client.trace_id not in self.pending.traces:
            self._ending[client.trace_id] = now_s + GRACE_S
        client.trace_id = None
        self.without_trace += 1

    # ------------------------------------------------------------------ events, stored or not

    def _receive_events(self, client_id: ClientId, client: Client, events: Events) -> list[Action]:
        trace_id = client.trace_id
        if trace_id is None:
            client.totals.refused += events.count
            self.totals.refused += events.count
            lines = range(events.first_line, events.first_line + min(events.count, MAX_ERRORS + 1))
            return [
                error for line_no in lines for error in self._error(client_id, line_no, "OPEN a trace first, by its id")
            ]
        append = Append(client_id, trace_id, events)
        if waiting := self.pending.traces.get(trace_id):
            return self._wait(append, waiting.reason)
        return [append]

    def _receive_refused(self, client_id: ClientId, client: Client, refused: Refused, now_s: float) -> list[Action]:
        is_open = refused.is_command and refused.line.startswith(b"OPEN")
        if is_open and self._only_trace is not None:
            return []
        actions = self._refuse(client_id, client, refused)
        if is_open:
            self._leave(client_id, now_s)
        return actions

    def _refuse(self, client_id: ClientId, client: Client, refused: Refused) -> list[Action]:
        self.totals.refused += 1
        if not refused.is_command:
            client.totals.refused += 1
        error = self._error(client_id, refused.line_no, refused.reason)
        if client.trace_id is None:
            return error
        self.traces[client.trace_id].totals.refused += 1
        return [Reject(client.trace_id, client.pid, refused), *error]

    def appended(self, append: Append, outcome: Outcome) -> list[Action]:
        """What must happen because the write of these events had this outcome."""
        if isinstance(outcome, Waits):
            if append.waited:
                self.pending.traces[append.trace_id].reason = outcome.reason
                return []
            return [*self._wait(append, outcome.reason), Retry(append.trace_id)]
        if append.waited:
            self.pending.remove_first(append.trace_id)
        count = append.events.count
        match outcome:
            case Stored():
                for totals in self._counts(append):
                    totals.stored += count
                    totals.repaired += append.events.repaired
                return []
            case Full(reason):
                for totals in self._counts(append):
                    totals.refused += count
                return self._error(
                    append.client, append.events.first_line, f"{count} events from here on are refused: {reason}"
                )
            case Lost(reason):
                return self._lose(append, reason)
            case _:
                assert_never(outcome)

    def _wait(self, append: Append, reason: str) -> list[Action]:
        """Keep these events for a later try, or lose them if there is no room."""
        if not self.pending.add(append.trace_id, append.client, append.events, reason):
            return self._lose(append, reason)
        reported = self.pending.traces[append.trace_id].reported
        if append.client in reported:
            return []
        reported.add(append.client)
        reason = f"events from here on wait in memory until the log can be written: {reason}"
        return self._error(append.client, append.events.first_line, reason, logged=False)

    def _lose(self, append: Append, reason: str) -> list[Action]:
        for totals in self._counts(append):
            totals.lost += append.events.count
        reason = f"{append.events.count} events from here on are lost: {reason}"
        return self._error(append.client, append.events.first_line, reason, logged=False)

    def first_pending(self, trace_id: TraceId) -> Append | None:
        """The first events that wait of a trace, to be written now; None if none wait."""
        first = self.pending.first(trace_id)
        return Append(first[0], trace_id, first[1], waited=True) if first else None

    def pending_done(self, trace_id: TraceId, now_s: float) -> None:
        """Note that all events of this trace that waited are written or lost: it may end now."""
        self.pending.end(trace_id)
        if not self.traces[trace_id].clients:
            self._ending[trace_id] = now_s + GRACE_S

    def _counts(self, append: Append) -> list[Totals]:
        """Where these events are counted. Their client may have gone, if they had to wait."""
        counts = [self.traces[append.trace_id].totals, self.totals]
        if client := self.clients.get(append.client):
            counts.append(client.totals)
        return counts

    # ------------------------------------------------------------------ exports and answers

    def _export(self, trace_id: TraceId, path: str, client_id: ClientId | None = None, line_no: int = 0) -> Export:
        self._export_count += 1
        export = Export(self._export_count, trace_id, path, client_id, line_no)
        self._exports[export.export_id] = export
        if client_id is not None:
            self.clients[client_id].exports[export.export_id] = None
        return export

    def export_ended(self, export_id: int, error: str = "") -> list[Action]:
        """What must happen because this export is done, or has failed with `error`."""
        export = self._exports.pop(export_id)
        client = self.clients.get(export.client) if export.client is not None else None
        if export.client is None or client is None:
            return []
        errors = self._error(export.client, export.line_no, f"EMIT_TEF: {error}") if error else []
        del client.exports[export_id]
        return errors + self._answer(export.client, client)

    def _answer(self, client_id: ClientId, client: Client) -> list[Action]:
        """Send the replies that wait for no export, and close the connection if that was all."""
        actions: list[Action] = []
        unfinished = next(iter(client.exports), math.inf)
        while client.replies and client.replies[0].last_export < unfinished:
            if isinstance(client.replies.popleft().message, Flush):
                totals = client.totals
                actions.append(ReplyOk(client_id, encode_ok(totals.stored, totals.refused, totals.lost)))
            else:
                actions.append(ReplyStatus(client_id))
        if client.gone and not client.exports and not client.replies:
            del self.clients[client_id]
            actions.append(Close(client_id))
        return actions

    def _error(self, client_id: ClientId, line_no: int, reason: str, *, logged: bool = True) -> list[Action]:
        client = self.clients.get(client_id)
        if client is None:
            return []
        client.errors += 1
        if client.errors > MAX_ERRORS + 1:
            return []
        if client.errors > MAX_ERRORS:
            reason = "further errors on this connection are not reported"
        return [ReplyError(client_id, encode_error(line_no, reason), logged)]

    # ------------------------------------------------------------------ ends of traces, end of the daemon

    def next_end_s(self) -> float:
        """When `end_due_traces` has something to do; infinite if nothing is due."""
        if self._stop_when_idle and not self._connected():
            return -math.inf
        return next(iter(self._ending.values()), math.inf)

    def end_due_traces(self, now_s: float) -> list[Action]:
        """What must happen because traces have ended. Call it only after a barrier: a client may wait in a queue."""
        actions: list[Action] = []
        for trace_id in [trace_id for trace_id, ends_at_s in self._ending.items() if ends_at_s <= now_s]:
            del self._ending[trace_id]
            actions += [self._export(trace_id, path) for path in self._at_exit.get(trace_id, {})]
            actions.append(EndTrace(trace_id, self.traces.pop(trace_id).totals))
        if self._stop_when_idle and not self._connected():
            actions.append(Stop())
        return actions

    def forget(self, trace_id: TraceId) -> None:
        """Forget the exports at exit of a trace whose log was removed, but for those of clients that are here."""
        asked = self._at_exit.pop(trace_id, {})
        here = {path: by for path, by in asked.items() if by in self.clients and not self.clients[by].gone}
        if here:
            self._at_exit[trace_id] = here

    def _connected(self) -> bool:
        return any(not client.gone for client in self.clients.values())

    def unrecorded_refusals(self, trace_id: TraceId) -> int:
        """Lines refused for this trace that no EndTrace has counted yet."""
        trace = self.traces.get(trace_id)
        return trace.totals.refused if trace else 0


def _no_open_trace(command: str, line_no: int) -> Refused:
    return Refused(line_no, f"{command}: OPEN a trace first", command.encode(), is_command=True)
