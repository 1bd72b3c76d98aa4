"""`tracerd import` when the daemon stops, is killed, or the user gives up; and what a terminal shows meanwhile."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.daemon.small_disk import SmallDisk, needs_mount
from tests.harness import PATIENCE_S, Daemon, read_terminal, short_dir, wait_until
from tracerd.importers import connection

EVENTS = 100_000


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A file of more events than the socket holds."""
    file = tmp_path / "many.json"
    event = '{"ph":"X","name":"a name of some length","pid":2,"tid":2,"ts":%d,"dur":1}\n'
    file.write_text("".join(event % at for at in range(EVENTS)))
    return file


@contextmanager
def importing(daemon: Daemon, file: Path) -> Generator["subprocess.Popen[bytes]"]:
    """An import that has stored some events, while the daemon is stopped."""
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "tracerd",
        "import",
        "--socket",
        daemon.socket,
        "--dir",
        daemon.dir,
        "--into",
        "t",
        file,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    log = daemon.dir / "t.jsonl"
    try:
        wait_until(lambda: log.exists() and log.stat().st_size > 0, "the first events")
        daemon.process.send_signal(signal.SIGSTOP)
        yield process
    finally:
        daemon.process.send_signal(signal.SIGCONT)
        process.kill()
        process.communicate()


def test_a_stopped_daemon_ends_the_import(
    daemon: Daemon, many: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file is reported when the daemon has acknowledged it, not before."""
    monkeypatch.setattr(connection, "TIMEOUT_S", 0.2)
    small = tmp_path / "small.json"
    small.write_text(json.dumps([{"ph": "X", "name": "a", "pid": 2, "tid": 2, "ts": 1, "dur": 1}]))
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        for file in (small, many):
            done = invoke("import", "--socket", daemon.socket, "--dir", daemon.dir, "--into", "t", file, small)
            error = done.stderr.decode()
            assert (done.returncode, done.stdout) == (1, b"")
            assert error.startswith(f"{file}: the daemon takes and answers nothing")
            assert error.count("\n") == 1
    finally:
        daemon.process.send_signal(signal.SIGCONT)


def test_an_interrupted_import_marks_the_trace(daemon: Daemon, many: Path) -> None:
    with importing(daemon, many) as process:
        process.send_signal(signal.SIGINT)
        daemon.process.send_signal(signal.SIGCONT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (130, b"")
    assert b"interrupted: the trace has what was sent, and is marked as not complete" in err
    assert b'"complete":false' in daemon.events("t")[-1]
    assert 0 < len(daemon.events("t")) < EVENTS


def test_a_killed_daemon_leaves_a_part_and_a_line(daemon: Daemon, many: Path) -> None:
    with importing(daemon, many) as process:
        daemon.process.send_signal(signal.SIGKILL)
        out, err = process.communicate(timeout=PATIENCE_S)
        daemon.process.wait()
    assert (process.returncode, out) == (1, b"")
    assert err.startswith(f"{many}: the daemon has gone".encode())
    assert b"lines were sent, and the trace may hold a part of them" in err
    assert err.count(b"\n") == 1


def test_a_line_stands_where_the_progress_bar_was(daemon: Daemon, many: Path) -> None:
    program = "from tracerd.cli import main, progress; progress.DELAY_S = 0; main()"
    place = ["--socket", str(daemon.socket), "--dir", str(daemon.dir), "--into", "t"]
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", program, "import", *place, str(many)]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b"".join(read_terminal(ours)).decode()
    os.close(ours)
    assert process.returncode == 0
    before, _, _ = shown.partition(str(many))
    assert "reading" in before
    assert before.endswith("\r\x1b[K")


@needs_mount
def test_what_waits_for_a_full_disk_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "small.json"
    file.write_text(
        json.dumps([{"ph": "X", "name": "a", "pid": 2, "tid": 2, "ts": ts, "dur": 1} for ts in (1, 2)])
    )  # and a name
    with short_dir() as home, SmallDisk(home) as daemon:
        daemon.fill()
        done = invoke("import", "--socket", daemon.socket, "--dir", daemon.dir, "--into", "t", file)

    assert done.returncode == 1
    last = done.stderr.decode().splitlines()[-1]
    assert last.startswith("3 events of 3 not written yet, 0 refused and 0 lost by the daemon: ")
    assert last.endswith("No space left on device")
