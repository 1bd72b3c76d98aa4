"""As a service: started by its first client, and what the manager is sent."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.harness import PATIENCE_S, Client, Daemon, event, short_dir, wait_until
from tests.service.services import Manager, Service

needs_activate = pytest.mark.skipif(
    shutil.which("systemd-socket-activate") is None, reason="systemd-socket-activate is not installed"
)


@pytest.fixture
def service() -> Iterator[Service]:
    with short_dir() as home, contextlib.closing(Service(home)) as made:
        yield made


# ------------------------------------------------------------------ systemd's own tool


@contextmanager
def activated(home: Path) -> Generator[tuple["subprocess.Popen[bytes]", Path]]:
    """`systemd-socket-activate`, listening: the first connection turns it into a daemon."""
    said = home / "stderr"
    command = [
        "systemd-socket-activate",
        "-l",
        home / "s",
        sys.executable,
        "-m",
        "tracerd",
        "serve",
        "-d",
        home / "logs",
    ]
    with said.open("wb") as stderr:
        process = subprocess.Popen(list(map(str, command)), stderr=stderr)
    try:
        wait_until(lambda: b"Listening on" in said.read_bytes(), "systemd-socket-activate to listen")
        yield process, home / "s"
    finally:
        process.kill()
        process.wait()


def program_of(process: "subprocess.Popen[bytes]") -> bytes:
    return Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")[0]


@needs_activate
def test_first_client_starts_the_daemon_and_is_recorded() -> None:
    with short_dir() as home, activated(home) as (process, path):
        with Client(path) as client:
            client.send(b"OPEN first\n" + event(1))
            assert client.flush() == (1, 0, 0)
            assert client.status()["pid"] == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
        assert path.is_socket()
        assert event(1) in (home / "logs/first.jsonl").read_bytes()


@needs_activate
def test_status_and_stop_do_not_start_a_daemon_and_find_the_one_that_runs() -> None:
    with short_dir() as home, activated(home) as (process, path):
        for command in ("status", "stop"):
            done = invoke(command, "--socket", path)
            assert done.returncode == 1
            assert done.stderr.startswith(b"Error: no daemon is running on ")
            assert done.stderr.count(b"\n") == 1
        assert program_of(process).endswith(b"systemd-socket-activate")

        with Client(path) as client:
            client.status()
        assert f"pid {process.pid}," in invoke("status", "--socket", path).stdout.decode()
        done = invoke("stop", "--socket", path)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert process.wait(PATIENCE_S) == 0


# ------------------------------------------------------------------ what the manager is told


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_the_manager_is_told_of_the_start_and_of_the_stop(kind: str) -> None:
    with short_dir() as home:
        address = str(home / "notify") if kind == "path" else f"@{home.name}-notify"
        with contextlib.closing(Manager(address)) as manager:
            process = subprocess.Popen(
                [sys.executable, "-m", "tracerd", "serve", "--socket", home / "s", "-d", home / "logs"],
                stderr=subprocess.DEVNULL,
                env=os.environ | {"NOTIFY_SOCKET": address},
            )
            try:
                assert manager.message() == ["READY=1", f"STATUS=logs in {home}/logs"]
                with Client(home / "s") as client:
                    client.send(b"OPEN t\n" + event(1) + b"DIE\n")
                    assert manager.message() == ["STOPPING=1", "STATUS=reading all connections to their end"]
                assert process.wait(PATIENCE_S) == 0
            finally:
                process.kill()
                process.wait()


def test_a_manager_that_has_gone_does_not_disturb_the_daemon() -> None:
    with short_dir() as home, Daemon(home, env=os.environ | {"NOTIFY_SOCKET": str(home / "gone")}) as daemon:
        assert daemon.session(b"OPEN t\n" + event(1) + b"FLUSH\n") == b"OK 1 0 0\n"
        wait_until(lambda: "cannot send READY=1 to the service manager" in daemon.stderr(), "the daemon to report it")
