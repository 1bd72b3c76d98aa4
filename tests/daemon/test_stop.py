"""The stop: exactly the writes that succeeded are in the log, and what was asked for before is done."""

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
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
        if way == "DIE":
            control.send(b"DIE\n")
        else:
            daemon.process.send_signal(getattr(signal, way))
        assert daemon.process.wait(PATIENCE_S) == 0
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
        sys.stderr.write(f"{way}: {sum(map(len, logged))} events, {refused} torn\n")
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
        assert daemon.process.wait(PATIENCE_S) == 0
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
            assert daemon.process.wait(PATIENCE_S) == 0
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
        assert daemon.process.wait(PATIENCE_S) == 0


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
        assert daemon.process.wait(PATIENCE_S) == 0
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
        assert daemon.process.wait(PATIENCE_S) == 0
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
        assert daemon.process.wait(PATIENCE_S) == 0
    assert all(out.exists() for out in outs)


def test_client_that_reads_no_replies_does_not_delay_the_stop(daemon: Daemon) -> None:
    with daemon.connect() as client, daemon.connect() as other:
        # More than a socket's buffer and the daemon's queue hold.
        for _ in range(200):
            client.send(b"OPEN silent\n" + event(1) + b"FLUSH\n" * 1000 + b"bad\n" * 10)
        other.send(b"OPEN other\n" + event(2))
        other.flush()
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(PATIENCE_S) == 0  # while nobody has read a reply
    assert daemon.numbers("silent") == [1] * 200
    assert daemon.numbers("other") == [2]


def test_client_that_never_leaves_does_not_delay_the_stop(daemon: Daemon) -> None:
    with daemon.connect() as client:
        client.send(b"OPEN stays\n" + event(1) + b"DIE\n")
        assert daemon.process.wait(PATIENCE_S) == 0
        assert client.socket.recv(1) == b""
    assert daemon.numbers("stays") == [1]


def test_what_one_client_says_after_die_is_read_too(daemon: Daemon) -> None:
    with daemon.connect() as client:
        client.send(b"OPEN after\n" + event(1) + b"DIE\n" + event(2) + b"FLUSH\n")
        assert client.line() == b"OK 2 0 0"
        assert daemon.process.wait(PATIENCE_S) == 0
    assert daemon.numbers("after") == [1, 2]


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
