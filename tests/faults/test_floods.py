"""Floods: more clients, longer lines and more garbage than anybody means to send; the others hardly notice."""

import json
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.faults.load import load
from tests.faults.proc import open_files, peak_mb, resident_mb
from tests.harness import Client, Daemon, event, events, program, wait_until, words_of

long = [pytest.mark.long, pytest.mark.timeout(1800)]


class Neighbour:
    """A client that writes an event and asks for its acknowledgement, now and then; it notes how long that takes."""

    def __init__(self, daemon: Daemon) -> None:
        self._client = daemon.connect()
        self._client.send(b"OPEN neighbour\n")
        self._events = 0
        self.slowest_s = 0.0

    def ask(self) -> None:
        """One event, acknowledged."""
        self._events += 1
        began_s = time.monotonic()
        self._client.send(event(self._events))
        assert self._client.flush() == (self._events, 0, 0)
        self.slowest_s = max(self.slowest_s, time.monotonic() - began_s)

    def close(self) -> None:
        self._client.close()


@pytest.fixture
def neighbour(daemon: Daemon) -> Iterator[Neighbour]:
    asking = Neighbour(daemon)
    asking.ask()
    yield asking
    asking.close()


def told(name: str, **figures: float | str) -> None:
    """Figures for docs/reliability.md."""
    shown = ", ".join(f"{key} {value if isinstance(value, str) else f'{value:.3g}'}" for key, value in figures.items())
    sys.stderr.write(f"{name}: {shown}\n")


# ------------------------------------------------------------------ clients


@contextmanager
def many_descriptors(wanted: int) -> Generator[int]:
    """Raise this process's limit; how many of the wanted descriptors there may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield min(wanted, hard - 500)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("wanted", [2_000, pytest.param(10_000, marks=pytest.mark.long)])
def test_many_clients_at_the_same_time(daemon: Daemon, neighbour: Neighbour, wanted: int) -> None:
    pid = daemon.process.pid
    before = open_files(pid)
    with many_descriptors(wanted) as many:
        with ExitStack() as stack:
            clients: list[Client] = []
            for number in range(many):
                clients.append(stack.enter_context(daemon.connect()))
                clients[-1].send(b"OPEN many\n" + event(number) + b"FLUSH\n")
            for client in clients:
                assert client.line() == b"OK 1 0 0"
            for client in clients[::100]:
                client.send(event(many))
                neighbour.ask()
            told("clients at the same time", clients=many, neighbour_s=neighbour.slowest_s, memory_mb=resident_mb(pid))
            assert open_files(pid) >= many
        wait_until(lambda: open_files(pid) <= before, "the connections to be closed")
    daemon.stop()
    assert sorted(daemon.numbers("many"))[:many] == list(range(many))
    assert len(daemon.numbers("many")) == many + len(range(0, many, 100))


CONNECTS = """
import socket, sys, time
sys.stdin.readline()
clients, slowest = [], 0.0
for number in range(100):
    began = time.monotonic()
    client = socket.socket(socket.AF_UNIX)
    client.connect(sys.argv[1])
    client.sendall(b'OPEN rush\\n{"ph":"i","ts":%d}\\nFLUSH\\n' % number)
    slowest = max(slowest, time.monotonic() - began)
    clients.append(client)
answers = {client.recv(100) for client in clients}
print(answers == {b"OK 1 0 0\\n"}, slowest, flush=True)
"""


def test_2000_clients_connect_at_once_to_a_busy_daemon(daemon: Daemon) -> None:
    with ExitStack() as stack:
        busy = stack.enter_context(load(daemon.socket, "busy", 2))
        wait_until((daemon.dir / "busy.jsonl").exists, "the load")
        crowd = [stack.enter_context(program(CONNECTS, daemon.socket)) for _ in range(20)]
        for each in crowd:
            assert each.stdin is not None
            each.stdin.write(b"go\n")
            each.stdin.flush()
        said = [words_of(each) for each in crowd]
        busy.end()
        daemon.stop()
        seen = busy.compare(daemon.log("busy"))
    assert [answered for answered, _ in said] == ["True"] * 20
    assert len(daemon.events("rush")) == 2000
    assert (seen.missing, seen.doubled, seen.not_sent) == (0, 0, 0)
    slowest_s = max(float(seconds) for _, seconds in said)
    told("2000 connect at once", slowest_connect_s=slowest_s, events_meanwhile=seen.stored)


# ------------------------------------------------------------------ bytes

MB = 1_000_000
MOST_LOG_LINES = 20


def garbage(kind: str) -> bytes:
    """About 1 MB of it; the seed is fixed, so that a failure comes again."""
    rng = random.Random(5)
    match kind:
        case "random bytes":
            return rng.randbytes(MB)
        case "short lines":
            return b"".join(rng.randbytes(6).replace(b"\n", b"") + b"\n" for _ in range(MB // 7))
        case "nearly JSON":
            return b'{"ph":"i","ts":1,"args":{"a":[1,2,}}\n' * (MB // 37)
        case _:
            return b"\n" * MB


@pytest.mark.parametrize("megabytes", [2, pytest.param(1000, marks=long)])
@pytest.mark.parametrize("kind", ["random bytes", "short lines", "nearly JSON", "blank lines"])
def test_garbage_costs_20_lines_of_the_daemons_log_and_little_memory(
    daemon: Daemon, neighbour: Neighbour, kind: str, megabytes: int
) -> None:
    piece = garbage(kind)
    lines = daemon.stderr().count("\n")
    began_s = time.monotonic()
    with daemon.connect() as client:
        client.send(b"OPEN garbage\n")
        for _ in range(megabytes):
            client.send(piece)
            neighbour.ask()
        client.send(b"\n" + event(1))
        stored, refused, lost = client.flush()
    took_s = time.monotonic() - began_s
    memory = peak_mb(daemon.process.pid)

    assert (stored, lost) == (1, 0)
    assert (refused > 0) == (kind != "blank lines")
    assert daemon.stderr().count("\n") - lines <= MOST_LOG_LINES
    assert memory < 120
    rejects = daemon.dir / "garbage.rejected"
    assert kind == "blank lines" or rejects.stat().st_size < 1.2 * MB
    told(
        f"{megabytes} MB of {kind}",
        seconds=took_s,
        neighbour_s=neighbour.slowest_s,
        peak_mb=memory,
        refused=f"{refused}",
        log_lines=daemon.stderr().count("\n") - lines,
    )


def test_a_line_of_400_mb_is_one_refused_line(daemon: Daemon, neighbour: Neighbour) -> None:
    piece = b"x" * MB
    with daemon.connect() as client:
        client.send(b'OPEN endless\n{"ph":"i","name":"')
        for _ in range(400):
            client.send(piece)
            neighbour.ask()
        client.send(b'"}\n' + event(1))
        assert client.flush() == (1, 1, 0)
    assert daemon.numbers("endless") == [1]
    told("a line of 400 MB", neighbour_s=neighbour.slowest_s, peak_mb=peak_mb(daemon.process.pid))
    assert peak_mb(daemon.process.pid) < 150


@pytest.mark.parametrize("pause_s", [0.0, pytest.param(1.0, marks=long)], ids=["at a time", "a second"])
def test_one_byte(daemon: Daemon, neighbour: Neighbour, pause_s: float) -> None:
    """Each byte is read by itself, for the neighbour was answered after it."""
    with daemon.connect() as client:
        for byte in b"OPEN drip\n" + events(range(3)) + "bäd\n".encode():
            client.send(bytes([byte]))
            time.sleep(pause_s)  # the load that this test is about
            neighbour.ask()
        assert client.flush() == (3, 1, 0)
    assert daemon.numbers("drip") == [0, 1, 2]


DEPTH = 100_000
NESTED = {
    "arrays": b'{"a":' + b"[" * DEPTH + b"]" * DEPTH + b"}\n",
    "objects": b'{"a":' * DEPTH + b"1" + b"}" * DEPTH + b"\n",
    "never closed": b'{"a":' + b"[" * DEPTH + b"\n",
    "with a value to repair": b'{"a":' + b"[" * DEPTH + b"nan" + b"]" * DEPTH + b"}\n",
    "16 MB of brackets": b'{"a":' + b"[" * 8 * MB + b"]" * 8 * MB + b"}\n",
}


@pytest.mark.parametrize("kind", NESTED)
def test_nesting_is_refused_by_itself(shared_daemon: Daemon, kind: str) -> None:
    with shared_daemon.connect() as client:
        client.send(b"OPEN deep\n" + event(1) + NESTED[kind] + event(2))
        assert client.flush() == (2, 1, 0)
        assert shared_daemon.process.poll() is None


# ------------------------------------------------------------------ exports


def write_log(path: Path, count: int) -> None:
    """A log as an earlier daemon left it."""
    with path.open("wb") as log:
        for first in range(0, count, 50_000):
            log.write(events(range(first, min(first + 50_000, count))))


@pytest.mark.parametrize("count", [200_000, pytest.param(5_000_000, marks=long)])
def test_a_large_export_while_8_clients_stream(daemon: Daemon, tmp_path: Path, count: int) -> None:
    out = tmp_path / "out.json"
    write_log(daemon.dir / "large.jsonl", count)
    with load(daemon.socket, "stream", 8) as streaming:
        wait_until((daemon.dir / "stream.jsonl").exists, "the streams")
        before = (daemon.dir / "stream.jsonl").stat().st_size
        began_s = time.monotonic()
        with daemon.connect() as client:
            client.socket.settimeout(600)
            client.send(b"OPEN large\nEMIT_TEF %s\n" % bytes(out))
            assert client.flush() == (0, 0, 0)
        took_s = time.monotonic() - began_s
        meanwhile = (daemon.dir / "stream.jsonl").stat().st_size - before
        streaming.end()
    daemon.stop()
    seen = streaming.compare(daemon.log("stream"))
    assert (seen.missing, seen.doubled, seen.not_sent) == (0, 0, 0)
    assert meanwhile > 0
    told(f"export of {count} events", seconds=took_s, streamed_mb=meanwhile / MB, slowest_reply_s=seen.slowest_s)
    # Line by line, for the whole document as Python objects would take gigabytes.
    with out.open("rb") as document:
        assert document.readline().endswith(event(0).removesuffix(b"\n") + b",\n")
        for number in range(1, count - 1):
            assert document.readline() == event(number).removesuffix(b"\n") + b",\n"
        last, metadata = document.read().split(b"],")
    assert last == event(count - 1).removesuffix(b"\n")
    assert json.loads(b"{" + metadata)["metadata"]["events"] == count


@pytest.mark.parametrize("kind", [b"OPEN t%d\n", b"bad %d\n"])
def test_many_messages_in_one_block_let_others_take_turns(daemon: Daemon, kind: bytes) -> None:
    """Of two clients with many messages, neither has all of them handled before the other's next turn."""
    many, questions = 1000, 200
    with daemon.connect() as busy, daemon.connect() as neighbour:
        busy.send(b"OPEN busy\n")
        assert busy.flush() == (0, 0, 0)
        os.kill(daemon.process.pid, signal.SIGSTOP)
        busy.send(b"".join(kind % number + event(number) for number in range(many)))
        neighbour.send(b"STATUS\n" * questions)
        os.kill(daemon.process.pid, signal.SIGCONT)
        stored = [json.loads(neighbour.line())["totals"]["stored"] for _ in range(questions)]
        assert any(0 < count < many for count in stored), "one of them waited until the other's block was handled"
        assert busy.flush()[0] == many
