"""DIE_WHEN_IDLE and `tracerd stop`: the daemon ends when its last client has gone."""

import os
import signal
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.harness import PATIENCE_S, Daemon, event, exported, short_dir


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
    assert daemon.process.wait(PATIENCE_S) == 0
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
    assert daemon.process.wait(PATIENCE_S) == 0
    assert daemon.numbers("waiting") == [1]


def test_die_when_idle_does_the_exports_at_exit(daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    daemon.session(b"OPEN idle-exit\nEMIT_TEF_AT_EXIT %s\n" % bytes(out) + event(1) + b"DIE_WHEN_IDLE\n")
    assert daemon.process.wait(PATIENCE_S) == 0
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
    result = invoke("stop", "--socket", daemon.socket)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    assert not daemon.socket.exists()
    assert daemon.process.wait(PATIENCE_S) == 0


def test_stop_command_waits_for_a_slow_daemon(daemon: Daemon) -> None:
    os.kill(daemon.process.pid, signal.SIGSTOP)
    with answers_again(daemon):
        assert invoke("stop", "--socket", daemon.socket).returncode == 0
    assert daemon.process.wait(PATIENCE_S) == 0


def test_stop_command_says_how_many_clients_it_leaves_alone(daemon: Daemon) -> None:
    with daemon.connect() as one, daemon.connect() as two:
        one.send(b"OPEN polite\n" + event(1))
        one.flush()
        two.status()
        result = invoke("stop", "--socket", daemon.socket)
        assert (result.returncode, result.stdout) == (0, b"")
        said = result.stderr.decode()
        assert said.count("\n") == 1
        assert f"pid {daemon.process.pid} " in said
        assert " 2 other clients " in said
        one.send(event(2))
        assert one.flush() == (2, 0, 0)
    assert daemon.process.wait(PATIENCE_S) == 0


def test_stop_command_now_does_not_wait_for_clients(daemon: Daemon) -> None:
    with daemon.connect() as client:
        client.send(b"OPEN now\n" + event(1))
        result = invoke("stop", "--now", "--socket", daemon.socket)
        assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
        assert daemon.process.wait(PATIENCE_S) == 0
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
        result = invoke("stop", "--socket", path, *options)
        assert (result.returncode, result.stdout) == (1, b"")
        assert result.stderr.count(b"\n") == 1
        assert bytes(path) in result.stderr
