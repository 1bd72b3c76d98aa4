"""A program that uses the client library is the same program whatever happens to the daemon."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.client.client_programs import environment, events, named
from tests.harness import Daemon, short_dir, words_of

TURNS = 4
MOST_ADDED_S = 0.1

SPANS = 20_000
TOO_MANY_SPANS = 60_000
"""About 7 MB: more than the socket and the library hold together."""

PROGRAM = """
import atexit, sys, time

begin = None

def taken():
    # The time of the main thread, without that in which it could have run and others did: CPU, and what it waited.
    with open("/proc/self/schedstat") as file:
        cpu_ns, ready_ns, _ = map(int, file.read().split())
    return time.monotonic_ns() - ready_ns

def tell():
    if begin is not None:
        print(taken() - begin)

atexit.register(tell)  # runs after what the client registers
import tracerd.client as trace

trace.instant("first")
trace.flush()
for line in sys.stdin:
    begin = begin or taken()
    for number in range(int(line)):
        with trace.span("work", number=number):
            pass
        if number % 5000 == 0:
            trace.flush()
    print("done", flush=True)
sys.exit(7)
"""


@contextmanager
def running(socket: Path) -> Generator["subprocess.Popen[bytes]"]:
    """The program, when it has said its first word."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environment(socket), stdin=pipe, stdout=pipe, stderr=pipe
    ) as program:
        try:
            yield program
        finally:
            program.kill()


def go_on(program: "subprocess.Popen[bytes]", spans: int = SPANS) -> None:
    assert program.stdin is not None
    program.stdin.write(b"%d\n" % spans)
    program.stdin.flush()
    assert words_of(program) == ["done"]


def nothing(_daemon: Daemon) -> None:
    pass


def hang(daemon: Daemon) -> None:
    daemon.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, daemon.process.pid, os.WSTOPPED | os.WNOWAIT)


def wake(daemon: Daemon) -> None:
    daemon.process.send_signal(signal.SIGCONT)


def restart(daemon: Daemon) -> None:
    daemon.kill()
    daemon.__init__(daemon.socket.parent)  # type: ignore[misc]  # the same daemon for its clients


def first_event_is_there(daemon: Daemon) -> bool:
    return (daemon.dir / "t.jsonl").exists()


def seconds(happens: Callable[[Daemon], None] | None) -> float:
    """How long the program takes after that has happened, to its end; None: there is no daemon at all.

    Other programs on the machine do not count.
    """
    with short_dir() as home:
        socket = home / "s"
        daemon = None if happens is None else Daemon(home)
        try:
            with running(socket) as program:
                if daemon is not None and happens is not None:
                    while not first_event_is_there(daemon):
                        time.sleep(0.005)
                    happens(daemon)
                output, errors = program.communicate(b"%d\n" % SPANS)
                done, taken_ns = output.split()
                assert (program.returncode, done, errors) == (7, b"done", b"")
        finally:
            if daemon is not None:
                daemon.kill()
    return int(taken_ns) / 1e9


STATES: dict[str, Callable[[Daemon], None] | None] = {
    "absent": None,
    "killed": Daemon.kill,
    "hung": hang,
    "restarted": restart,
}


def test_no_state_of_the_daemon_delays_or_changes_the_program() -> None:
    everything = STATES | {"present": nothing}
    fastest = dict.fromkeys(everything, float("inf"))
    for _ in range(TURNS):
        for state, happens in everything.items():
            fastest[state] = min(fastest[state], seconds(happens))
        if all(fastest[state] - fastest["present"] < MOST_ADDED_S for state in STATES):
            break

    added = {state: fastest[state] - fastest["present"] for state in STATES}
    assert max(added.values()) < MOST_ADDED_S, added


def test_a_present_daemon_has_everything(daemon: Daemon) -> None:
    with running(daemon.socket) as program:
        go_on(program)
        program.communicate()

    found = events(daemon)
    assert [event["args"] for event in named(found, "work")] == [{"number": number} for number in range(SPANS)]
    assert len(found) == SPANS + 1


@pytest.mark.parametrize("absent", [pytest.param(False, id="hung"), pytest.param(True, id="absent")])
def test_what_a_daemon_missed_is_told_when_it_returns(absent: bool, daemon: Daemon) -> None:
    with running(daemon.socket) as program:
        go_on(program)
        events(daemon)  # so all that was sent was read
        if absent:
            daemon.kill()
        else:
            hang(daemon)
        go_on(program, TOO_MANY_SPANS)
        if absent:
            restart(daemon)
        else:
            wake(daemon)
        go_on(program)
        program.communicate()

    found = events(daemon)
    told = [event["args"] for event in found if event["cat"] == "tracerd"]
    dropped = SPANS * 2 + TOO_MANY_SPANS - len(named(found, "work"))
    assert dropped > 0
    # More than one of them, if the machine is so busy that the daemon falls behind again.
    numbers = [re.findall(r"'dropped': (\d+), 'connection_lost': (\w+)", str(args)) for args in told]
    assert sum(int(number) for [(number, _)] in numbers) == dropped
    assert numbers[0][0][1] == str(absent)


def test_a_restart_loses_nothing_that_was_not_on_its_way(daemon: Daemon) -> None:
    with running(daemon.socket) as program:
        go_on(program)
        events(daemon)  # so all of it was read
        restart(daemon)
        go_on(program)
        program.communicate()

    found = events(daemon)
    assert len(named(found, "work")) == 2 * SPANS
    assert len(named(found, "tracerd: connection lost")) == 1


def test_a_program_that_sigpipe_ends_is_not_ended_by_ours(daemon: Daemon) -> None:
    source = """
import signal, sys
import tracerd.client as trace
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
trace.instant("first")
print(trace.flush(30), flush=True)
sys.stdin.readline()
for number in range(2000):
    trace.instant("more", number=number)
print(trace.flush())
"""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", source], env=environment(daemon.socket), stdin=pipe, stdout=pipe
    ) as program:
        assert words_of(program) == ["True"]
        daemon.kill()
        output, _ = program.communicate(b"\n")

    assert (program.returncode, output) == (0, b"False\n")


def test_a_socket_in_tmp_is_used_only_if_nobody_else_can_have_put_it_there(tmp_path: Path) -> None:
    source = """
import os, stat, sys
from tracerd.client import connection
fake = os.lstat(sys.argv[1])
os.lstat = lambda path: os.stat_result((int(sys.argv[2], 8), *fake[1:4], int(sys.argv[3]), *fake[5:]))
print(connection.is_safe(f"/tmp/tracerd-{os.geteuid()}/tracerd.socket"))
"""
    directory, link = stat.S_IFDIR, stat.S_IFLNK
    cases = [
        (directory | 0o700, os.geteuid(), "True"),
        (directory | 0o770, os.geteuid(), "False"),
        (directory | 0o702, os.geteuid(), "False"),
        (directory | 0o700, os.geteuid() + 1, "False"),
        (link | 0o700, os.geteuid(), "False"),
    ]
    for mode, owner, expected in cases:
        words = [sys.executable, "-c", source, str(tmp_path), f"{mode:o}", str(owner)]
        assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip() == expected


@pytest.mark.parametrize("trace_id", ["", "a b", "a\nDIE", "../x", "-x", ".x", "x" * 201, "\x1b[2J", "a/b"])
def test_a_trace_id_that_is_none_turns_tracing_off(trace_id: str, shared_daemon: Daemon) -> None:
    source = "import tracerd.client as trace\ntrace.instant('x')\nprint(trace.default_client(), trace.flush())"
    done = subprocess.run(
        [sys.executable, "-c", source], env=environment(shared_daemon.socket, trace_id), capture_output=True, check=True
    )

    assert (done.stdout, done.stderr) == (b"None True\n", b"")
    assert list(shared_daemon.dir.glob("*.jsonl")) == []
