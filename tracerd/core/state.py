"""What the daemon knows and decides: who is connected, what they opened, what must happen next.

Rule 1: everything that decides lives here; nothing here performs. `DaemonState` takes messages and says, as a list of
actions, what the server has to do. It reads no clock: time comes in as seconds of any steady clock.
"""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from tracerd.core.counts import Totals
from tracerd.core.pending import PendingEvents
from tracerd.core.protocol import (
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
    encode_error,
    encode_ok,
)
from tracerd.trace_id import TraceId

MAX_ERRORS = 10
"""ERROR lines that one connection is sent, before one last line that says so."""

GRACE_S = 0.2
"""How long a trace without clients waits for the next one before it counts as ended."""

ClientId = int
"""Number of a connection, counted from 1 since the daemon's start."""


@dataclass(frozen=True, slots=True)
class Append:
    """Write a run of events to the log, then tell `DaemonState.stored`, `full`, `wait` or `lost`."""

    client: ClientId
    trace_id: TraceId
    events: Events


@dataclass(frozen=True, slots=True)
class Reject:
    """Keep a refused line where the client's author can find it."""

    trace_id: TraceId
    client_pid: int
    refused: Refused


@dataclass(frozen=True, slots=True)
class Export:
    """Write the trace to a file, after the barrier, then tell `DaemonState.export_ended`."""

    export_id: int
    trace_id: TraceId
    path: str
    client: ClientId | None
    """Who waits for it: who asked, or who left last and reads on; None for most exports at exit."""
    line_no: int
    """Where that client asked for it; 0 if another did."""


@dataclass(frozen=True, slots=True)
class ReplyError:
    """Send an ERROR line, if the client reads at all."""

    client: ClientId
    line: bytes
    logged: bool = True
    """Whether the daemon's log tells it too; what it tells of the trace need not be said for each client."""


@dataclass(frozen=True, slots=True)
class ReplyOk:
    """Send the OK line (`DaemonState.ok_line`) that answers a FLUSH."""

    client: ClientId


@dataclass(frozen=True, slots=True)
class ReplyStatus:
    """Send the daemon's status as one JSON line."""

    client: ClientId


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


Action = Append | Reject | Export | ReplyError | ReplyOk | ReplyStatus | EndTrace | Close | Stop


@dataclass(slots=True)
class PendingReply:
    """A FLUSH or STATUS: the answer, and the last of the client's exports that must have ended before it."""

    answer: ReplyOk | ReplyStatus
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
    """Exports that this client waits for, those asked first before the others: a dict as an ordered set."""
    questions: deque["PendingReply"] = field(default_factory=deque["PendingReply"])
    """Those not answered yet: they are answered in the order of asking."""


@dataclass(slots=True)
class Trace:
    """A trace that has clients, or had some until a moment ago."""

    clients: set[ClientId] = field(default_factory=set[ClientId])
    totals: Totals = field(default_factory=Totals)
    """Counted since the last EndTrace."""


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
        self.backlog = PendingEvents()
        self._only_trace = only_trace
        self._at_exit: dict[TraceId, dict[str, tuple[ClientId, int]]] = {}  # by path: who asked, in which line
        self._ending: dict[TraceId, float] = {}  # traces without clients: when they end, soonest first
        self._lingering: dict[ClientId, TraceId] = {}  # gone, maybe the last, and reading on until exports have ended
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

    def receive(self, client_id: ClientId, messages: list[Message], now_s: float) -> Iterator[Action]:
        """What must happen because of these messages.

        An iterator on purpose: each action is to be performed before the next is asked for, so that an OK counts
        what was stored before it.
        """
        client = self.clients[client_id]
        for message in messages:
            match message:
                case Events():
                    yield from self._receive_events(client_id, client, message)
                case Refused():
                    is_open = message.is_command and message.line.startswith(b"OPEN")
                    if is_open and self._only_trace is not None:
                        continue
                    yield from self._refuse(client_id, client, message)
                    if is_open:
                        self._leave(client_id, now_s)
                case Open(trace_id):
                    if self._only_trace is None:
                        self._leave(client_id, now_s)
                        self._enter(client_id, trace_id)
                case EmitTef(path, line_no):
                    if client.trace_id is None:
                        yield from self._refuse(client_id, client, _no_open_trace("EMIT_TEF", line_no))
                    else:
                        yield self._export(client.trace_id, path, client_id, line_no)
                case EmitTefAtExit(path, line_no):
                    if client.trace_id is None:
                        yield from self._refuse(client_id, client, _no_open_trace("EMIT_TEF_AT_EXIT", line_no))
                    else:
                        self._at_exit.setdefault(client.trace_id, {})[path] = (client_id, line_no)
                case Flush():
                    client.questions.append(PendingReply(ReplyOk(client_id), next(reversed(client.exports), 0)))
                    yield from self._answer(client_id, client)
                case Status():
                    client.questions.append(PendingReply(ReplyStatus(client_id)))
                    yield from self._answer(client_id, client)
                case Die():
                    yield Stop()
                case DieWhenIdle():
                    self._stop_when_idle = True

    def has_exports_at_exit(self, client_id: ClientId) -> bool:
        """Whether this client's trace is to be exported when the last client has gone."""
        return self.clients[client_id].trace_id in self._at_exit

    def has_exports_to_come(self) -> bool:
        """Whether a trace that has not ended yet is to be exported when it does."""
        return not self._at_exit.keys().isdisjoint(self.traces)

    def disconnect(self, client_id: ClientId, now_s: float, *, listens: bool = False) -> Iterator[Action]:
        """What must happen because this connection has ended (on the client's side).

        Args:
            client_id: Who.
            now_s: When.
            listens: It only half-closed, and reads on: if it was its trace's last client, the exports at exit run at
                once, and its connection is closed when they have ended.
        """
        client = self.clients[client_id]
        if listens and client.trace_id is not None and self.has_exports_at_exit(client_id):
            self._lingering[client_id] = client.trace_id
        client.gone = True
        self._leave(client_id, now_s)
        self.without_trace -= 1
        yield from self._answer(client_id, client)

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
        if not trace.clients and client.trace_id not in self.backlog.traces:
            self._ending[client.trace_id] = now_s + GRACE_S
        client.trace_id = None
        self.without_trace += 1

    # ------------------------------------------------------------------ events, stored or not

    def _receive_events(self, client_id: ClientId, client: Client, events: Events) -> Iterator[Action]:
        if client.trace_id is not None:
            yield Append(client_id, client.trace_id, events)
            return
        client.totals.refused += events.count
        self.totals.refused += events.count
        for line_no in range(events.first_line, events.first_line + min(events.count, MAX_ERRORS + 1)):
            yield from self._error(client_id, line_no, "OPEN a trace first, by its id")

    def _refuse(self, client_id: ClientId, client: Client, refused: Refused) -> Iterator[Action]:
        self.totals.refused += 1
        if not refused.is_command:
            client.totals.refused += 1
        if client.trace_id is not None:
            self.traces[client.trace_id].totals.refused += 1
            yield Reject(client.trace_id, client.pid, refused)
        yield from self._error(client_id, refused.line_no, refused.reason)

    def stored(self, append: Append) -> None:
        """Note that these events are in the log."""
        for totals in self._counts(append):
            totals.stored += append.events.count
            totals.repaired += append.events.repaired

    def wait(self, append: Append, reason: str) -> Iterator[Action]:
        """What must happen because the log cannot be written now: the events wait, or are lost if there is no room."""
        if not self.backlog.add(append.trace_id, append.client, append.events, reason):
            yield from self.lost(append, reason)
            return
        told = self.backlog.traces[append.trace_id].told
        if append.client not in told:
            told.add(append.client)
            reason = f"events from here on wait in memory until the log can be written: {reason}"
            yield from self._error(append.client, append.events.first_line, reason, logged=False)

    def waiting(self, trace_id: TraceId) -> Iterator[Append]:
        """What waits of a trace, to be written in order; each is taken as settled when the next is asked for."""
        for client, events in self.backlog.take(trace_id):
            yield Append(client, trace_id, events)

    def pending_done(self, trace_id: TraceId, now_s: float) -> None:
        """Note that nothing of this trace waits any more, for all of it was settled."""
        self.backlog.end(trace_id)
        if not self.traces[trace_id].clients:
            self._ending[trace_id] = now_s + GRACE_S

    def lost(self, append: Append, reason: str) -> Iterator[Action]:
        """What must happen because these events will never be written."""
        for totals in self._counts(append):
            totals.lost += append.events.count
        reason = f"{append.events.count} events from here on are lost: {reason}"
        yield from self._error(append.client, append.events.first_line, reason, logged=False)

    def full(self, append: Append, reason: str) -> Iterator[Action]:
        """What must happen because the trace has no room for these events: refused, with one ERROR for all of them."""
        for totals in self._counts(append):
            totals.refused += append.events.count
        reason = f"{append.events.count} events from here on are refused: {reason}"
        yield from self._error(append.client, append.events.first_line, reason)

    def _counts(self, append: Append) -> Iterator[Totals]:
        """Where these events are counted. Who sent them may have gone, if they had to wait."""
        if client := self.clients.get(append.client):
            yield client.totals
        yield self.traces[append.trace_id].totals
        yield self.totals

    # ------------------------------------------------------------------ exports and answers

    def _export(self, trace_id: TraceId, path: str, client_id: ClientId | None, line_no: int) -> Export:
        self._export_count += 1
        export = Export(self._export_count, trace_id, path, client_id, line_no)
        self._exports[export.export_id] = export
        client = self.clients.get(client_id) if client_id is not None else None
        if client is not None:
            client.exports[export.export_id] = None
        return export

    def export_ended(self, export_id: int, error: str = "") -> Iterator[Action]:
        """What must happen because this export is done, or has failed with `error`."""
        export = self._exports.pop(export_id)
        client = self.clients.get(export.client) if export.client is not None else None
        if export.client is None or client is None:
            return
        if error and export.line_no:
            yield from self._error(export.client, export.line_no, f"EMIT_TEF: {error}")
        client.exports.pop(export_id, None)
        yield from self._answer(export.client, client)

    def _answer(self, client_id: ClientId, client: Client) -> Iterator[Action]:
        unfinished = next(iter(client.exports), math.inf)
        while client.questions and client.questions[0].last_export < unfinished:
            yield client.questions.popleft().answer
        if client.gone and not client.exports and not client.questions and client_id not in self._lingering:
            del self.clients[client_id]
            yield Close(client_id)

    def _error(self, client_id: ClientId, line_no: int, reason: str, *, logged: bool = True) -> Iterator[Action]:
        client = self.clients.get(client_id)
        if client is None:
            return
        client.errors += 1
        if client.errors > MAX_ERRORS + 1:
            return
        if client.errors > MAX_ERRORS:
            reason = "further errors on this connection are not reported"
        yield ReplyError(client_id, encode_error(line_no, reason), logged)

    def ok_line(self, client_id: ClientId) -> bytes:
        """The answer to a FLUSH, as of now."""
        totals = self.clients[client_id].totals
        return encode_ok(totals.stored, totals.refused, totals.lost)

    # ------------------------------------------------------------------ ends of traces, end of the daemon

    def next_end_s(self) -> float:
        """When `end_due_traces` has something to do; infinite if nothing is due."""
        if self._stop_when_idle and not self._connected():
            return -math.inf
        if self._lingering:
            return -math.inf
        return next(iter(self._ending.values()), math.inf)

    def end_due_traces(self, now_s: float) -> Iterator[Action]:
        """What must happen because traces have ended. Call it only after a drain: a client may wait in a queue."""
        lingering, self._lingering = self._lingering, {}
        lingers_for = {trace_id: client_id for client_id, trace_id in lingering.items()}
        ended = [
            trace_id for trace_id, ends_at_s in self._ending.items() if ends_at_s <= now_s or trace_id in lingers_for
        ]
        for trace_id in ended:
            del self._ending[trace_id]
            waiting = lingers_for.get(trace_id)
            for path, (asker, line_no) in self._at_exit.get(trace_id, {}).items():
                export = self._export(trace_id, path, waiting, line_no if asker == waiting else 0)
                if waiting is not None:
                    for question in self.clients[waiting].questions:
                        question.last_export = export.export_id
                yield export
            yield EndTrace(trace_id, self.traces.pop(trace_id).totals)
        for client_id in lingering:
            yield from self._answer(client_id, self.clients[client_id])
        if self._stop_when_idle and not self._connected():
            yield Stop()

    def forget(self, trace_id: TraceId) -> None:
        """Forget the exports at exit of a trace whose log was removed, but for those of clients that are here."""
        asked = self._at_exit.pop(trace_id, {})
        here = {path: by for path, by in asked.items() if by[0] in self.clients and not self.clients[by[0]].gone}
        if here:
            self._at_exit[trace_id] = here

    def _connected(self) -> bool:
        return any(not client.gone for client in self.clients.values())

    def unrecorded_refusals(self, trace_id: TraceId) -> int:
        """Lines refused for this trace that no EndTrace has told yet."""
        trace = self.traces.get(trace_id)
        return trace.totals.refused if trace else 0


def _no_open_trace(command: str, line_no: int) -> Refused:
    return Refused(line_no, f"{command}: OPEN a trace first", command.encode(), is_command=True)
