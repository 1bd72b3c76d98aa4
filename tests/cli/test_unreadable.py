"""Directories that we may not read: what commands say that are asked what is wrong, and not for a trace."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.doctor import findings
from tests.cli.doctor import home as home
from tests.harness import Daemon, tracerd
from tests.store.other_user import without_roots_privileges


def run(command: str, home: Path, **environ: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a command as somebody who may not read everything."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("TRACERD_")}
    env |= {"TRACERD_SOCKET": str(home / "s"), "TRACERD_DIR": str(home / "logs"), "PATH": "/nowhere"} | environ
    return tracerd(command, env=env, preexec_fn=without_roots_privileges)


def test_doctor_and_logs_that_cannot_be_read(home: Path) -> None:
    (home / "logs").mkdir(mode=0)
    found = findings(run("doctor", home), code=1)
    which = f"{home}/logs (uid {os.geteuid()}, mode 0000)"
    do = "run chmod u+rwx on it, or set TRACERD_DIR to another"
    assert found["directory"] == ("FAIL", f"{which} cannot be written; {do}")
    assert found["lock"] == (
        "WARN", f"cannot read the directory {home}/logs: Permission denied; nobody knows which daemon uses it"
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["unreadable", "file"])
def test_doctor_and_logs_that_cannot_be_found(home: Path, kind: str) -> None:
    """What is in the way is above them."""
    if kind == "file":
        (home / "above").touch()
    else:
        (home / "above").mkdir(mode=0)
    found = findings(run("doctor", home, TRACERD_DIR=f"{home}/above/logs"), code=1)
    why = "Not a directory" if kind == "file" else "Permission denied"
    expected = f"cannot use the directory {home}/above/logs: {why}; set TRACERD_DIR to another"
    assert found["directory"] == ("FAIL", expected)


def test_doctor_and_logs_in_a_file(home: Path) -> None:
    (home / "logs").touch()
    found = findings(run("doctor", home), code=1)
    assert found["directory"] == ("FAIL", f"{home}/logs is not a directory; set TRACERD_DIR to another")


def test_doctor_and_a_socket_in_a_directory_that_cannot_be_read(home: Path) -> None:
    (home / "run").mkdir(mode=0)
    found = findings(run("doctor", home, TRACERD_SOCKET=f"{home}/run/s"), code=1)
    why = f"cannot read {home}/run/s: Permission denied; set TRACERD_SOCKET to another path"
    assert found["socket"] == ("FAIL", why)
    assert found["daemon"] == (
        "WARN", f"cannot read the directory {home}/run: Permission denied; nobody knows whether one runs"
    )  # fmt: skip


@pytest.mark.parametrize("command", ["status", "stop"])
def test_a_daemon_whose_socket_cannot_be_looked_at(home: Path, command: str) -> None:
    (home / "run").mkdir(mode=0o700)
    with Daemon(home, socket_name="run/s"):
        (home / "run").chmod(0)
        done = run(command, home, TRACERD_SOCKET=f"{home}/run/s")
        (home / "run").chmod(0o700)
    why = f"cannot read the directory {home}/run: Permission denied; run chmod u+rwx on it, or set TRACERD_SOCKET"
    assert (done.returncode, done.stdout, done.stderr.decode()) == (1, b"", f"Error: {why} to another path\n")
