"""The stop: exactly the writes that succeeded are in the log, and nothing of ours is left behind."""

import fcntl
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.harness import (
    PATIENCE_S,
    Client,
    Daemon,
    event,
    events,
    exported,
    program,
    running_daemon,
    short_dir,
    tracerd,
    wait_until,
    words_of,
)

WRITERS = 8

# Writes one event with one send() each, as fast as it can, until the daemon takes no more; then it says how
# many were taken, and how many bytes of one more. Every 50th may be longer than a socket's buffer.
WRITER = """
import os, socket, sys

path, writer, long = os.fsencode(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
connection = socket.socket(socket.AF_UNIX)
connection.connect(path)
connection.sendall(b"OPEN flight\\n")
taken = torn = 0
try:
    while True:
        padding = b"x" * (long if taken % 50 == 49 else 8)
        line = b'{"ph":"i","name":"e","ts":%d,"tid":%d,"args":{"p":"%s"}}\\n' % (taken, writer, padding)
        sent = connection.send(line)
        if sent < len(line):
            torn = sent
            break
        taken += 1
        if taken == 200:
            print("busy", flush=True)
except (BrokenPipeError, ConnectionResetError):
    pass
print(taken, torn, flush=True)
"""


@pytest.mark.parametrize("long", [8, 300_000], ids=["short lines", "lines longer than the buffer"])
@pytest.mark.parametrize("way", ["SIGTERM", "SIGINT", "DIE"])
def test_exactly_the_writes_that_succeeded_are_in_the_log(way: str, long: int) -> None:
    with short_dir() as home, Daemon(home) as daemon, ExitStack() as stack:
        out = home / "out.json"
        control = stack.enter_context(daemon.connect())
        control.send(b"OPEN flight\nEMIT_TEF_AT_EXIT %s\n" % bytes(out))
        control.flush()
        writers = [
            stack.enter_context(program(WRITER, daemon.socket, str(writer), str(long))) for writer in range(WRITERS)
        ]
        for running in writers:
            assert words_of(running) == ["busy"]
        began = time.monotonic()
        if way == "DIE":
            control.send(b"DIE\n")
        else:
            daemon.process.send_signal(getattr(signal, way))
        assert daemon.process.wait(30) == 0
        took_s = time.monotonic() - began
        reports = [list(map(int, words_of(running))) for running in writers]

        logged: list[list[int]] = [[] for _ in range(WRITERS)]
        for line in daemon.events("flight"):
            found: dict[str, int] = json.loads(line)
            logged[found["tid"]].append(found["ts"])
        assert [len(numbers) for numbers in logged] == [taken for taken, _ in reports]
        assert all(numbers == list(range(len(numbers))) for numbers in logged)
        # What was half taken is refused, and so counted.
        refused = sum(int(str(entry.get("refused", 0))) for entry in daemon.rejects("flight"))
        assert refused == sum(torn > 0 for _, torn in reports)
        assert len(exported(out)) == sum(taken for taken, _ in reports)
        assert not daemon.socket.exists()
        assert Path(f"{daemon.socket}.lock").exists()
        sys.stderr.write(f"{way}: {sum(map(len, logged))} events, {refused} torn, stopped in {took_s:.2f} s\n")
        # A stop that waited for the writers, who never leave by themselves, would not have ended at all.


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_clients_not_accepted_yet_are_read_to_their_end(signal_number: signal.Signals) -> None:
    # More than the daemon accepts before it looks at its signals.
    many = 1000
    with running_daemon() as daemon, ExitStack() as stack:
        os.kill(daemon.process.pid, signal.SIGSTOP)
        clients = [stack.enter_context(daemon.connect()) for _ in range(many)]
        for number, client in enumerate(clients):
            client.send(b"OPEN queue\n" + event(number))
        daemon.process.send_signal(signal_number)
        os.kill(daemon.process.pid, signal.SIGCONT)
        assert daemon.process.wait(30) == 0
        assert sorted(daemon.numbers("queue")) == list(range(many))
        for client in clients:
            with pytest.raises(BrokenPipeError):
                client.send(event(0))


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_signal_as_soon_as_the_socket_is_there_is_a_stop_in_order(signal_number: signal.Signals) -> None:
    for number in range(5):
        with running_daemon() as daemon, daemon.connect() as client:
            client.send(b"OPEN early\n" + event(number))
            daemon.process.send_signal(signal_number)
            assert daemon.process.wait(30) == 0
            assert daemon.numbers("early") == [number]
            assert not daemon.socket.exists()


def test_only_an_unfinished_line_is_refused_at_the_stop(daemon: Daemon) -> None:
    with daemon.connect() as torn, daemon.connect() as whole:
        torn.send(b"OPEN middle\n" + event(1) + event(2)[:-6])
        whole.send(b"OPEN middle\n" + event(3) + event(4).removesuffix(b"\n"))
        daemon.stop()
    assert sorted(daemon.numbers("middle")) == [1, 3, 4]
    refused, totals = daemon.rejects("middle")
    assert str(refused["reason"]).startswith("the connection ended inside this line")
    assert totals == {"repaired": 0, "refused": 1, "lost": 0}


# ------------------------------------------------------------------ replies and exports at the stop


@pytest.mark.parametrize("word", [b"", b"DIE\n"], ids=["SIGTERM", "DIE"])
def test_flush_that_is_pending_at_the_stop_is_answered(daemon: Daemon, word: bytes) -> None:
    with daemon.connect() as client:
        os.kill(daemon.process.pid, signal.SIGSTOP)
        client.send(b"OPEN pending\n" + events(range(10)) + b"FLUSH\n" + word)
        if not word:
            daemon.process.send_signal(signal.SIGTERM)
        os.kill(daemon.process.pid, signal.SIGCONT)
        assert client.line() == b"OK 10 0 0"
        assert daemon.process.wait(30) == 0


def make_large_log(daemon: Daemon, trace_id: str) -> int:
    """Make a log whose export takes a while; the number of its events."""
    count, padding = 40_000, b"x" * 2000
    line = b'{"ph":"i","name":"e","ts":1,"args":{"p":"%s"}}\n' % padding
    with (daemon.dir / f"{trace_id}.jsonl").open("wb") as log:
        log.write(line * count)
    return count


@pytest.mark.parametrize("way", ["SIGTERM", "DIE"])
def test_export_that_runs_at_the_stop_is_ended_and_answered(daemon: Daemon, tmp_path: Path, way: str) -> None:
    out = tmp_path / "out.json"
    count = make_large_log(daemon, "large")
    with daemon.connect() as client:
        client.send(b"OPEN large\nEMIT_TEF %s\nFLUSH\n" % bytes(out))
        wait_until(lambda: list(tmp_path.iterdir()), "the export to begin")
        if way == "DIE":
            daemon.session(b"DIE\n")
        else:
            daemon.process.send_signal(signal.SIGTERM)
        assert client.line() == b"OK 0 0 0"
        assert out.exists()
        assert daemon.process.wait(30) == 0
    assert len(exported(out)) == count
    assert list(tmp_path.iterdir()) == [out]


def test_second_signal_gives_up_the_exports(daemon: Daemon, tmp_path: Path) -> None:
    outs = [tmp_path / f"{number}.json" for number in range(6)]
    make_large_log(daemon, "large")
    with daemon.connect() as client:
        client.send(b"OPEN large\n" + b"".join(b"EMIT_TEF %s\n" % bytes(out) for out in outs) + b"FLUSH\n")
        wait_until(lambda: list(tmp_path.iterdir()), "the exports to begin")
        daemon.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in daemon.stderr(), "the stop to begin")
        daemon.process.send_signal(signal.SIGTERM)
        replies = [client.line() for _ in range(len(outs))]
        assert daemon.process.wait(30) == 0
    # Two at a time: the last ones cannot have been done by then.
    assert b"had to stop at once" in replies[-2]
    assert not outs[-1].exists()
    assert [path for path in tmp_path.iterdir() if path not in outs] == []


def is_refused(client: Client) -> bool:
    """Whether the daemon takes no more events on this connection."""
    try:
        client.send(event(1))
    except BrokenPipeError:
        return True
    return False


def test_new_clients_are_turned_away_while_exports_are_ended(daemon: Daemon, tmp_path: Path) -> None:
    make_large_log(daemon, "large")
    with daemon.connect() as client:
        outs = [tmp_path / f"{number}.json" for number in range(3)]
        client.send(b"OPEN large\n" + b"".join(b"EMIT_TEF %s\n" % bytes(out) for out in outs))
        client.status()
        daemon.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in daemon.stderr(), "the stop to begin")
        # Its connection is shut down when it is its turn, a moment after the stop began.
        wait_until(lambda: is_refused(client), "writes to be refused")
        with pytest.raises(ConnectionRefusedError):
            daemon.connect()
        assert daemon.process.wait(30) == 0
    assert all(out.exists() for out in outs)


def test_client_that_reads_no_replies_does_not_delay_the_stop(daemon: Daemon) -> None:
    with daemon.connect() as client, daemon.connect() as other:
        # More than a socket's buffer and the daemon's queue hold.
        for _ in range(200):
            client.send(b"OPEN silent\n" + event(1) + b"FLUSH\n" * 1000 + b"bad\n" * 10)
        other.send(b"OPEN other\n" + event(2))
        other.flush()
        began = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(30) == 0
        assert time.monotonic() - began < 5
    assert daemon.numbers("silent") == [1] * 200
    assert daemon.numbers("other") == [2]


def test_client_that_never_leaves_does_not_delay_the_stop(daemon: Daemon) -> None:
    with daemon.connect() as client:
        client.send(b"OPEN stays\n" + event(1) + b"DIE\n")
        assert daemon.process.wait(30) == 0
        assert client.socket.recv(1) == b""
    assert daemon.numbers("stays") == [1]


def test_what_one_client_says_after_die_is_read_too(daemon: Daemon) -> None:
    with daemon.connect() as client:
        client.send(b"OPEN after\n" + event(1) + b"DIE\n" + event(2) + b"FLUSH\n")
        assert client.line() == b"OK 2 0 0"
        assert daemon.process.wait(30) == 0
    assert daemon.numbers("after") == [1, 2]


# ------------------------------------------------------------------ the socket


def test_file_that_took_the_sockets_place_is_left_alone(daemon: Daemon) -> None:
    daemon.socket.unlink()
    daemon.socket.write_text("not a socket")
    daemon.stop()
    assert daemon.socket.read_text() == "not a socket"


def test_socket_that_took_our_sockets_place_is_left_alone(daemon: Daemon) -> None:
    daemon.socket.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(os.fsencode(daemon.socket))
        other.listen()
        daemon.stop()
        Client(daemon.socket).close()


def few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def test_more_clients_than_descriptors_lose_nothing_at_the_stop() -> None:
    with short_dir() as home, Daemon(home, preexec_fn=few_descriptors) as daemon, ExitStack() as stack:
        for number in range(300):
            client = stack.enter_context(daemon.connect())
            client.send(b"OPEN many\n" + event(number))
        daemon.stop()
        assert sorted(daemon.numbers("many")) == list(range(300))


def test_more_traces_than_descriptors_wait_for_their_turn() -> None:
    """Nothing is lost; an export that could not see all who wait says that it may be incomplete, and is written."""
    with short_dir() as home, Daemon(home, preexec_fn=few_descriptors) as daemon, ExitStack() as stack:
        clients = [stack.enter_context(daemon.connect()) for _ in range(100)]
        for number, client in enumerate(clients):
            client.send(b"OPEN wait-%d\n%sEMIT_TEF %s/%d.json\nFLUSH\n" % (number, event(1), bytes(home), number))
        for number, client in enumerate(clients):
            *errors, ok = client.finish().splitlines()
            assert ok == b"OK 1 0 0"
            document = json.loads((home / f"{number}.json").read_bytes())
            assert len(document["traceEvents"]) == 1
            assert document["metadata"]["complete"] == (not errors)
            assert all(b"written, but incomplete" in error for error in errors)


def test_nobody_waits_because_stderr_is_not_read() -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    with short_dir() as home:
        command = [sys.executable, "-m", "tracerd", "serve", "--socket", str(home / "s"), "-d", str(home / "logs")]
        with subprocess.Popen(command, stderr=writer) as process:
            try:
                wait_until((home / "s").exists, "the socket")
                for _ in range(100):
                    with Client(home / "s") as client:
                        client.send(b"OPEN t\n" + b"bad\n" * 12 + event(1) + b"FLUSH\n")
                        assert client.finish().endswith(b"OK 1 12 0\n")
                process.terminate()
                assert process.wait(30) == 0
            finally:
                process.kill()
                os.close(reader)
                os.close(writer)


def test_socket_that_is_gone_already_does_not_disturb_the_stop(daemon: Daemon) -> None:
    daemon.socket.unlink()
    daemon.stop()
    assert Path(f"{daemon.socket}.lock").exists()


def test_stopped_daemons_place_can_be_taken_at_once() -> None:
    with short_dir() as home:
        for number in range(5):
            with Daemon(home) as daemon:
                daemon.session(b"OPEN turns\n" + event(number))
                assert daemon.numbers("turns") == list(range(number + 1))


# ------------------------------------------------------------------ the polite stop


def test_die_when_idle_waits_for_all_clients_and_takes_new_ones(daemon: Daemon) -> None:
    with daemon.connect() as first:
        first.send(b"OPEN idle\n" + event(1))
        assert first.flush() == (1, 0, 0)  # else the event of another client may come first
        daemon.session(b"DIE_WHEN_IDLE\n")
        with daemon.connect() as second:
            second.send(b"OPEN idle\n" + event(2))
            assert second.flush() == (1, 0, 0)
            first.finish()
            assert second.status()["clients"] == 1
            second.send(event(3))
            second.finish()
    assert daemon.process.wait(30) == 0
    assert daemon.numbers("idle") == [1, 2, 3]
    assert not daemon.socket.exists()


def test_die_when_idle_counts_clients_not_accepted_yet(daemon: Daemon) -> None:
    with daemon.connect() as client:
        client.status()
        os.kill(daemon.process.pid, signal.SIGSTOP)
        client.send(b"DIE_WHEN_IDLE\n")
        client.close()
        with daemon.connect() as waiting:
            waiting.send(b"OPEN waiting\n")
            os.kill(daemon.process.pid, signal.SIGCONT)
            assert waiting.flush() == (0, 0, 0)
            waiting.send(event(1))
            assert waiting.flush() == (1, 0, 0)
    assert daemon.process.wait(30) == 0
    assert daemon.numbers("waiting") == [1]


def test_die_when_idle_does_the_exports_at_exit(daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    daemon.session(b"OPEN idle-exit\nEMIT_TEF_AT_EXIT %s\n" % bytes(out) + event(1) + b"DIE_WHEN_IDLE\n")
    assert daemon.process.wait(30) == 0
    assert exported(out) == [1]


@contextmanager
def answers_again(daemon: Daemon) -> Generator[None]:
    """Continue a stopped daemon in a moment, from another thread."""
    timer = threading.Timer(0.3, os.kill, (daemon.process.pid, signal.SIGCONT))
    timer.start()
    try:
        yield
    finally:
        timer.join()


def test_stop_command_alone_returns_when_the_daemon_has_gone(daemon: Daemon) -> None:
    result = tracerd("stop", "--socket", daemon.socket)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    assert not daemon.socket.exists()
    assert daemon.process.wait(5) == 0


def test_stop_command_waits_for_a_slow_daemon(daemon: Daemon) -> None:
    os.kill(daemon.process.pid, signal.SIGSTOP)
    with answers_again(daemon):
        assert tracerd("stop", "--socket", daemon.socket).returncode == 0
    assert daemon.process.wait(5) == 0


def test_stop_command_says_how_many_clients_it_leaves_alone(daemon: Daemon) -> None:
    with daemon.connect() as one, daemon.connect() as two:
        one.send(b"OPEN polite\n" + event(1))
        one.flush()
        two.status()
        result = tracerd("stop", "--socket", daemon.socket)
        assert (result.returncode, result.stdout) == (0, b"")
        said = result.stderr.decode()
        assert said.count("\n") == 1
        assert f"pid {daemon.process.pid} " in said
        assert " 2 clients " in said
        one.send(event(2))
        assert one.flush() == (2, 0, 0)
    assert daemon.process.wait(30) == 0


def test_stop_command_now_does_not_wait_for_clients(daemon: Daemon) -> None:
    with daemon.connect() as client:
        client.send(b"OPEN now\n" + event(1))
        result = tracerd("stop", "--now", "--socket", daemon.socket)
        assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
        assert daemon.process.wait(5) == 0
    assert daemon.numbers("now") == [1]


@pytest.mark.parametrize("options", [[], ["--now"]])
@pytest.mark.parametrize("left_behind", ["nothing", "socket", "another program"])
def test_stop_command_without_a_daemon_fails_in_one_line(options: list[str], left_behind: str) -> None:
    with short_dir() as home, socket.socket(socket.AF_UNIX) as other:
        path = home / "s"
        if left_behind == "socket":
            with Daemon(home) as daemon:
                daemon.kill()
            assert path.exists()
        elif left_behind == "another program":
            other.bind(os.fsencode(path))
            other.listen()
        result = tracerd("stop", "--socket", path, *options)
        assert (result.returncode, result.stdout) == (1, b"")
        assert result.stderr.count(b"\n") == 1
        assert bytes(path) in result.stderr


# ------------------------------------------------------------------ the first moment


def test_signal_right_after_the_first_connect_is_a_stop_in_order(tmp_path: Path) -> None:
    """The socket takes clients before the server runs: what they wrote by then is stored, if a signal comes then."""
    source = """
import os, signal, socket, sys
from tracerd.cli import main
from tracerd.daemon.listeners import Listener

listen = Listener.__init__

def listening(self, *arguments, **named):
    listen(self, *arguments, **named)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(os.fsencode(self.path))
        client.send(b'OPEN early\\n{"ph":"i","ts":1}\\n')
    os.kill(os.getpid(), signal.SIGTERM)

Listener.__init__ = listening
main(["serve", *sys.argv[1:]])
"""
    with short_dir() as home:
        command = [sys.executable, "-c", source, "--socket", str(home / "s"), "-d", str(tmp_path / "logs")]
        done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE_S)
        assert done.returncode == 0, done.stderr
        assert not (home / "s").exists()
    assert (tmp_path / "logs/early.jsonl").read_bytes().endswith(b'{"ph":"i","ts":1}\n')
