"""What commands that take long show meanwhile, and how Ctrl-C ends them."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import PATIENCE_S, read_terminal, wait_until

EVENT = b'{"ph":"X","name":"a","cat":"c","pid":1,"tid":1,"ts":%d,"dur":1}\n'

AT_ONCE = "from tracerd.cli import main, progress; progress.DELAY_S = 0; main()"
"""The command line, for which everything takes long."""

COMMANDS = [
    ["show"],
    ["stats"],
    ["check"],
    ["get-tef", "-o", "/dev/null"],
    ["get-tef", "-o", "/dev/null", "--name", "a"],
    ["get-tef", "-o", "out.json", "--split-size", "8kB"],
]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"".join(EVENT % n for n in range(0, 400, 2)))
    return path


def on_stderr(command: list[str], directory: Path, *, is_terminal: bool) -> bytes:
    """What a command writes to stderr."""
    ours, theirs = pty.openpty()
    stderr = theirs if is_terminal else subprocess.PIPE
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr, cwd=directory) as process:
        os.close(theirs)
        text = b"".join(read_terminal(ours)) if is_terminal else (process.stderr.read() if process.stderr else b"")
        assert process.wait(PATIENCE_S) == 0
    os.close(ours)
    return text


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_that_takes_long_shows_a_bar_on_a_terminal_only(command: list[str], log: Path) -> None:
    slow = [sys.executable, "-c", AT_ONCE, *command, str(log)]

    assert b"run" in (shown := on_stderr(slow, log.parent, is_terminal=True))
    assert b"100%" in shown
    assert on_stderr(slow, log.parent, is_terminal=False) == b""


def test_diff_shows_a_bar_for_each_trace(log: Path) -> None:
    slow = [sys.executable, "-c", AT_ONCE, "diff", str(log), str(log)]

    assert on_stderr(slow, log.parent, is_terminal=True).count(b"100%") == 2


def test_what_is_over_soon_shows_none(log: Path) -> None:
    never = AT_ONCE.replace("= 0", "= 3600")

    assert on_stderr([sys.executable, "-c", never, "stats", str(log)], log.parent, is_terminal=True) == b""


@pytest.mark.parametrize("command", [*COMMANDS[:3], ["get-tef", "-o", "out.json"], COMMANDS[5]], ids=" ".join)
def test_ctrl_c_ends_at_once_and_leaves_nothing(command: list[str], tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "tracerd", *command, "-"]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    ) as process:
        assert process.stdin is not None
        for n in range(20_000):  # more than a pipe holds: it is being read
            process.stdin.write(EVENT % (2 * n))
        process.stdin.flush()
        if "out.json" in command and "--split-size" not in command:
            wait_until(lambda: any(tmp_path.iterdir()), "the temporary file")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 128 + signal.SIGINT
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_the_modules_are_loaded_has_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt")
    environ = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-m", "tracerd", "list"], env=environ, stderr=subprocess.PIPE, check=False)

    assert (done.returncode, done.stderr) == (128 + signal.SIGINT, b"")
