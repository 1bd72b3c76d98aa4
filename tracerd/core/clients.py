"""What is known of each connection and of each trace."""

import math
from collections import deque
from dataclasses import dataclass, field

from tracerd.core.actions import Action, ClientId, ReplyError, ReplyOk, ReplyStatus
from tracerd.core.counts import Totals
from tracerd.core.git_client import GitClient
from tracerd.core.limits import MAX_EXPORTS, MAX_REPLIES
from tracerd.core.messages import Command, EmitTef, Events, Flush, Status
from tracerd.core.protocol import encode_error, encode_ok
from tracerd.trace_id import TraceId

MAX_ERRORS = 10
"""ERROR lines that one connection is sent, before one last line instead of the others."""


@dataclass(slots=True)
class PendingReply:
    """A FLUSH or STATUS that is not answered yet, and the last export that must have ended before."""

    message: Flush | Status
    last_export: int = 0


@dataclass(slots=True)
class Client:
    """One connection, and the replies to it."""

    client_id: ClientId
    pid: int
    since_s: float
    trace_id: TraceId | None = None
    git: GitClient | None = None
    """If it is a process of git, which writes of itself; it has no trace then, and belongs to none as a client."""
    totals: Totals = field(default_factory=Totals)
    errors: int = 0
    exit_paths: int = 0
    """Paths of exports at exit that it has added."""
    gone: bool = False
    """Whether its end was seen; it may still wait for replies."""
    exports: dict[int, None] = field(default_factory=dict[int, None])
    """Exports that this client waits for, in order of asking: a dict as an ordered set."""
    replies: deque[PendingReply] = field(default_factory=deque[PendingReply])
    """Those not sent yet, in order of asking."""

    def ask(self, message: Flush | Status) -> list[Action]:
        """What must be sent because of this message: its reply, if it waits for no export."""
        last_export = next(reversed(self.exports), 0) if isinstance(message, Flush) else 0
        self.replies.append(PendingReply(message, last_export))
        return self.answer()

    def too_many(self, command: Command) -> str:
        """Why this client must wait before it asks once more; empty if it need not."""
        if isinstance(command, EmitTef) and len(self.exports) >= MAX_EXPORTS:
            return f"{MAX_EXPORTS} exports of this connection wait already; the OK of FLUSH comes when they have ended"
        if len(self.replies) >= MAX_REPLIES:
            return f"{MAX_REPLIES} answers to this connection wait for its exports already"
        return ""

    def answer(self) -> list[Action]:
        """The replies that wait for no export any more."""
        actions: list[Action] = []
        unfinished = next(iter(self.exports), math.inf)
        while self.replies and self.replies[0].last_export < unfinished:
            if isinstance(self.replies.popleft().message, Flush):
                ok = encode_ok(self.totals.stored, self.totals.refused, self.totals.lost)
                actions.append(ReplyOk(self.client_id, ok))
            else:
                actions.append(ReplyStatus(self.client_id))
        return actions

    def error(self, line_no: int, reason: str, *, logged: bool = True) -> list[Action]:
        """An ERROR line, unless this client was sent enough of them; see `ReplyError`."""
        self.errors += 1
        if self.errors > MAX_ERRORS + 1:
            return []
        if self.errors > MAX_ERRORS:
            reason = "further errors on this connection are not reported"
        return [ReplyError(self.client_id, encode_error(line_no, reason), logged)]

    def refuse_events(self, events: Events, reason: str) -> list[Action]:
        """Count them as refused, and the ERROR lines of the first of them."""
        self.totals.refused += events.count
        lines = range(events.first_line, events.first_line + min(events.count, MAX_ERRORS + 1))
        return [error for line_no in lines for error in self.error(line_no, reason)]


@dataclass(slots=True)
class Trace:
    """What is known of a trace during its life.

    - open: it has clients;
    - ending: its last client has gone. The next one may be on its way, as between two steps of a build, so the trace
      waits `GRACE_S` for it;
    - pending: its log cannot be written, and events wait in memory. It cannot end before they are written or lost;
    - ended: its exports at exit are asked for, its counts are handed out in `EndTrace`, and its log is closed. Only the
      paths of its exports are remembered: if clients come again they are written again.
    """

    clients: set[ClientId] = field(default_factory=set[ClientId])
    totals: Totals = field(default_factory=Totals)
    """Counted since the last EndTrace."""
