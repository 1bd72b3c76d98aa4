"""Shortcuts leave the state that the usual steps leave."""

import pytest

from tests.core.states import A, receive
from tracerd.core.actions import Append, EndTrace, Stored, Waits
from tracerd.core.counts import Totals
from tracerd.core.messages import Events, Open
from tracerd.core.shortcuts import flowed, named_trace, visited
from tracerd.core.state import GRACE_S, DaemonState
from tracerd.trace_id import TraceId

TWO = Events(b'{"a":1}\n{"b":2}\n', 2)


def open_one(*, stays: bool) -> DaemonState:
    """A state with two open traces; of A the one client stays or has gone, at 10.0."""
    state = DaemonState()
    client = state.connect(1, 0.0)
    receive(state, client, Open(A))
    receive(state, state.connect(2, 0.0), Open(TraceId("other")))
    if not stays:
        state.disconnect(client, 10.0)
    return state


@pytest.mark.parametrize("stays", [True, False])
def test_a_visit_leaves_what_a_connection_leaves(stays: bool) -> None:
    state, expected = open_one(stays=stays), open_one(stays=stays)
    client = expected.connect(3, 10.1)
    receive(expected, client, Open(A))
    [append] = expected.receive(client, TWO, 10.1)
    assert isinstance(append, Append)
    expected.appended(append, Stored())
    expected.disconnect(client, 10.1)

    assert named_trace(state, b"OPEN %s" % A.encode()) == A
    visited(state, A, 2, 10.1)

    assert (state.traces, state.totals) == (expected.traces, expected.totals)
    assert state.next_end_s() == expected.next_end_s()
    assert state.end_due_traces(10.25) == []
    assert state.end_due_traces(10.4) == expected.end_due_traces(10.4)
    assert state.without_trace == expected.without_trace == 0


def test_the_first_client_of_a_trace_may_be_gone() -> None:
    state = DaemonState()
    assert named_trace(state, b"OPEN a") == A
    visited(state, A, 2, 10.0)
    assert state.next_end_s() == 10.0 + GRACE_S
    assert state.end_due_traces(10.0 + GRACE_S) == [EndTrace(A, Totals(stored=2))]
    assert not state.traces


@pytest.mark.parametrize("line", [b"OPEN", b"OPEN ", b"OPEN a ", b"OPEN ../a", b"open a", b"OPEN \xff", b"{}", b""])
def test_what_names_no_trace_is_left_to_others(line: bytes) -> None:
    assert named_trace(open_one(stays=True), line) is None


def test_a_trace_of_which_events_wait_cannot_be_visited() -> None:
    state = open_one(stays=True)
    [append] = state.receive(1, TWO, 0.0)
    assert isinstance(append, Append)
    state.appended(append, Waits("no space left"))
    assert named_trace(state, b"OPEN %s" % A.encode()) is None


def test_with_one_trace_for_all_no_trace_can_be_visited_by_its_name() -> None:
    assert named_trace(DaemonState(A), b"OPEN %s" % A.encode()) is None


def test_events_that_flow_leave_what_an_append_leaves() -> None:
    state, expected = open_one(stays=True), open_one(stays=True)
    [append] = expected.receive(1, TWO, 10.0)
    assert isinstance(append, Append)
    expected.appended(append, Stored())

    flowed(state, 1, 2)

    assert (state.traces, state.totals, state.clients) == (expected.traces, expected.totals, expected.clients)
