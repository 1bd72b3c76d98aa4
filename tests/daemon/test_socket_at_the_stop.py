"""The socket at the stop, and more clients or traces than descriptors."""

import fcntl
import json
import os
import resource
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness import PATIENCE_S, Client, Daemon, answers, event, short_dir, wait_until
from tracerd.daemon.listeners import Listener


def test_file_that_took_the_sockets_place_is_left_alone(daemon: Daemon) -> None:
    daemon.socket.unlink()
    daemon.socket.write_text("not a socket")
    daemon.stop()
    assert daemon.socket.read_text() == "not a socket"


def test_file_that_takes_the_sockets_place_as_soon_as_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hurried(socket.socket):
        def listen(self, backlog: int = 0) -> None:
            super().listen(backlog)
            path.unlink()
            path.write_text("not a socket")

    monkeypatch.setattr(socket, "socket", Hurried)
    with short_dir() as home:
        path = home / "s"
        Listener(path, named=True).close()
        assert path.read_text() == "not a socket"


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
                wait_until(lambda: answers(home / "s"), "the daemon to listen")
                for _ in range(100):
                    with Client(home / "s") as client:
                        client.send(b"OPEN t\n" + b"bad\n" * 12 + event(1) + b"FLUSH\n")
                        assert client.finish().endswith(b"OK 1 12 0\n")
                process.terminate()
                assert process.wait(PATIENCE_S) == 0
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
