"""What the daemon decides: messages in, actions out, no I/O."""

import math

import pytest

from tests.core.states import TWO, A, B, receive
from tracerd.core.actions import (
    Action,
    Append,
    Close,
    EndTrace,
    Export,
    Full,
    Lost,
    Reject,
    ReplyError,
    ReplyOk,
    ReplyStatus,
    Retry,
    Stop,
    Stored,
    Waits,
)
from tracerd.core.counts import Totals
from tracerd.core.limits import MAX_EXIT_PATHS, MAX_EXIT_PATHS_OF_CLIENT, MAX_EXPORTS, MAX_REPLIES
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
from tracerd.core.state import GRACE_S, DaemonState
from tracerd.trace_id import TraceId


def test_events_go_to_the_open_trace() -> None:
    state = DaemonState()
    client = state.connect(7, 0.0)
    assert receive(state, client, Open(A), TWO, Open(B), TWO) == [Append(client, A, TWO), Append(client, B, TWO)]


def test_events_before_open_are_refused_each_with_its_line() -> None:
    state = DaemonState()
    client = state.connect(7, 0.0)
    errors = receive(state, client, TWO)
    assert errors == [ReplyError(client, b"ERROR %d: OPEN a trace first, by its id\n" % line) for line in (2, 3)]
    assert state.totals == Totals(refused=2)


def test_events_after_a_bad_open_are_refused_until_a_good_one() -> None:
    state = DaemonState()
    client = state.connect(7, 0.0)
    bad = Refused(2, "OPEN: why", b"OPEN ../x", is_command=True)
    actions = receive(state, client, Open(A), bad, TWO, Open(B), TWO)
    assert [type(action) for action in actions] == [Reject, ReplyError, ReplyError, ReplyError, Append]
    assert actions[-1] == Append(client, B, TWO)


def test_only_ten_errors_are_told_and_then_one_last_line() -> None:
    state = DaemonState()
    client = state.connect(7, 0.0)
    receive(state, client, Open(A))
    actions = receive(state, client, *(Refused(n, "why", b"x") for n in range(1, 51)))
    errors = [action.line for action in actions if isinstance(action, ReplyError)]
    assert errors[:10] == [b"ERROR %d: why\n" % n for n in range(1, 11)]
    assert errors[10:] == [b"ERROR 11: further errors on this connection are not reported\n"]
    assert sum(isinstance(action, Reject) for action in actions) == 50


def test_ok_counts_the_events_of_this_connection_only() -> None:
    state = DaemonState()
    first, second = state.connect(1, 0.0), state.connect(2, 0.0)
    receive(state, first, Open(A), TWO, Refused(4, "why", b"x"), Refused(5, "why", b"OPEN /", is_command=True))
    receive(state, second, Open(A), TWO, TWO)
    assert receive(state, first, Flush()) == [ReplyOk(first, b"OK 2 1 0\n")]
    assert receive(state, second, Flush()) == [ReplyOk(second, b"OK 4 0 0\n")]


def test_events_are_counted_for_client_trace_and_daemon() -> None:
    state = DaemonState()
    client = state.connect(1, 0.0)
    receive(state, client, Open(A), TWO, Events(b"{}\n{}\n{}\n", 3, repaired=1, first_line=4))
    expected = Totals(stored=5, repaired=1)
    assert [state.clients[client].totals, state.traces[A].totals, state.totals] == [expected] * 3


def test_what_cannot_be_written_is_lost_and_reported() -> None:
    state = DaemonState()
    client = state.connect(1, 0.0)
    receive(state, client, Open(A))
    (append,) = state.receive(client, TWO, 0.0)
    assert isinstance(append, Append)
    assert state.appended(append, Lost("No space left on device")) == [
        ReplyError(client, b"ERROR 2: 2 events lost from here on: No space left on device\n", logged=False)
    ]
    assert receive(state, client, Flush()) == [ReplyOk(client, b"OK 0 0 2\n")]


def test_what_waits_is_acknowledged_when_it_is_written_and_the_trace_does_not_end_before() -> None:
    state = DaemonState()
    client = state.connect(1, 0.0)
    error = b"ERROR 2: events from here on wait in memory until the log can be written: No space left on device\n"
    assert receive(state, client, Open(A), TWO, TWO, Flush(), full=True) == [
        Append(client, A, TWO),
        ReplyError(client, error, logged=False),
        Retry(A),
        ReplyOk(client, b"OK 0 0 0\n"),
    ]
    assert state.disconnect(client, 1.0) == [Close(client)]
    assert state.next_end_s() == math.inf
    assert state.end_due_traces(1000.0) == []

    append = state.pending.first(A)
    assert append is not None
    assert append == Append(client, A, Events(TWO.block * 2, 4, first_line=2), waited=True)
    assert state.appended(append, Waits("why")) == []
    assert state.pending.first(A) == append, "it was not written: it goes on waiting"
    assert state.appended(append, Stored()) == []
    assert state.pending.first(A) is None
    state.pending_done(A, 1000.0)
    assert state.next_end_s() == 1000.0 + GRACE_S
    assert state.end_due_traces(1001.0) == [EndTrace(A, Totals(stored=4))]


def test_events_of_a_full_trace_are_refused_with_one_error_a_run() -> None:
    state = DaemonState()
    client = state.connect(1, 0.0)
    receive(state, client, Open(A))
    (append,) = state.receive(client, TWO, 0.0)
    assert isinstance(append, Append)
    assert state.appended(append, Full("why")) == [ReplyError(client, b"ERROR 2: 2 events refused from here on: why\n")]
    assert receive(state, client, Flush()) == [ReplyOk(client, b"OK 0 2 0\n")]


def test_ok_waits_for_the_exports_asked_before_it_and_no_others() -> None:
    state = DaemonState()
    client = state.connect(1, 0.0)
    first, second = receive(state, client, Open(A), EmitTef("/1", 2), Flush(), EmitTef("/2", 4), Flush(), Status())
    assert isinstance(first, Export)
    assert isinstance(second, Export)
    assert state.export_ended(second) == []
    ok = ReplyOk(client, b"OK 0 0 0\n")
    assert state.export_ended(first) == [ok, ok, ReplyStatus(client)]


def test_a_failed_export_is_told_with_its_line_before_the_ok() -> None:
    state = DaemonState()
    client = state.connect(1, 0.0)
    (export,) = receive(state, client, Open(A), EmitTef("/1", 2), Flush())
    assert isinstance(export, Export)
    error = ReplyError(client, b"ERROR 2: EMIT_TEF: no\n")
    assert state.export_ended(export, "no") == [error, ReplyOk(client, b"OK 0 0 0\n")]


def refusals(actions: list[Action]) -> list[bytes]:
    return [action.line for action in actions if isinstance(action, ReplyError)]


@pytest.mark.parametrize("question", [Flush(7), Status(7)])
def test_answers_that_wait_behind_an_export_are_limited(question: Message) -> None:
    state = DaemonState()
    client = state.connect(1, 0.0)
    (export,) = receive(state, client, Open(A), EmitTef("/1", 2))
    assert isinstance(export, Export)
    assert receive(state, client, Flush(3), *[question] * (MAX_REPLIES - 1)) == []
    assert refusals(receive(state, client, *[question] * 1000))[0].startswith(b"ERROR 7: ")
    assert len(state.clients[client].replies) == MAX_REPLIES
    assert len([each for each in state.export_ended(export) if not isinstance(each, ReplyError)]) == MAX_REPLIES
    assert len(receive(state, client, Flush())) == 1, "there is room again"


def test_exports_that_wait_are_limited() -> None:
    state = DaemonState()
    client, neighbour = state.connect(1, 0.0), state.connect(2, 0.0)
    exports = receive(state, client, Open(A), *[EmitTef(f"/{number}", number) for number in range(MAX_EXPORTS)])
    assert [type(action) for action in exports] == [Export] * MAX_EXPORTS
    assert refusals(receive(state, client, EmitTef("/more", 200)))[0].startswith(b"ERROR 200: EMIT_TEF: ")
    assert [type(action) for action in receive(state, neighbour, Open(A), EmitTef("/other", 2))] == [Export]
    assert isinstance(exports[0], Export)
    state.export_ended(exports[0])
    assert [type(action) for action in receive(state, client, EmitTef("/more", 201))] == [Export]


def test_paths_of_exports_at_exit_are_limited_for_a_trace_and_for_a_client() -> None:
    state = DaemonState()
    client = state.connect(1, 0.0)
    asked = [EmitTefAtExit(f"/{number}", number) for number in range(2 * MAX_EXIT_PATHS)]
    refused = refusals(receive(state, client, Open(A), *asked, asked[0]))
    assert refused[0].startswith(b"ERROR %d: EMIT_TEF_AT_EXIT: the trace has" % MAX_EXIT_PATHS)
    assert len(list(state.exit_paths.of(A))) == MAX_EXIT_PATHS
    for number in range(MAX_EXIT_PATHS_OF_CLIENT):
        receive(state, client, Open(TraceId(f"t{number}")), EmitTefAtExit("/1", 2))
    assert sum(len(list(state.exit_paths.of(trace_id))) for trace_id in state.traces) == MAX_EXIT_PATHS_OF_CLIENT


@pytest.mark.parametrize("message", [EmitTef("/t", 1), EmitTefAtExit("/t", 1)])
def test_an_export_without_a_trace_is_an_error(message: Message) -> None:
    state = DaemonState()
    client = state.connect(1, 0.0)
    (error,) = receive(state, client, message)
    assert isinstance(error, ReplyError)
    assert error.line.endswith(b": OPEN a trace first\n")


def test_a_client_is_closed_when_its_exports_have_ended() -> None:
    state = DaemonState()
    client = state.connect(1, 0.0)
    (export,) = receive(state, client, Open(A), EmitTef("/1", 2))
    assert isinstance(export, Export)
    assert state.disconnect(client, 1.0) == []
    assert state.export_ended(export) == [Close(client)]
    assert not state.clients


def test_die_stops_now() -> None:
    state = DaemonState()
    client = state.connect(1, 0.0)
    assert receive(state, client, Die()) == [Stop()]


def test_die_when_idle_stops_when_the_last_client_has_gone() -> None:
    state = DaemonState()
    first, second = state.connect(1, 0.0), state.connect(2, 0.0)
    assert receive(state, first, DieWhenIdle(), Status()) == [ReplyStatus(first)]
    state.disconnect(first, 1.0)
    assert Stop() not in state.end_due_traces(9.0)
    state.disconnect(second, 2.0)
    assert state.next_end_s() == -math.inf
    assert state.end_due_traces(2.0) == [Stop()]


def test_into_file_needs_no_open_and_ignores_it() -> None:
    state = DaemonState(only_trace=A)
    client = state.connect(1, 0.0)
    bad = Refused(2, "OPEN: why", b"OPEN ../x", is_command=True)
    assert receive(state, client, Open(B), bad, TWO) == [Append(client, A, TWO)]
