"""A bug that the handling of one client meets ends that client, and no other."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import Daemon, event, exported, short_dir, wait_until

MIB = 1024 * 1024

# The daemon, with a bug for events that say so.
FAULTY = """
import sys
from tracerd.core.state import DaemonState
receive = DaemonState.receive

def faulty(self, client, message, now_s):
    if b"bug" in getattr(message, "block", b""):
        raise RuntimeError
    return receive(self, client, message, now_s)

DaemonState.receive = faulty
sys.argv = ["tracerd", *sys.argv[4:]]
from tracerd.__main__ import main
main()
"""


@pytest.fixture
def faulty() -> Iterator[Daemon]:
    options = ["--max-unfinished-bytes", str(4 * MIB)]
    with short_dir() as home, Daemon(home, *options, before=[sys.executable, "-c", FAULTY]) as daemon:
        yield daemon
        daemon.kill()  # its log has tracebacks


def test_a_client_in_whose_handling_a_bug_was_met_has_left(faulty: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with faulty.connect() as neighbour:
        neighbour.send(b"OPEN neighbour\n")
        with faulty.connect() as client:
            client.send(b"OPEN t\nEMIT_TEF_AT_EXIT %s\n" % bytes(out) + event(1))
            assert client.flush() == (1, 0, 0)
            client.send(b'{"name":"bug","ts":nan}\n')  # which Python has to repair, with the extension too
            assert client.finish() == b""
        wait_until(out.exists, "the trace to end")
        assert exported(out) == [1]
        assert neighbour.status()["clients"] == 1
        neighbour.send(event(2))
        assert neighbour.flush() == (1, 0, 0)
    assert faulty.stderr().count("a bug of tracerd: the client with pid") == 1


def test_a_client_that_is_given_up_inside_a_line_takes_no_room(faulty: Daemon) -> None:
    half = b'OPEN t\n{"ph":"i","ts":1,"name":"' + b"x" * (3 * MIB)
    for _ in range(3):
        with faulty.connect() as client:
            client.send(half)
            client.send(b'bug"}\n')
            assert client.finish() == b""
    with faulty.connect() as neighbour:
        neighbour.send(half + b'"}\n')
        assert neighbour.flush() == (1, 0, 0)
