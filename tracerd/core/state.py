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
from itertools import count, islice
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
    Retry,
    Stop,
    Stored,
    Waits,
)
from tracerd.core.clients import MAX_ERRORS, Client, Trace
from tracerd.core.counts import Totals
from tracerd.core.exit_paths import ExitPaths
from tracerd.core.messages import (
    WORDS,
    Command,
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
from tracerd.trace_id import TraceId

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
        self.only_trace = only_trace
        self.exit_paths = ExitPaths()
        self.ending: dict[TraceId, float] = {}  # when they end, soonest first
        self._exports: dict[int, Export] = {}
        self._client_ids = count(1)
        self._export_ids = count(1)
        self._stop_when_idle = False

    # ------------------------------------------------------------------ clients come, speak and go

    def connect(self, pid: int, now_s: float) -> ClientId:
        """Note a new connection from process `pid`."""
        client = Client(next(self._client_ids), pid, now_s)
        self.clients[client.client_id] = client
        self.without_trace += 1
        if self.only_trace is not None:
            self._enter(client, self.only_trace)
        return client.client_id

    def receive(self, client_id: ClientId, message: Message, now_s: float) -> list[Action]:
        """What must happen because of this message, before the next one is handed in."""
        client = self.clients[client_id]
        match message:
            case Events():
                return self._receive_events(client, message)
            case Refused():
                return self._receive_refused(client, message, now_s)
            case Open(trace_id):
                if self.only_trace is None:
                    self._leave(client, now_s)
                    self._enter(client, trace_id)
            case EmitTef(path, line_no) if client.trace_id:
                if reason := client.too_many(message):
                    return self._refuse_command(client, message, line_no, reason)
                return [self._export(client.trace_id, path, client, line_no)]
            case EmitTefAtExit(path, line_no) if client.trace_id:
                if reason := self.exit_paths.add(client.trace_id, path, client):
                    return self._refuse_command(client, message, line_no, reason)
            case EmitTef(_, line_no) | EmitTefAtExit(_, line_no):
                return self._refuse_command(client, message, line_no, "OPEN a trace first")
            case Flush(line_no) | Status(line_no):
                if reason := client.too_many(message):
                    return self._refuse_command(client, message, line_no, reason)
                return client.ask(message)
            case Die():
                return [Stop()]
            case DieWhenIdle():
                self._stop_when_idle = True
            case _:
                assert_never(message)
        return []

    def disconnect(self, client_id: ClientId, now_s: float) -> list[Action]:
        """What must happen because this connection has ended, on the client's side; it may still read."""
        client = self.clients[client_id]
        client.gone = True
        self._leave(client, now_s)
        self.without_trace -= 1
        return self._close_if_done(client)

    def _enter(self, client: Client, trace_id: TraceId) -> None:
        client.trace_id = trace_id
        self.without_trace -= 1
        trace = self.traces.setdefault(trace_id, Trace())
        trace.clients.add(client.client_id)
        self.ending.pop(trace_id, None)

    def _leave(self, client: Client, now_s: float) -> None:
        if client.trace_id is None or (self.only_trace is not None and not client.gone):
            return
        trace = self.traces[client.trace_id]
        trace.clients.discard(client.client_id)
        if not trace.clients and client.trace_id not in self.pending.traces:
            self.ending[client.trace_id] = now_s + GRACE_S
        client.trace_id = None
        self.without_trace += 1

    # ------------------------------------------------------------------ events, stored or not

    def _receive_events(self, client: Client, events: Events) -> list[Action]:
        if client.trace_id is None:
            client.totals.refused += events.count
            self.totals.refused += events.count
            lines = range(events.first_line, events.first_line + min(events.count, MAX_ERRORS + 1))
            return [error for line_no in lines for error in client.error(line_no, "OPEN a trace first, by its id")]
        append = Append(client.client_id, client.trace_id, events)
        if waiting := self.pending.traces.get(client.trace_id):
            return self._wait(append, waiting.reason)
        return [append]

    def _receive_refused(self, client: Client, refused: Refused, now_s: float) -> list[Action]:
        is_open = refused.is_command and refused.line.startswith(b"OPEN")
        if is_open and self.only_trace is not None:
            return []
        actions = self._refuse(client, refused)
        if is_open:
            self._leave(client, now_s)
        return actions

    def _refuse(self, client: Client, refused: Refused) -> list[Action]:
        self.totals.refused += 1
        client.totals.refused += not refused.is_command
        error = client.error(refused.line_no, refused.reason)
        if client.trace_id is None:
            return error
        self.traces[client.trace_id].totals.refused += 1
        return [Reject(client.trace_id, client.pid, refused), *error]

    def _refuse_command(self, client: Client, command: Command, line_no: int, reason: str) -> list[Action]:
        word = WORDS[type(command)]
        return self._refuse(client, Refused(line_no, f"{word}: {reason}", word.encode(), is_command=True))

    def appended(self, append: Append, outcome: Outcome) -> list[Action]:
        """What must happen because the write of these events had this outcome."""
        if isinstance(outcome, Waits):
            if append.waited:
                self.pending.traces[append.trace_id].reason = outcome.reason
                return []
            return [*self._wait(append, outcome.reason), Retry(append.trace_id)]
        if append.waited:
            self.pending.remove_first(append.trace_id)
        events = append.events
        match outcome:
            case Stored():
                for totals in self._counts(append):
                    totals.stored += events.count
                    totals.repaired += events.repaired
                return []
            case Full(reason):
                for totals in self._counts(append):
                    totals.refused += events.count
                return self._error(append, f"{events.count} events from here on are refused: {reason}")
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
        return self._error(append, reason, logged=False)

    def _lose(self, append: Append, reason: str) -> list[Action]:
        for totals in self._counts(append):
            totals.lost += append.events.count
        reason = f"{append.events.count} events from here on are lost: {reason}"
        return self._error(append, reason, logged=False)

    def _error(self, append: Append, reason: str, *, logged: bool = True) -> list[Action]:
        client = self.clients.get(append.client)
        return client.error(append.events.first_line, reason, logged=logged) if client else []

    def pending_done(self, trace_id: TraceId, now_s: float) -> None:
        """Note that all events of this trace that waited are written or lost: it may end now."""
        self.pending.end(trace_id)
        if not self.traces[trace_id].clients:
            self.ending[trace_id] = now_s + GRACE_S

    def _counts(self, append: Append) -> list[Totals]:
        """Where these events are counted. Their client may have gone, if they had to wait."""
        counts = [self.traces[append.trace_id].totals, self.totals]
        if client := self.clients.get(append.client):
            counts.append(client.totals)
        return counts

    # ------------------------------------------------------------------ exports

    def _export(self, trace_id: TraceId, path: str, client: Client | None = None, line_no: int = 0) -> Export:
        export = Export(next(self._export_ids), trace_id, path, client.client_id if client else None, line_no)
        self._exports[export.export_id] = export
        if client:
            client.exports[export.export_id] = None
        return export

    def export_ended(self, export_id: int, error: str = "") -> list[Action]:
        """What must happen because this export is done, or has failed with `error`."""
        export = self._exports.pop(export_id)
        if export.client is None:
            return []
        client = self.clients[export.client]
        errors = client.error(export.line_no, f"EMIT_TEF: {error}") if error else []
        del client.exports[export_id]
        return errors + self._close_if_done(client)

    def _close_if_done(self, client: Client) -> list[Action]:
        """Answer the client, and close its connection if it has gone and waits for nothing."""
        actions = client.answer()
        if client.gone and not client.exports and not client.replies:
            del self.clients[client.client_id]
            actions.append(Close(client.client_id))
        return actions

    # ------------------------------------------------------------------ ends of traces, end of the daemon

    def next_end_s(self) -> float:
        """When `end_due_traces` has something to do; infinite if nothing is due."""
        return -math.inf if self._is_idle() else next(iter(self.ending.values()), math.inf)

    def end_due_traces(self, now_s: float, most: int | None = None) -> list[Action]:
        """What must happen because traces have ended. Call it only after a barrier: a client may wait in a queue.

        Args:
            now_s: The time when the barrier began.
            most: How many may end in this turn.
        """
        actions: list[Action] = []
        for trace_id in [each for each, ends_at_s in islice(self.ending.items(), most) if ends_at_s <= now_s]:
            del self.ending[trace_id]
            actions += [self._export(trace_id, path) for path in self.exit_paths.of(trace_id)]
            actions.append(EndTrace(trace_id, self.traces.pop(trace_id).totals))
        return [*actions, Stop()] if self._is_idle() else actions

    def _is_idle(self) -> bool:
        """Whether the daemon is to stop because its last client has gone."""
        return self._stop_when_idle and all(client.gone for client in self.clients.values())

    def unrecorded_refusals(self, trace_id: TraceId) -> int:
        """Lines refused for this trace that no EndTrace has counted yet."""
        return self.traces[trace_id].totals.refused if trace_id in self.traces else 0
