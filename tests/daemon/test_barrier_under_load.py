"""An export under load: it waits for no pause, and holds a prefix of what a client goes on to write."""

import os
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

from tests.harness import Daemon, event, events, exported, program, wait_until, words_of

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
