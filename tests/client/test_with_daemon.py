"""A program that uses the client library is the same program whatever happens to the daemon."""

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.client.client_programs import environment, events, named
from tests.faults.proc import state_of
from tests.harness import Daemon, short_dir, wait_until, words_of
from tracerd.client.connection import TIMEOUT_S

MOST_WAITED_S = 0.1
FLUSHES = 3
"""One after the first event, and one for each 5000 spans."""

SPANS = 10_000
TOO_MANY_SPANS = 60_000
"""About 7 MB: more than the socket and the library hold together."""

PROGRAM = """
import atexit, select, sys, threading, time

waited_s = 0.0

class Poll:
    # Adds up the timeouts that have expired: what the main thread has waited for a daemon that did nothing.
    def __init__(self):
        self._poll = poll()

    def register(self, *arguments):
        self._poll.register(*arguments)

    def poll(self, timeout_ms):
        found = self._poll.poll(timeout_ms)
        if not found:
            wait(timeout_ms / 1000)
        return found

def wait(duration_s):
    global waited_s
    if threading.current_thread() is threading.main_thread():
        waited_s += duration_s

def counted_sleep(duration_s):
    wait(duration_s)
    sleep(duration_s)

poll, select.poll = select.poll, Poll
sleep, time.sleep = time.sleep, counted_sleep
atexit.register(lambda: print(waited_s))  # runs after what the client registers
import tracerd.client as trace

trace.instant("first")
print("begun", trace.flush(60), flush=True)
for line in sys.stdin:
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
    """The program, when the daemon has acknowledged its first event, or there is none."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environment(socket), stdin=pipe, stdout=pipe, stderr=pipe
    ) as program:
        try:
            assert words_of(program)[0] == "begun"
            yield program
        finally:
            program.kill()


def go_on(program: "subprocess.Popen[bytes]", spans: int = SPANS) -> None:
    assert program.stdin is not None
    program.stdin.write(b"%d\n" % spans)
    program.stdin.flush()
    assert words_of(program) == ["done"]


def hang(daemon: Daemon) -> None:
    daemon.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: state_of(daemon.process.pid) == "T", "the daemon to stop")


def wake(daemon: Daemon) -> None:
    daemon.process.send_signal(signal.SIGCONT)


def restart(daemon: Daemon) -> None:
    daemon.kill()
    daemon.__init__(daemon.socket.parent)  # type: ignore[misc]  # the same daemon for its clients


def waited_s(happens: Callable[[Daemon], None] | None) -> float:
    """How long the program's main thread has waited in vain when this has happened; None: there is no daemon at all.

    It is the sum of the timeouts that have expired: how busy the machine is does not count.
    """
    with short_dir() as home:
        socket = home / "s"
        daemon = None if happens is None else Daemon(home)
        try:
            with running(socket) as program:
                if daemon is not None and happens is not None:
                    happens(daemon)
                output, errors = program.communicate(b"%d\n" % SPANS)
                done, waited = output.split()
                assert (program.returncode, done, errors) == (7, b"done", b"")
        finally:
            if daemon is not None:
                daemon.kill()
    return float(waited)


STATES: dict[str, Callable[[Daemon], None] | None] = {
    "absent": None,
    "killed": Daemon.kill,
    "hung": hang,
    "restarted": restart,
}


def test_no_state_of_the_daemon_delays_or_changes_the_program() -> None:
    waited = {state: waited_s(happens) for state, happens in STATES.items()}

    # No timeout has expired; at most it has waited a moment for a thread of the client that wrote.
    assert max(waited["absent"], waited["killed"]) < TIMEOUT_S
    assert 0 < waited["hung"] < MOST_WAITED_S
    # Before its end, and after the next one's start, a daemon on a busy machine may be slow.
    assert waited["restarted"] <= TIMEOUT_S * (FLUSHES + 1)


DROPPED = re.compile(rb'"dropped":(\d+),"connection_lost":(true|false)')


def spans(daemon: Daemon) -> int:
    return daemon.log("t").count(b'"name":"work"')


def dropped(daemon: Daemon) -> int:
    """The sum of what the log reports: more than one report, if a busy daemon falls behind again."""
    return sum(int(count) for count, _ in DROPPED.findall(daemon.log("t")))


def wait_for_spans(daemon: Daemon, expected: int) -> None:
    """Wait until they are in the log: at its end the program waits for a daemon, but not for long."""
    wait_until(lambda: spans(daemon) == expected, f"{expected} spans")


def test_a_present_daemon_has_everything(daemon: Daemon) -> None:
    with running(daemon.socket) as program:
        go_on(program)
        wait_for_spans(daemon, SPANS)
        program.communicate()

    found = events(daemon)
    assert [event["args"] for event in named(found, "work")] == [{"number": number} for number in range(SPANS)]
    assert len(found) == SPANS + 1


@pytest.mark.parametrize("absent", [pytest.param(False, id="hung"), pytest.param(True, id="absent")])
def test_what_a_daemon_missed_is_told_when_it_returns(absent: bool, daemon: Daemon) -> None:
    sent = SPANS * 2 + TOO_MANY_SPANS
    with running(daemon.socket) as program:
        go_on(program)
        wait_for_spans(daemon, SPANS)
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
        wait_until(lambda: spans(daemon) + dropped(daemon) == sent, "what was stored and what was dropped")
        program.communicate()

    assert dropped(daemon) > 0
    assert (DROPPED.findall(daemon.log("t"))[0][1] == b"true") == absent


def test_a_restart_loses_nothing_that_was_not_on_its_way(daemon: Daemon) -> None:
    with running(daemon.socket) as program:
        go_on(program)
        wait_for_spans(daemon, SPANS)
        restart(daemon)
        go_on(program)
        wait_for_spans(daemon, 2 * SPANS)
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
