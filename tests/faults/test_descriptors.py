"""Few file descriptors: accepting waits and resumes, those who are there are served, exports work, none is left."""

import resource
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.faults.proc import open_files
from tests.harness import PATIENCE_S, Client, Daemon, event, exported, short_dir, wait_until


def limited(soft: int, hard: int) -> Callable[[], None]:
    """For `preexec_fn`."""
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_limit_is_raised_as_far_as_it_may_be() -> None:
    with short_dir() as home, Daemon(home, preexec_fn=limited(64, 500)) as daemon:
        assert resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE) == (500, 500)


def test_at_the_limit_those_who_are_there_are_served_and_the_others_wait_for_their_turn() -> None:
    with short_dir() as home, Daemon(home, preexec_fn=limited(96, 96)) as daemon, ExitStack() as stack:
        there = stack.enter_context(daemon.connect())
        there.send(b"OPEN there\n" + event(1))
        there.flush()
        silent = [stack.enter_context(daemon.connect()) for _ in range(200)]
        wait_until(lambda: "some clients have to wait" in daemon.stderr(), "the limit")

        # Nobody new is accepted now: not even after the daemon has tried again.
        late = stack.enter_context(daemon.connect())
        late.send(b"OPEN late\n" + event(9) + b"FLUSH\n")
        for number in range(2, 50):
            there.send(event(number) + b"EMIT_TEF %s\n" % bytes(home / "out.json"))
            assert there.flush() == (number, 0, 0)
            assert exported(home / "out.json") == list(range(1, number + 1))
        assert open_files(daemon.process.pid) < 96
        late.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            late.socket.recv(1)

        for client in silent:
            client.close()
        late.socket.settimeout(PATIENCE_S)
        assert late.line() == b"OK 1 0 0"


@pytest.mark.parametrize(("traces", "limit"), [(300, 64), pytest.param(3000, 400, marks=pytest.mark.long)])
def test_more_traces_than_descriptors_leave_nothing_open(traces: int, limit: int) -> None:
    """A trace keeps its log open for 0.2 seconds after its last client: the limit is a part of what comes."""
    with short_dir() as home, Daemon(home, preexec_fn=limited(limit, limit)) as daemon:
        daemon.session(b"FLUSH\n")  # it has come up, with all that it always has open
        before = open_files(daemon.process.pid)
        for number in range(traces):
            with Client(daemon.socket) as client:
                client.send(b"OPEN trace-%d\n" % number + event(number))
        with daemon.connect() as client:
            client.send(b"OPEN last\n" + event(0))
            assert client.flush() == (1, 0, 0)
        wait_until(lambda: open_files(daemon.process.pid) <= before, "the logs to be closed")
        daemon.stop()
        assert daemon.numbers("last") == [0]
        assert all(daemon.numbers(f"trace-{number}") == [number] for number in range(traces))
