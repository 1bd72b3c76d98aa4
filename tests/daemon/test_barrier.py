"""The barrier: an export holds all that was written before it was asked for, by whoever wrote it."""

import os
import signal
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.daemon.families import FAMILY, all_of_the_family, run_family
from tests.faults.proc import open_files
from tests.harness import Client, Daemon, event, events, exported, program, short_dir, wait_until, words_of

# Connects, writes and leaves for ever.
CHURN = """
import os, socket, sys

path, trace_id = map(os.fsencode, sys.argv[1:])
data = b'OPEN %s\\n{"ph":"i","name":"e","ts":1}\\n' % trace_id
for turn in range(sys.maxsize):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(data)
    if turn == 100:
        print("busy", flush=True)
"""

# Writes numbered events until its socket is full, then says how many it has written whole, and goes on when it is told
# to. They are so long that a socket holds more than is read at a time.
STREAM = """
import os, socket, sys

path, trace_id = map(os.fsencode, sys.argv[1:])
connection = socket.socket(socket.AF_UNIX)
connection.connect(path)
connection.sendall(b"OPEN %s\\n" % trace_id)
connection.setblocking(False)
for number in range(sys.maxsize):
    line = b'{"ph":"i","name":"%s","ts":%d}\\n' % (b"x" * 3000, number)
    while line:
        try:
            line = line[connection.send(line) :]
        except BlockingIOError:
            print(number, flush=True)
            sys.stdin.readline()
"""


FAMILIES = pytest.mark.parametrize(
    "families", [6, pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)


@FAMILIES
def test_emit_tef_holds_all_that_children_wrote_before_they_exited(
    shared_daemon: Daemon, tmp_path: Path, families: int
) -> None:
    for turn in range(families):
        out = tmp_path / f"family-{turn}.json"
        # The OK is for the parent's own events: it had none.
        last_word = f"EMIT_TEF {out}\nFLUSH\n"
        answer = run_family(shared_daemon, f"family-{turn}", "", last_word, stopped=turn % 2 == 1)
        assert answer == ["OK", "0", "0", "0"]
        assert all_of_the_family(out)
        out.unlink()


@FAMILIES
def test_export_at_exit_holds_all_that_children_wrote(shared_daemon: Daemon, tmp_path: Path, families: int) -> None:
    outs = [tmp_path / f"exit-{turn}.json" for turn in range(families)]
    for turn, out in enumerate(outs):
        run_family(shared_daemon, f"exit-{turn}", f"EMIT_TEF_AT_EXIT {out}\n", "", stopped=turn % 2 == 1)
        if turn:  # the next family does not wait for the grace after which this one's trace is exported
            check_export_at_exit(outs[turn - 1])
    check_export_at_exit(outs[-1])


def check_export_at_exit(out: Path) -> None:
    wait_until(out.exists, "the export at exit")
    assert all_of_the_family(out)
    out.unlink()


def test_families_at_the_same_time_do_not_mix(shared_daemon: Daemon, tmp_path: Path) -> None:
    os.kill(shared_daemon.process.pid, signal.SIGSTOP)
    with ExitStack() as stack:
        families: list[tuple[Path, subprocess.Popen[bytes]]] = []
        for name in ("one", "two", "three"):
            out = tmp_path / name
            last_word = f"EMIT_TEF {out}\nFLUSH\n"
            running = stack.enter_context(program(FAMILY, shared_daemon.socket, f"same-time-{name}", "", last_word))
            families.append((out, running))
        assert [words_of(running) for _, running in families] == [["asked"]] * 3
        os.kill(shared_daemon.process.pid, signal.SIGCONT)
        for out, running in families:
            assert words_of(running) == ["OK", "0", "0", "0"]
            assert all_of_the_family(out)


# ------------------------------------------------------------------ under load


def test_endless_stream_of_new_clients_does_not_delay_an_export(shared_daemon: Daemon, tmp_path: Path) -> None:
    """The backlog is full all the time; an export that waited for a pause would never come."""
    with ExitStack() as stack:
        clients = [stack.enter_context(shared_daemon.connect()) for _ in range(3)]
        churns = [stack.enter_context(program(CHURN, shared_daemon.socket, "churn")) for _ in range(2)]
        for churn in churns:
            assert words_of(churn) == ["busy"]
        for turn, client in enumerate(clients):
            out = tmp_path / f"{turn}.json"
            client.send(b"OPEN calm-%d\n" % turn + events(range(100)))
            with shared_daemon.connect() as child:  # it waits behind all the others
                child.send(b"OPEN calm-%d\n" % turn + event(100))
            client.send(b"EMIT_TEF %s\n" % bytes(out))
            assert client.flush() == (100, 0, 0)
            assert sorted(exported(out)) == list(range(101))
            assert all(churn.poll() is None for churn in churns)


def test_endless_stream_of_new_clients_does_not_delay_an_export_at_exit(shared_daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with ExitStack() as stack:
        churns = [stack.enter_context(program(CHURN, shared_daemon.socket, "churn-at-exit")) for _ in range(2)]
        for churn in churns:
            assert words_of(churn) == ["busy"]
        with shared_daemon.connect() as client:
            client.send(b"OPEN calm-at-exit\nEMIT_TEF_AT_EXIT %s\n" % bytes(out) + event(7))
            assert client.flush() == (1, 0, 0)
            with shared_daemon.connect() as child:  # it waits behind all the others, for longer than the grace
                child.send(b"OPEN calm-at-exit\n" + event(8))
        wait_until(out.exists, "the export at exit")
        assert exported(out) == [7, 8]
        assert all(churn.poll() is None for churn in churns)


def written_by(stream: "subprocess.Popen[bytes]") -> int:
    """How many events a stream has written whole, once its socket is full."""
    return int(words_of(stream)[0])


def go_on(stream: "subprocess.Popen[bytes]") -> None:
    """Let it write until its socket is full."""
    assert stream.stdin
    stream.stdin.write(b"go on\n")
    stream.stdin.flush()


def test_export_while_a_client_writes_is_a_prefix_with_all_that_was_written(daemon: Daemon, tmp_path: Path) -> None:
    lengths: list[int] = []
    with program(STREAM, daemon.socket, "stream") as stream, daemon.connect() as client:
        client.send(b"OPEN stream\n")
        client.flush()
        for turn in range(20):
            os.kill(daemon.process.pid, signal.SIGSTOP)
            written_by(stream)  # perhaps a while ago
            go_on(stream)
            written = written_by(stream)
            out = tmp_path / f"{turn}.json"
            client.send(b"EMIT_TEF %s\n" % bytes(out))
            os.kill(daemon.process.pid, signal.SIGCONT)
            go_on(stream)
            client.flush()
            found = exported(out)
            assert found == list(range(len(found)))
            assert len(found) >= written
            lengths.append(len(found))
    assert lengths == sorted(lengths)
    final = daemon.numbers_so_far("stream")
    assert final == list(range(len(final)))


# ------------------------------------------------------------------ what waits to be accepted


def test_export_holds_the_events_of_clients_not_accepted_yet(tmp_path: Path) -> None:
    out, many = tmp_path / "out.json", 500
    with short_dir() as home, Daemon(home) as daemon, daemon.connect() as parent:
        parent.send(b"OPEN queue\n")
        parent.flush()
        os.kill(daemon.process.pid, signal.SIGSTOP)
        for number in range(many):
            with Client(daemon.socket) as child:
                child.send(b"OPEN queue\n" + event(number))
        with Client(daemon.socket) as stays:  # it neither ends its line nor leaves
            stays.send(b"OPEN queue\n" + event(many) + event(many + 1)[:-5])
            parent.send(b"EMIT_TEF %s\nFLUSH\n" % bytes(out))
            os.kill(daemon.process.pid, signal.SIGCONT)
            assert parent.line() == b"OK 0 0 0"
            assert exported(out) == list(range(many + 1))


def test_export_holds_what_fills_the_buffers_of_many_clients(tmp_path: Path) -> None:
    out, many = tmp_path / "out.json", 20
    with short_dir() as home, Daemon(home) as daemon, ExitStack() as stack:
        parent, *children = [stack.enter_context(daemon.connect()) for _ in range(many + 1)]
        for child in children:
            child.send(b"OPEN full\n")
            child.flush()
            child.socket.setblocking(False)
        os.kill(daemon.process.pid, signal.SIGSTOP)
        block = b'{"ph":"i","name":"%s","ts":1}\n' % (b"x" * 4000)
        sent = 0
        for child in children:
            while True:
                try:
                    taken = child.socket.send(block, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    break
                assert taken == len(block)
                sent += 1
        parent.send(b"OPEN full\nEMIT_TEF %s\nFLUSH\n" % bytes(out))
        os.kill(daemon.process.pid, signal.SIGCONT)
        assert parent.line() == b"OK 0 0 0"
        assert len(exported(out)) == sent


@pytest.mark.parametrize("how", ["descriptors", "out of band"])
def test_export_holds_what_a_recv_ends_early_for(tmp_path: Path, how: str) -> None:
    out, many, pieces = tmp_path / "out.json", 3, 25
    with short_dir() as home, Daemon(home) as daemon, ExitStack() as stack:
        parent, *children = [stack.enter_context(daemon.connect()) for _ in range(many + 1)]
        for child in children:
            child.send(b"OPEN early\n")
            child.flush()
        before = open_files(daemon.process.pid)
        os.kill(daemon.process.pid, signal.SIGSTOP)
        for number, child in enumerate(children):
            for at in range(number * pieces, (number + 1) * pieces):
                if how == "descriptors":
                    socket.send_fds(child.socket, [event(at)], [0])
                else:
                    child.send(event(at))
                    child.socket.send(b"\n", socket.MSG_OOB)
        parent.send(b"OPEN early\nEMIT_TEF %s\nFLUSH\n" % bytes(out))
        os.kill(daemon.process.pid, signal.SIGCONT)
        assert parent.line() == b"OK 0 0 0"
        assert sorted(exported(out)) == list(range(many * pieces))
        assert [child.flush() for child in children] == [(pieces, 0, 0)] * many, "the connections go on"
        assert open_files(daemon.process.pid) == before + 1, "only the log was opened"
