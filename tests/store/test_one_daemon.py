"""Of all daemons on a socket, or in a directory, one serves; what is not its own is left in its place."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import Client, Daemon, event, short_dir, tracerd, wait_until
from tests.store.refusals import refusal, serve_refusal, tree, works


def test_second_daemon_on_the_socket_is_told_who_holds_it(daemon: Daemon, tmp_path: Path) -> None:
    said = serve_refusal(daemon.socket, tmp_path / "other")
    assert str(daemon.socket) in said
    assert f"pid {daemon.process.pid}\n" in said
    assert works(daemon)


def test_second_daemon_in_the_directory_is_told_who_holds_it(daemon: Daemon) -> None:
    with short_dir() as other:
        said = serve_refusal(other / "s", daemon.dir)
        assert tree(other) <= {"s.lock"}
    assert str(daemon.dir) in said
    assert f"pid {daemon.process.pid}\n" in said
    assert works(daemon)


def test_second_daemon_by_another_name_of_the_directory_is_refused(daemon: Daemon) -> None:
    with short_dir() as other:
        (other / "link").symlink_to(daemon.dir.parent)
        assert f"pid {daemon.process.pid}\n" in serve_refusal(other / "s", other / "link" / "logs")
        assert f"pid {daemon.process.pid}\n" in serve_refusal(other / "link" / "s", other / "logs")
    assert works(daemon)


def test_daemon_that_hangs_still_holds_its_socket(daemon: Daemon, tmp_path: Path) -> None:
    os.kill(daemon.process.pid, signal.SIGSTOP)
    said = serve_refusal(daemon.socket, tmp_path / "other")
    os.kill(daemon.process.pid, signal.SIGCONT)
    assert f"pid {daemon.process.pid}\n" in said
    assert works(daemon)


def test_of_many_daemons_started_at_once_one_serves() -> None:
    with short_dir() as home:
        command = [
            sys.executable,
            "-m",
            "tracerd",
            "serve",
            "--socket",
            str(home / "s"),
            "-d",
            str(home / "logs"),
        ]
        started = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(6)]
        try:
            wait_until(lambda: sum(one.poll() is None for one in started) == 1, "all but one to give up")
            (serving,) = [one for one in started if one.returncode is None]
            with Client(home / "s") as client:
                assert client.status()["pid"] == serving.pid
            assert sorted(one.returncode for one in started if one is not serving) == [1] * 5
        finally:
            for one in started:
                one.kill()
                one.wait()


def test_stale_socket_of_a_killed_daemon_is_replaced() -> None:
    with short_dir() as home:
        with Daemon(home) as killed:
            killed.session(b"OPEN stale\n" + event(1))
            killed.kill()
        assert killed.socket.is_socket()
        with Daemon(home) as daemon:
            daemon.session(b"OPEN stale\n" + event(2))
            assert daemon.numbers("stale") == [1, 2]


def test_foreign_program_on_the_socket_is_left_alone() -> None:
    with short_dir() as home, socket.socket(socket.AF_UNIX) as foreign:
        foreign.bind(os.fsencode(home / "s"))
        foreign.listen()
        assert "another program listens" in serve_refusal(home / "s", home / "logs")
        Client(home / "s").close()


def test_foreign_program_that_takes_datagrams_is_left_alone() -> None:
    with short_dir() as home, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as foreign:
        foreign.bind(os.fsencode(home / "s"))
        assert "another program" in serve_refusal(home / "s", home / "logs")
        assert (home / "s").is_socket()


def put_link_to_file(path: Path) -> None:
    path.with_name("target").write_text("precious")
    path.symlink_to("target")


PLACES: list[tuple[str, Callable[[Path], object]]] = [
    ("file", lambda path: path.write_text("precious")),
    ("link to a file", put_link_to_file),
    ("link to nothing", lambda path: path.symlink_to("missing")),
    ("pipe", os.mkfifo),
]


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in PLACES])
def test_what_is_no_socket_is_left_in_its_place(make: Callable[[Path], object]) -> None:
    with short_dir() as home:
        path = home / "s"
        make(path)
        before = path.lstat()
        assert "not a socket" in serve_refusal(path, home / "logs")
        after = path.lstat()
        assert (after.st_mode, after.st_ino) == (before.st_mode, before.st_ino)
        assert not path.is_file() or path.read_text() == "precious"
        assert tree(home) <= {"s", "s.lock", "target", "logs", "logs/.lock"}


def test_directory_in_the_sockets_place_is_refused() -> None:
    with short_dir() as home:
        (home / "s").mkdir()
        result = tracerd("serve", "--socket", home / "s", "-d", home / "logs")
        assert (result.returncode, result.stdout) == (2, b"")  # click's own answer
        assert result.stderr.splitlines()[-1].startswith(b"Error: ")
        environment = {**os.environ, "TRACERD_SOCKET": str(home / "s")}
        assert "not a socket" in refusal("serve", "-d", home / "logs", env=environment)


@pytest.mark.parametrize("name", ["s.lock", "logs/.lock"])
@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in PLACES[1:]])
def test_what_is_no_file_in_a_locks_place_is_refused(name: str, make: Callable[[Path], object]) -> None:
    with short_dir() as home:
        (home / "logs").mkdir(mode=0o700)
        make(home / name)
        assert str(home / name) in serve_refusal(home / "s", home / "logs")
        assert not (home / "s").exists()
        target = (home / name).with_name("target")
        assert not target.exists() or target.read_text() == "precious"


def test_socket_path_that_is_too_long_is_refused_and_the_longest_works() -> None:
    with short_dir() as home:
        longest = "s" * (107 - len(bytes(home)) - 1)
        assert "107 bytes" in serve_refusal(home / (longest + "s"), home / "logs")
        with Daemon(home, socket_name=longest) as daemon:
            assert len(bytes(daemon.socket)) == 107
            assert works(daemon)
