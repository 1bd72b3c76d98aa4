"""When a trace ends, and its exports at exit."""

import math

from tests.core.states import TWO, A, receive
from tracerd.core.actions import Close, EndTrace, Export
from tracerd.core.counts import Totals
from tracerd.core.messages import EmitTefAtExit, Open
from tracerd.core.state import GRACE_S, DaemonState
from tracerd.trace_id import TraceId


def test_traces_end_a_few_in_each_turn() -> None:
    state = DaemonState()
    client = state.connect(1, 0.0)
    receive(state, client, *[Open(TraceId(f"t{number}")) for number in range(251)])
    ended = [len(state.end_due_traces(10.0, most=100)) for _ in range(3)]
    assert ended == [100, 100, 50], "and one is open"
    assert state.next_end_s() == math.inf


def test_exports_at_exit_run_a_grace_after_the_last_client() -> None:
    state = DaemonState()
    first, second = state.connect(1, 0.0), state.connect(2, 0.0)
    receive(state, first, Open(A), EmitTefAtExit("/1", 2), EmitTefAtExit("/2", 3), EmitTefAtExit("/1", 4), TWO)
    receive(state, second, Open(A))
    assert state.disconnect(first, 10.0) == [Close(first)]
    assert state.next_end_s() == math.inf
    assert state.disconnect(second, 11.0) == [Close(second)]
    assert state.next_end_s() == 11.0 + GRACE_S
    assert state.end_due_traces(11.0) == []
    *exports, end = state.end_due_traces(11.0 + GRACE_S)
    assert [(e.path, e.client) for e in exports if isinstance(e, Export)] == [("/1", None), ("/2", None)]
    assert end == EndTrace(A, Totals(stored=2))
    assert state.next_end_s() == math.inf


def test_a_client_that_comes_in_time_keeps_the_trace_alive() -> None:
    state = DaemonState()
    first = state.connect(1, 0.0)
    receive(state, first, Open(A), EmitTefAtExit("/1", 2))
    state.disconnect(first, 10.0)
    second = state.connect(2, 10.1)
    receive(state, second, Open(A))
    assert state.end_due_traces(20.0) == []
    state.disconnect(second, 30.0)
    assert [type(action) for action in state.end_due_traces(31.0)] == [Export, EndTrace]


def test_exports_at_exit_are_remembered_until_the_log_is_removed() -> None:
    state = DaemonState()
    for expected in ([Export, EndTrace], [Export, EndTrace]):
        client = state.connect(1, 0.0)
        receive(state, client, Open(A), EmitTefAtExit("/1", 2))
        state.disconnect(client, 1.0)
        assert [type(action) for action in state.end_due_traces(2.0)] == expected
    state.exit_paths.forget(A)
    client = state.connect(1, 0.0)
    receive(state, client, Open(A))
    state.disconnect(client, 1.0)
    assert [type(action) for action in state.end_due_traces(2.0)] == [EndTrace]


def test_exports_at_exit_of_those_who_are_here_outlive_the_log() -> None:
    state = DaemonState()
    gone, here = state.connect(1, 0.0), state.connect(2, 0.0)
    receive(state, gone, Open(A), EmitTefAtExit("/gone", 2))
    receive(state, here, Open(A), EmitTefAtExit("/here", 2))
    state.disconnect(gone, 1.0)
    state.exit_paths.forget(A)
    assert list(state.exit_paths.of(A)) == ["/here"]
    state.disconnect(here, 2.0)
    assert [type(action) for action in state.end_due_traces(3.0)] == [Export, EndTrace]


def test_a_client_that_has_gone_does_not_wait_for_exports_at_exit() -> None:
    state = DaemonState()
    client = state.connect(1, 0.0)
    receive(state, client, Open(A), EmitTefAtExit("/exit", 2))
    assert state.disconnect(client, 10.0) == [Close(client)]
    assert state.next_end_s() == 10.0 + GRACE_S
    export, end = state.end_due_traces(11.0)
    assert isinstance(export, Export)
    assert export == Export(1, A, "/exit", client=None, line_no=0)
    assert end == EndTrace(A, Totals())
    assert state.export_ended(export, "no") == [], "no client is left to be sent the error"
