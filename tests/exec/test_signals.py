"""Signals and stops: the command gets each signal once, with and without exec, and exec stops only while it does."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.exec.sandbox import TRACERD, UNTIL_A_SIGNAL_ENDS_IT, Sandbox
from tests.faults.proc import state_of
from tests.harness import PATIENCE_S, wait_until

Options = tuple[str | Path, ...]


@pytest.fixture(params=["exec", "--no-start", "--all", "shim"])
def prefix(request: pytest.FixtureRequest, sandbox: Sandbox) -> Options:
    """Each way to run `sh` or Python under a recording."""
    way = str(request.param)
    if way == "--all" and shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    if way == "shim":
        sandbox.run(TRACERD, "shim", sandbox.home / "shims", "env")
        return ("/usr/bin/env", "TRACERD_TRACE_ID=t", sandbox.home / "shims/env")
    return (TRACERD, "exec", *([] if way == "exec" else [way]), "--")


@pytest.mark.parametrize("name", ["TERM", "HUP", "USR1", "USR2", "INT", "QUIT", "CONT"])
def test_signals_sent_to_exec_are_passed_on(sandbox: Sandbox, name: str) -> None:
    script = f"trap 'echo got {name}; exit 7' {name}; echo ready; while :; do sleep 0.02; done"
    with subprocess.Popen(
        [TRACERD, "exec", "--", "bash", "-c", script], env=sandbox.environ, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(getattr(signal, f"SIG{name}"))
        assert process.stdout.read() == f"got {name}\n"
        assert process.wait(PATIENCE_S) == 7


@pytest.mark.parametrize("whom", ["command", "exec"])
def test_exec_stops_and_continues_with_its_command(sandbox: Sandbox, whom: str) -> None:
    with subprocess.Popen(
        [TRACERD, "exec", "--", "sh", "-c", "echo $$; read word; echo $word"],
        env=sandbox.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,  # SIGTSTP stops no process of a group that nobody in its session could continue
    ) as process:
        assert process.stdout
        assert process.stdin
        child = int(process.stdout.readline())
        os.kill(*((child, signal.SIGSTOP) if whom == "command" else (process.pid, signal.SIGTSTP)))
        wait_until(lambda: state_of(process.pid) == "T", "exec to stop with its command")
        assert state_of(child) == "T"
        process.send_signal(signal.SIGCONT)
        process.stdin.write("on\n")
        process.stdin.flush()
        assert process.stdout.readline() == "on\n"


# ------------------------------------------------------------------ stops


def test_a_command_that_another_process_continues_is_waited_for(sandbox: Sandbox, prefix: Options) -> None:
    """Exec is not left in its stop when the command goes on, and ends."""
    script = "(sleep 0.1; kill -CONT $$) & kill -STOP $$; exit 5"
    done = sandbox.run(*prefix, "sh", "-c", script, start_new_session=True)
    assert (done.returncode, done.stderr) == (5, b"")


def test_a_command_that_is_killed_while_it_is_stopped(sandbox: Sandbox, prefix: Options) -> None:
    script = "(sleep 0.1; kill -KILL $$) & kill -STOP $$"
    done = sandbox.run(*prefix, "sh", "-c", script, start_new_session=True)
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, b"")


def test_a_command_that_stops_again_and_again(sandbox: Sandbox, prefix: Options) -> None:
    script = "for i in 1 2 3; do (sleep 0.1; kill -CONT $$) & kill -STOP $$; wait; echo $i; done"
    done = sandbox.run(*prefix, "sh", "-c", script, start_new_session=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"1\n2\n3\n", b"")


# ------------------------------------------------------------------ each signal once


COUNT = """
import os, signal, sys
signal.signal(signal.SIGUSR1, lambda *_: os.write(1, b"+"))
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
os.write(1, b"ready\\n")
"""


def group(pid: int) -> list[int]:
    """The processes of a group."""
    processes = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    found: list[int] = []
    for process in processes:
        try:
            if os.getpgid(process) == pid:
                found.append(process)
        except ProcessLookupError:
            continue
    return found


def to_the_group(pid: int, number: int) -> None:
    os.killpg(pid, number)


def to_each_process(pid: int, number: int) -> None:
    """Exec is the last: the others must have theirs within 20 ms of its own, and a busy machine may take longer."""
    for process in sorted(group(pid), key=lambda process: process == pid):
        os.kill(process, number)


@contextmanager
def watched(
    sandbox: Sandbox, argv: list[str | Path], ready: bytes
) -> Generator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """Exec in a process group of its own, once its command has written a line and the witness is there; its output."""
    with subprocess.Popen(argv, env=sandbox.environ, stdout=subprocess.PIPE, process_group=0) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == ready
            wait_until(lambda: len(group(process.pid)) == 3, "exec, its command, and the witness")
            yield process, process.stdout
        except BaseException:  # what does not end by itself, must not keep the others waiting
            os.killpg(process.pid, signal.SIGKILL)
            raise


@pytest.mark.parametrize("send", [to_the_group, to_each_process, os.kill])
def test_a_signal_arrives_once(sandbox: Sandbox, prefix: Options, send: Callable[[int, int], None]) -> None:
    """Whether it was sent to the group, to each process of it, or to exec alone; also while exec is slow."""
    with watched(
        sandbox, [*map(str, prefix), sys.executable, "-IS", "-c", COUNT + UNTIL_A_SIGNAL_ENDS_IT], b"ready\n"
    ) as (process, output):
        for is_slow in [False, True] * 5:
            if is_slow and send is not os.kill:
                wait_until(lambda: state_of(process.pid) == "S", "exec to have taken the signal before")
                process.send_signal(signal.SIGSTOP)
            send(process.pid, signal.SIGUSR1)
            assert output.read(1) == b"+"
            process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)  # exec passes it on after all that came before: its number is higher
        assert output.read() == b""
        assert process.wait(PATIENCE_S) == 0


def test_a_hundred_signals_to_the_group_are_a_hundred(sandbox: Sandbox, prefix: Options) -> None:
    with watched(
        sandbox, [*map(str, prefix), sys.executable, "-IS", "-c", COUNT + UNTIL_A_SIGNAL_ENDS_IT], b"ready\n"
    ) as (process, output):
        for _ in range(100):
            os.killpg(process.pid, signal.SIGUSR1)
            assert output.read(1) == b"+"
        process.send_signal(signal.SIGTERM)
        assert output.read() == b""


SIGNALS_EXEC = """
import os, signal
signal.signal(signal.SIGUSR1, lambda *_: os.write(1, b"back"))
signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
os.write(1, b"ready\\n")
os.read(0, 1)
os.kill(os.getppid(), signal.SIGUSR1)
if not os.fork():  # by another process: it comes back, after all that exec was sent before
    os.kill(int(os.environ["EXEC"]), signal.SIGTERM)
    os._exit(0)
"""


def test_a_signal_of_the_command_s_own_does_not_come_back(sandbox: Sandbox) -> None:
    """As of a script that signals its parent, which exec stands in for."""
    command = f'exec "$0" exec -- "{sys.executable}" -IS -c "$1"'
    with subprocess.Popen(
        ["sh", "-c", f"EXEC=$$; export EXEC; {command}", TRACERD, SIGNALS_EXEC + UNTIL_A_SIGNAL_ENDS_IT],
        env=sandbox.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        wait_until(lambda: len(group(process.pid)) == 3, "exec, its command, and the witness")
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.stdout.read() == b""
        assert process.wait(PATIENCE_S) == 7


def test_a_signal_for_all_processes_of_exec_s_name_is_passed_on(sandbox: Sandbox) -> None:
    """As `pkill -f tracerd` sends it: the process that watches the group is not one of them, nor is the command."""
    with watched(sandbox, [TRACERD, "exec", "--", "sh", "-c", "echo; exec sleep 100"], b"\n") as (process, _):
        wait_until(
            lambda: (
                [b"tracerd" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in group(process.pid)].count(True) == 1
            ),
            "the witness to have another command line",
        )
        for pid in group(process.pid):
            if b"tracerd" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGTERM)
        assert process.wait(PATIENCE_S) == -signal.SIGTERM


def test_nothing_of_exec_holds_the_command_s_descriptors_or_is_left(sandbox: Sandbox) -> None:
    with subprocess.Popen(
        [TRACERD, "exec", "--", "sh", "-c", "exec >&-; exec sleep 100"],
        env=sandbox.environ,
        stdout=subprocess.PIPE,
        process_group=0,
    ) as process:
        assert process.stdout
        wait_until(lambda: len(group(process.pid)) == 3, "exec, its command, and the witness")
        process.kill()
        assert process.stdout.read() == b""
        process.wait(PATIENCE_S)
        wait_until(lambda: len(group(process.pid)) == 1, "the witness to end with exec")
        os.killpg(process.pid, signal.SIGKILL)


# ------------------------------------------------------------------ dispositions


IGNORED = """
import os, signal, sys
hidden = {signal.SIGPIPE, signal.SIGXFSZ}
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP} - hidden:
    signal.signal(number, signal.SIG_IGN)
for number in hidden:
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""
SHOW = "grep -e SigIgn -e SigBlk -e SigCgt /proc/self/status"


def test_ignored_signals_stay_ignored(sandbox: Sandbox, prefix: Options) -> None:
    """All but the two that Python itself ignores: they get their usual effect."""
    start = (sys.executable, "-IS", "-c", IGNORED)
    plain = sandbox.run(*start, "/bin/sh", "-c", SHOW)
    under = sandbox.run(*start, *map(str, prefix), "/bin/sh", "-c", SHOW)
    assert (under.stdout, under.stderr) == (plain.stdout, b"")
    ignored = int(under.stdout.split(b"SigIgn:")[1].split()[0], 16)
    assert ignored.bit_count() > 50
