"""netcat and socat are clients."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.harness import PATIENCE_S, Daemon, event, events, exported, wait_until


def installed(program: str) -> str:
    """The path of a program; skips the test without it."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


@pytest.mark.parametrize("newline", [b"", b"\n"])
def test_netcat_sends_events_and_ends(shared_daemon: Daemon, newline: bytes) -> None:
    netcat = installed("nc")
    if b"OpenBSD" not in subprocess.run([netcat, "-h"], capture_output=True, check=False).stderr:
        pytest.skip("this nc knows no -N and -U")
    name = f"nc-{len(newline)}"
    data = b"OPEN %s\n" % name.encode() + events(range(100)) + event(100).rstrip() + newline
    result = subprocess.run(
        [netcat, "-N", "-U", str(shared_daemon.socket)],
        input=data,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, b"")
    assert shared_daemon.numbers(name) == list(range(101))


def test_netcat_shows_the_acknowledgement(shared_daemon: Daemon, tmp_path: Path) -> None:
    netcat, out = installed("nc"), tmp_path / "out.json"
    data = b"OPEN nc-ok\n" + events(range(3)) + b"EMIT_TEF %s\nFLUSH\n" % bytes(out)
    result = subprocess.run(
        [netcat, "-N", "-U", str(shared_daemon.socket)],
        input=data,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert result.stdout == b"OK 3 0 0\n"
    assert exported(out) == [0, 1, 2]


def test_socat_sends_events(shared_daemon: Daemon) -> None:
    command = [installed("socat"), "-u", "-", f"UNIX-CONNECT:{shared_daemon.socket}"]
    data = b"OPEN socat\n" + events(range(1000))
    assert subprocess.run(command, input=data, timeout=PATIENCE_S, check=False).returncode == 0
    wait_until(lambda: shared_daemon.numbers_so_far("socat") == list(range(1000)), "all events")


def test_socat_shows_the_acknowledgement(shared_daemon: Daemon) -> None:
    command = [installed("socat"), "-t60", "-", f"UNIX-CONNECT:{shared_daemon.socket}"]
    data = b"OPEN socat-ok\n" + events(range(3)) + b"FLUSH\n"
    result = subprocess.run(command, input=data, stdout=subprocess.PIPE, timeout=PATIENCE_S, check=False)
    assert (result.returncode, result.stdout) == (0, b"OK 3 0 0\n")
