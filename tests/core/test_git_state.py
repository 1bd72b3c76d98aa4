"""A connection of git in the daemon's state: it is no client, and what it means goes to its trace."""

from tests.core.git_lines import BEGUN, ENDED, OFFSET_US, VERSION, line, run
from tests.core.states import A, receive, write_pending
from tracerd.core.actions import Append, EndTrace, Export, Reject, ReplyError, Stop
from tracerd.core.messages import Die, DieWhenIdle, EmitTef, EmitTefAtExit, Events, Flush, Open, Refused
from tracerd.core.state import GRACE_S, DaemonState
from tracerd.trace_id import TraceId

TRACE = TraceId("build-42")


def with_git(data: bytes = BEGUN) -> tuple[DaemonState, int]:
    """A state with a git that has sent this, at 10.0."""
    state = DaemonState(wall_offset_us=lambda: OFFSET_US)
    git = state.connect(7, 9.0)
    receive(state, git, run(data), now_s=10.0)
    return state, git


def test_its_events_are_in_its_trace() -> None:
    state = DaemonState(wall_offset_us=lambda: OFFSET_US)
    git = state.connect(7, 9.0)
    actions = receive(state, git, run(BEGUN), now_s=10.0)
    [append] = actions
    assert isinstance(append, Append)
    assert append.trace_id == TRACE
    assert append.events.block.startswith(b'{"ph":"M","name":"tracerd_begin",')
    assert state.totals.stored == state.traces[TRACE].totals.stored == append.events.count == 2


def test_its_trace_does_not_wait_for_it() -> None:
    state, git = with_git()
    state.exit_paths.add(TRACE, "/out", state.clients[git])
    assert state.next_end_s() == 10.0 + GRACE_S
    ended = state.end_due_traces(10.0 + GRACE_S)
    assert [type(action) for action in ended] == [Export, EndTrace]
    receive(state, git, run(line("data", 400, key="x"), first_line=4), now_s=20.0)
    assert state.next_end_s() == 20.0 + GRACE_S
    assert [type(action) for action in state.end_due_traces(30.0)] == [Export, EndTrace]


def test_its_trace_lives_as_long_as_its_clients() -> None:
    state = DaemonState(wall_offset_us=lambda: OFFSET_US)
    client = state.connect(1, 0.0)
    receive(state, client, Open(TRACE))
    receive(state, state.connect(7, 9.0), run(BEGUN), now_s=10.0)
    assert state.end_due_traces(100.0) == []
    state.disconnect(client, 200.0)
    assert state.next_end_s() == 200.0 + GRACE_S


def test_the_daemon_does_not_wait_for_it() -> None:
    state, _ = with_git()
    assert receive(state, state.connect(1, 10.0), DieWhenIdle(), now_s=10.0) == []
    [client] = [each for each in state.clients.values() if each.pid == 1]
    state.disconnect(client.client_id, 10.0)
    assert Stop() in state.end_due_traces(10.0)


def test_its_end_ends_what_is_open() -> None:
    state, git = with_git(BEGUN + line("region_enter", 400, label="r"))
    append = state.disconnect(git, 11.0)[0]
    assert isinstance(append, Append)
    assert b'"name":"r"' in append.events.block
    assert not state.clients
    assert state.next_end_s() == 11.0 + GRACE_S
    assert state.without_trace == 0


def test_lines_that_are_refused_are_kept_for_its_trace() -> None:
    state, git = with_git()
    state.end_due_traces(20.0)
    bad = Refused(4, "no JSON", b"{oops")
    actions = receive(state, git, bad, run(line("region_leave", 500), first_line=5), now_s=30.0)
    rejects = [action for action in actions if isinstance(action, Reject)]
    assert [(reject.trace_id, reject.refused.line_no) for reject in rejects] == [(TRACE, 4), (TRACE, 5)]
    assert state.totals.refused == state.traces[TRACE].totals.refused == 2
    assert state.next_end_s() == 30.0 + GRACE_S


def test_nothing_of_the_monitor_of_a_file_system_is_left() -> None:
    state = DaemonState()
    git = state.connect(7, 9.0)
    data = VERSION + line("start", 1, argv=["git", "fsmonitor--daemon", "run"]) + line("data", 2, key="x")
    assert receive(state, git, run(data), now_s=10.0) == []
    assert not state.traces
    assert state.disconnect(git, 11.0)


def test_a_full_disk_keeps_its_events_and_its_trace() -> None:
    state = DaemonState(wall_offset_us=lambda: OFFSET_US)
    git = state.connect(7, 9.0)
    receive(state, git, run(BEGUN), now_s=10.0, full=True)
    assert state.end_due_traces(100.0) == []
    receive(state, git, run(ENDED, first_line=4), now_s=101.0, full=True)
    state.disconnect(git, 101.0)
    assert state.end_due_traces(200.0) == []
    write_pending(state, 201.0)
    [end] = state.end_due_traces(300.0)
    assert isinstance(end, EndTrace)
    assert (end.totals.stored, end.totals.lost) == (3, 0)


def test_open_ends_it() -> None:
    state, git = with_git(BEGUN + line("region_enter", 400, label="r"))
    append, *_ = receive(state, git, Open(A), Events(b"{}\n", 1), now_s=11.0)
    assert isinstance(append, Append)
    assert append.trace_id == TRACE
    assert state.traces[A].clients == {git}
    assert state.traces[A].totals.stored == 1
    assert state.disconnect(git, 12.0)
    assert not state.traces[A].clients


def test_commands_mean_what_they_mean_elsewhere() -> None:
    state, git = with_git()
    assert receive(state, git, Flush())
    for command in (EmitTef("/x", 5), EmitTefAtExit("/x", 5), Refused(6, "OPEN: x", b"OPEN x y", is_command=True)):
        assert any(isinstance(action, ReplyError) for action in receive(state, git, command, now_s=11.0))
    assert receive(state, git, Die()) == [Stop()]


def test_with_one_trace_for_all_its_lines_are_stored_as_they_are() -> None:
    state = DaemonState(A)
    [append] = receive(state, state.connect(7, 9.0), run(BEGUN))
    assert isinstance(append, Append)
    assert append.events.block == BEGUN
