"""The daemon's state, whatever its clients do and in whatever order."""

import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.core.git_lines import BEGUN, line, run
from tests.core.states import TWO, A, B, receive, write_pending
from tracerd.core.actions import Action, ClientId, Close, EndTrace, Export, ReplyOk
from tracerd.core.counts import Totals
from tracerd.core.messages import EmitTef, EmitTefAtExit, Events, Flush, Message, Open, Refused
from tracerd.core.state import GRACE_S, DaemonState

TRACES = st.sampled_from([A, B])
BEGUN_IN_A = BEGUN.replace(b"build-42", A.encode())


class AnyOrder(RuleBasedStateMachine):
    """Clients come, speak and go in any order; nothing is forgotten and nothing is counted twice."""

    def __init__(self) -> None:
        super().__init__()
        self.state = DaemonState()
        self.now_s = 0.0
        self.here: list[ClientId] = []
        self.gits: list[ClientId] = []
        self.known: set[ClientId] = set()
        self.running: list[Export] = []
        self.sent = 0
        self.flushes = 0
        self.oks = 0
        self.full = False
        self.ended = Totals()

    def perform(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Export():
                    self.running.append(action)
                case ReplyOk():
                    self.oks += 1
                case Close(client):
                    self.known.remove(client)
                case EndTrace(_, totals):
                    self.ended.add(totals)
                case _:
                    pass

    @rule()
    def connect(self) -> None:
        client = self.state.connect(1, self.now_s)
        self.here.append(client)
        self.known.add(client)

    @precondition(lambda self: self.here)
    @rule(data=st.data())
    def speak(self, data: st.DataObject) -> None:
        client = data.draw(st.sampled_from(self.here))
        message = data.draw(
            st.one_of(
                st.builds(Open, TRACES),
                st.just(TWO),
                st.just(Refused(1, "why", b"x")),
                st.builds(EmitTef, st.just("/now"), st.just(1)),
                st.builds(EmitTefAtExit, st.just("/exit"), st.just(1)),
                st.just(Flush()),
            )
        )
        homeless = isinstance(message, EmitTef | EmitTefAtExit) and self.state.clients[client].trace_id is None
        self.sent += 2 * isinstance(message, Events) + (isinstance(message, Refused) or homeless)
        self.flushes += isinstance(message, Flush)
        self.perform(receive(self.state, client, message, now_s=self.now_s, full=self.full))

    @rule()
    def a_git_comes(self) -> None:
        git = self.state.connect(1, self.now_s)
        self.gits.append(git)
        self.known.add(git)
        self.sent += 2
        self.perform(receive(self.state, git, run(BEGUN_IN_A), now_s=self.now_s, full=self.full))

    @precondition(lambda self: self.gits)
    @rule(data=st.data(), message=st.sampled_from([run(line("data", 400, key="x"), 4), Refused(1, "why", b"x")]))
    def a_git_speaks(self, data: st.DataObject, message: Message) -> None:
        git = data.draw(st.sampled_from(self.gits))
        self.sent += 1
        self.perform(receive(self.state, git, message, now_s=self.now_s, full=self.full))

    @precondition(lambda self: self.gits)
    @rule(data=st.data())
    def a_git_leaves(self, data: st.DataObject) -> None:
        git = data.draw(st.sampled_from(self.gits))
        self.gits.remove(git)
        self.perform(self.state.disconnect(git, self.now_s))

    @rule()
    def fill(self) -> None:
        self.full = True

    @rule()
    def free(self) -> None:
        self.full = False
        write_pending(self.state, self.now_s)

    @precondition(lambda self: self.here)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        client = data.draw(st.sampled_from(self.here))
        self.here.remove(client)
        self.perform(self.state.disconnect(client, self.now_s))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), error=st.sampled_from(["", "no"]))
    def end_export(self, data: st.DataObject, error: str) -> None:
        export = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.perform(self.state.export_ended(export, error))

    @rule(passed_s=st.sampled_from([0.0, GRACE_S / 2, GRACE_S]))
    def end_due_traces(self, passed_s: float) -> None:
        self.now_s += passed_s
        self.perform(self.state.end_due_traces(self.now_s))
        assert self.state.next_end_s() > self.now_s

    @invariant()
    def every_event_is_counted_once(self) -> None:
        totals = self.state.totals
        waiting = sum(map(self.state.pending.events, self.state.pending.traces))
        assert totals.stored + totals.refused + waiting == self.sent

    @invariant()
    def a_client_is_known_until_all_is_done(self) -> None:
        assert set(self.state.clients) == self.known
        assert set(self.here) <= self.known
        assert self.state.without_trace == len(self.gits) + sum(
            self.state.clients[client].trace_id is None for client in self.here
        )

    def teardown(self) -> None:
        """At the end nothing waits, all answers were given, all traces have ended, and nothing is left in memory."""
        self.free()
        for client in [*self.here, *self.gits]:
            self.perform(self.state.disconnect(client, self.now_s))
        self.perform(self.state.end_due_traces(math.inf))
        while self.running:
            self.perform(self.state.export_ended(self.running.pop()))
        assert self.oks == self.flushes
        assert not self.state.clients
        assert not self.state.traces
        assert self.ended.stored == self.state.totals.stored


AnyOrder.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase
