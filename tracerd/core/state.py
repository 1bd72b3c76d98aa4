"""What the daemon knows and decides: who is connected, what they opened, what must happen next.

Everything that decides lives here; nothing here performs. `DaemonState` takes messages, one at a time, and returns
actions. The caller performs them before it hands in the next message, so an OK counts what was stored before it. It
reads no clock: time comes in as seconds of any steady clock. `Trace` has the life of a trace.
"""

import math
from collections.abc import Callable
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
from tracerd.core.clients import Client, Trace
from tracerd.core.counts import Totals
from tracerd.core.exit_paths import ExitPaths
from tracerd.core.git_client import GitClient, GitTotals, Meaning, begun
from tracerd.core.messages import (
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
    refused_command,
)
from tracerd.core.pending import PendingEvents
from tracerd.text import plural
from tracerd.trace_id import TraceId

GRACE_S = 0.2
"""How long a trace without clients waits for the next one before it counts as ended."""


class DaemonState:
    """All that the daemon knows; its methods return what must be done, in order.

    Args:
        only_trace: The one trace of every client (`--into-file`); OPEN is then accepted and ignored.
        wall_offset_us: Tells what the wall clock is ahead of the clock of the traces; asked for each process of git.
    """

    def __init__(self, only_trace: TraceId | None = None, wall_offset_us: Callable[[], int] = lambda: 0) -> None:
        self.clients: dict[ClientId, Client] = {}
        self.traces: dict[TraceId, Trace] = {}
        self.totals = Totals()
        self.git = GitTotals()
        self.without_trace = 0
        """Clients that have opened no trace yet, or none that is valid."""
        self.pending = PendingEvents()
        self.only_trace = only_trace
        self.exit_paths = ExitPaths()
        self.ending: dict[TraceId, float] = {}  # when they end, soonest first
        self._wall_offset_us = wall_offset_us
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
                return self._receive_events(client, message, now_s)
            case Refused():
                return self._receive_refused(client, message, now_s)
            case Open(trace_id):
                if self.only_trace is None:
                    actions = self._leave(client, now_s)
                    self._enter(client, trace_id)
                    return actions
            case EmitTef(path, line_no) if client.trace_id:
                if reason := client.too_many(message):
                    return self._refuse_command(client, message, reason)
                export = Export(next(self._export_ids), client.trace_id, path, client_id, line_no)
                client.exports[export.export_id] = None
                return [export]
            case EmitTefAtExit(path) if client.trace_id:
                if reason := self.exit_paths.add(client.trace_id, path, client):
                    return self._refuse_command(client, message, reason)
            case EmitTef() | EmitTefAtExit():
                return self._refuse_command(client, message, "OPEN a trace first")
            case Flush() | Status():
                if reason := client.too_many(message):
                    return self._refuse_command(client, message, reason)
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
        actions = self._leave(client, now_s)
        self.without_trace -= 1
        return actions + self._close_if_done(client)

    def _enter(self, client: Client, trace_id: TraceId) -> None:
        client.trace_id = trace_id
        self.without_trace -= 1
        self.traces.setdefault(trace_id, Trace()).clients.add(client.client_id)
        self.ending.pop(trace_id, None)

    def _leave(self, client: Client, now_s: float) -> list[Action]:
        if git := client.git:
            client.git = None
            return self._receive_git(client, git, git.finish(), now_s)
        if client.trace_id is not None and (self.only_trace is None or client.gone):
            self.traces[client.trace_id].clients.discard(client.client_id)
            self._end_unless_kept(client.trace_id, now_s)
            client.trace_id = None
            self.without_trace += 1
        return []

    def _end_unless_kept(self, trace_id: TraceId, now_s: float) -> None:
        """Let this trace end after its grace, unless it has clients or events that wait."""
        if not self.traces[trace_id].clients and trace_id not in self.pending.traces:
            self.ending.pop(trace_id, None)  # so that those that end first stay first
            self.ending[trace_id] = now_s + GRACE_S

    # ------------------------------------------------------------------ events, stored or not

    def _receive_events(self, client: Client, events: Events, now_s: float) -> list[Action]:
        if client.trace_id is None:
            client.git = client.git or begun(events, client.pid, self._wall_offset_us, self.git)
            if client.git:
                return self._receive_git(client, client.git, client.git.take(events), now_s)
            self.totals.refused += events.count
            return client.refuse_events(events, "OPEN a trace first, by its id")
        append = Append(client.client_id, client.trace_id, events)
        if waiting := self.pending.traces.get(client.trace_id):
            return self._wait(append, waiting.reason)
        return [append]

    def _receive_git(self, client: Client, git: GitClient, meaning: Meaning, now_s: float) -> list[Action]:
        """Take what lines of git mean. Their trace waits for this client no longer than for one that has gone."""
        if not meaning.events.count and not meaning.refused:
            return []
        self.traces.setdefault(git.trace_id, Trace())
        self._end_unless_kept(git.trace_id, now_s)
        client.trace_id = git.trace_id
        actions = self._receive_events(client, meaning.events, now_s) if meaning.events.count else []
        actions += [action for refused in meaning.refused for action in self._refuse(client, refused)]
        client.trace_id = None
        return actions

    def _receive_refused(self, client: Client, refused: Refused, now_s: float) -> list[Action]:
        is_open = refused.is_command and refused.line.startswith(b"OPEN")
        if is_open and self.only_trace is not None:
            return []
        if client.git:
            return self._receive_git(client, client.git, Meaning(refused=[refused]), now_s)
        actions = self._refuse(client, refused)
        return actions + self._leave(client, now_s) if is_open else actions

    def _refuse(self, client: Client, refused: Refused) -> list[Action]:
        self.totals.refused += 1
        client.totals.refused += not refused.is_command
        error = client.error(refused.line_no, refused.reason)
        if client.trace_id is None:
            return error
        self.traces[client.trace_id].totals.refused += 1
        return [Reject(client.trace_id, client.pid, refused), *error]

    def _refuse_command(self, client: Client, command: Command, reason: str) -> list[Action]:
        return self._refuse(client, refused_command(command, reason))

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
                return self._error(append, f"{plural(events.count, 'event')} refused from here on: {reason}")
            case Lost(reason):
                return self._lose(append, reason)
            case _:
                assert_never(outcome)

    def _wait(self, append: Append, reason: str) -> list[Action]:
        """Keep these events for a later try, or lose them if there is no room."""
        if not self.pending.add(append.trace_id, append.client, append.events, reason):
            return self._lose(append, reason)
        self.ending.pop(append.trace_id, None)
        reported = self.pending.traces[append.trace_id].reported
        if append.client in reported:
            return []
        reported.add(append.client)
        reason = f"events from here on wait in memory until the log can be written: {reason}"
        return self._error(append, reason, logged=False)

    def _lose(self, append: Append, reason: str) -> list[Action]:
        for totals in self._counts(append):
            totals.lost += append.events.count
        reason = f"{plural(append.events.count, 'event')} lost from here on: {reason}"
        return self._error(append, reason, logged=False)

    def _error(self, append: Append, reason: str, *, logged: bool = True) -> list[Action]:
        client = self.clients.get(append.client)
        return client.error(append.events.first_line, reason, logged=logged) if client else []

    def pending_done(self, trace_id: TraceId, now_s: float) -> None:
        """Note that all events of this trace that waited are written or lost: it may end now."""
        self.pending.end(trace_id)
        self._end_unless_kept(trace_id, now_s)

    def _counts(self, append: Append) -> list[Totals]:
        """Where these events are counted. Their client may have gone, if they had to wait."""
        counts, client = [self.traces[append.trace_id].totals, self.totals], self.clients.get(append.client)
        return [*counts, client.totals] if client else counts

    # ------------------------------------------------------------------ exports

    def export_ended(self, export: Export, error: str = "") -> list[Action]:
        """What must happen because this export is done, or has failed with `error`."""
        if export.client is None:
            return []
        client = self.clients[export.client]
        errors = client.error(export.line_no, f"EMIT_TEF: {error}") if error else []
        del client.exports[export.export_id]
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
        """What must happen because traces have ended, so many at most, when a barrier began at this time.

        Call it only after a barrier: a client may wait in a queue.
        """
        actions: list[Action] = []
        for trace_id in [each for each, ends_at_s in islice(self.ending.items(), most) if ends_at_s <= now_s]:
            del self.ending[trace_id]
            actions += [Export(next(self._export_ids), trace_id, path) for path in self.exit_paths.of(trace_id)]
            actions.append(EndTrace(trace_id, self.traces.pop(trace_id).totals))
        return [*actions, Stop()] if self._is_idle() else actions

    def _is_idle(self) -> bool:
        """Whether the daemon is to stop because its last client has gone."""
        return self._stop_when_idle and all(client.gone or client.git for client in self.clients.values())
