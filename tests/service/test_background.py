"""`tracerd serve --daemonize`: returns when clients can connect, and leaves nothing of the caller in the daemon."""

import os
import re
import select
import shlex
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness import PATIENCE_S, ROOT, Client, event, short_dir, tracerd, wait_until
from tracerd.store.lock import holder

SERVE = [sys.executable, "-m", "tracerd", "serve", "--daemonize"]


class Sandbox:
    """A directory for a daemon in the background: socket, logs, and the home of its user."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.socket = home / "s"
        self.log = home / "state/tracerd/tracerd.log"
        self.environ = os.environ | {"XDG_STATE_HOME": str(home / "state")}
        self.options: list[str | Path] = ["--socket", self.socket, "-d", home / "logs"]

    def daemonize(self, *options: str | Path, **process: object) -> "subprocess.CompletedProcess[bytes]":
        return tracerd("serve", "--daemonize", *(options or self.options), **({"env": self.environ} | process))

    def shell(self, script: str) -> "subprocess.CompletedProcess[bytes]":
        """Run a script in which `$serve` is the whole command."""
        command = " ".join(shlex.quote(str(word)) for word in [*SERVE, *self.options])
        words = ["sh", "-c", script.replace("$serve", command)]
        return subprocess.run(words, env=self.environ, capture_output=True, check=False, timeout=PATIENCE_S)

    def pid(self) -> int:
        """The pid of the daemon, which must be running."""
        pid = holder(Path(f"{self.socket}.lock"))
        assert pid
        return pid

    def works(self) -> bool:
        with Client(self.socket) as client:
            client.send(b"OPEN t\n" + event(1))
            return client.flush() == (1, 0, 0)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with short_dir() as home:
        made = Sandbox(home)
        yield made
        if pid := holder(Path(f"{made.socket}.lock")):
            with process_watched(pid) as ended:
                os.kill(pid, signal.SIGTERM)
                ended()
        if made.log.is_file():
            assert "Traceback" not in made.log.read_text()


@contextmanager
def process_watched(pid: int) -> Generator["Ended"]:
    """A way to wait for the end of a process that is not our child."""
    fd = os.pidfd_open(pid)
    try:
        yield Ended(fd)
    finally:
        os.close(fd)


class Ended:
    """Waits for the end of a process."""

    def __init__(self, pidfd: int) -> None:
        self._pidfd = pidfd

    def __call__(self) -> None:
        assert select.select([self._pidfd], [], [], PATIENCE_S)[0], "the process goes on"


def test_it_returns_when_clients_can_connect(sandbox: Sandbox) -> None:
    done = sandbox.daemonize()
    assert sandbox.works()

    pid = sandbox.pid()
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.decode() == f"tracerd runs with pid {pid}; its log is {sandbox.log}\n"
    assert "listening on" in sandbox.log.read_text()
    assert stat.S_IMODE(sandbox.log.stat().st_mode) == 0o600
    assert stat.S_IMODE(sandbox.log.parent.stat().st_mode) == 0o700


def test_the_daemon_is_stopped_like_any_other(sandbox: Sandbox) -> None:
    sandbox.daemonize()
    assert tracerd("stop", "--socket", sandbox.socket).returncode == 0
    assert not sandbox.socket.exists()
    assert sandbox.log.read_text().endswith("stopped\n")


@pytest.mark.parametrize("other", ["socket", "directory"])
def test_second_daemon_is_refused_in_one_line_that_names_the_first(sandbox: Sandbox, other: str) -> None:
    sandbox.daemonize()
    pid = sandbox.pid()
    path = sandbox.socket if other == "socket" else sandbox.home / "other"
    directory = sandbox.home / "logs" if other == "directory" else sandbox.home / "other"

    done = sandbox.daemonize("--socket", path, "-d", directory)

    what = path if other == "socket" else directory
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == f"Error: the {other} {what} is in use by the tracerd with pid {pid}\n"
    assert sandbox.works()


def test_misuse_is_told_before_anything_is_started(sandbox: Sandbox) -> None:
    done = sandbox.daemonize("--max-line-bytes", "1")
    assert done.returncode == 2
    assert done.stderr.count(b"Error: ") == 1
    assert not sandbox.log.parent.exists()


def test_a_log_that_cannot_be_written_is_told_in_one_line(sandbox: Sandbox) -> None:
    sandbox.log.mkdir(parents=True)
    done = sandbox.daemonize()
    assert (done.returncode, done.stderr.decode()) == (1, f"Error: {sandbox.log} is not a regular file\n")


def test_relative_paths_keep_their_meaning(sandbox: Sandbox) -> None:
    work = sandbox.home / "work"
    work.mkdir()
    source = ROOT  # where this tracerd is found also if it is not installed
    environ = sandbox.environ | {"PYTHONPATH": str(source)}
    environ |= {"TRACERD_SOCKET": "../s", "TRACERD_DIR": "logs"}

    done = sandbox.daemonize("--into-file", "one.jsonl", cwd=work, env=environ)

    assert done.returncode == 0, done.stderr
    assert sandbox.works()
    assert event(1) in (work / "one.jsonl").read_bytes()
    assert (work / "logs/.lock").exists()
    assert os.readlink(f"/proc/{sandbox.pid()}/cwd") == "/"


def test_options_reach_the_daemon(sandbox: Sandbox) -> None:
    sandbox.daemonize(
        *sandbox.options, "--max-line-bytes", "64", "--socket", sandbox.home / "s2", "--log-level=warning"
    )
    with Client(sandbox.home / "s2") as client:
        client.send(b"OPEN t\n" + b"x" * 65 + b"\n")
        assert client.line().startswith(b"ERROR 2: longer than 64 bytes")
    assert "INFO" not in sandbox.log.read_text()


# ------------------------------------------------------------------ nothing of the caller's stays


def test_a_pipe_from_the_caller_ends(sandbox: Sandbox) -> None:
    done = sandbox.shell("$serve 2>&1 | cat")  # run() itself waits for the ends of two more pipes
    assert done.stdout.startswith(b"tracerd runs with pid ")
    assert sandbox.works()


def test_the_daemon_holds_no_descriptor_of_its_caller(sandbox: Sandbox) -> None:
    mine, theirs = socket.socketpair()
    with mine, theirs:
        sandbox.daemonize(pass_fds=[theirs.fileno()])
        theirs.close()
        assert mine.recv(1) == b""

    pid = sandbox.pid()
    files = {fd.name: os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    assert (files.pop("0"), files.pop("1"), files.pop("2")) == ("/dev/null", str(sandbox.log), str(sandbox.log))
    kinds = {re.sub(r":.*", "", file) for file in files.values()}
    assert kinds == {"socket", "anon_inode", f"{sandbox.socket}.lock", f"{sandbox.home}/logs/.lock"}


def test_a_caller_without_standard_descriptors_gets_a_daemon(sandbox: Sandbox) -> None:
    done = sandbox.shell("exec $serve <&- >&- 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert sandbox.works()
    assert "listening on" in sandbox.log.read_text()


def test_the_daemon_survives_its_terminal(sandbox: Sandbox) -> None:
    terminal, theirs = os.openpty()
    script = " ".join(shlex.quote(str(word)) for word in [*SERVE, *sandbox.options]) + "; read forever"
    shell = subprocess.Popen(
        ["setsid", "--ctty", "sh", "-c", script], stdin=theirs, stdout=theirs, stderr=theirs, env=sandbox.environ
    )
    os.close(theirs)
    said = b""
    while b"\n" not in said:
        said += os.read(terminal, 4096)
    assert said.startswith(b"tracerd runs with pid ")
    os.close(terminal)  # SIGHUP for all who belong to it
    assert shell.wait(PATIENCE_S) != 0

    assert sandbox.works()
    pid = sandbox.pid()
    assert os.getsid(pid) == os.getpgid(pid) == pid
    tty = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[4]
    assert tty == "0"


def test_a_manager_of_the_caller_is_not_told_of_the_daemon(sandbox: Sandbox) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(os.fsencode(sandbox.home / "notify"))
        sandbox.daemonize(env=sandbox.environ | {"NOTIFY_SOCKET": str(sandbox.home / "notify")})
        assert sandbox.works()
        manager.setblocking(False)
        with pytest.raises(BlockingIOError):
            manager.recv(100)


# ------------------------------------------------------------------ a start that goes wrong


def with_trio(sandbox: Sandbox, source: str) -> dict[str, str]:
    """The environment in which `import trio` runs this instead."""
    (sandbox.home / "lib").mkdir()
    (sandbox.home / "lib/trio.py").write_text(source)
    paths = [str(sandbox.home / "lib"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return sandbox.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def test_a_daemon_that_dies_at_its_start_is_told_and_the_caller_never_loads_trio(sandbox: Sandbox) -> None:
    environ = with_trio(sandbox, "raise SystemExit('no trio today')")
    done = sandbox.daemonize(env=environ)
    expected = f"Error: the daemon died at its start (exit code 1); see {sandbox.log}\n"
    assert (done.returncode, done.stderr.decode()) == (1, expected)
    assert sandbox.log.read_text() == "no trio today\n"


def children(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def starting(sandbox: Sandbox) -> "subprocess.Popen[bytes]":
    """A start that does not get on until SIGUSR1 reaches the daemon."""
    pause = (
        "import signal, sys\nprint('pause', flush=True)\nsignal.sigwait([signal.SIGUSR1])\ndel sys.modules['trio']\n"
    )
    pause += "sys.path = [path for path in sys.path if not path.endswith('/lib')]\nimport trio\n"
    pause = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n" + pause
    pause += "sys.modules['trio'] = trio\n"
    environ = with_trio(sandbox, pause)
    command = [*map(str, [*SERVE, *sandbox.options])]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: sandbox.log.exists() and sandbox.log.read_text() == "pause\n", "the daemon to start")
    return process


def test_ctrl_c_ends_the_start(sandbox: Sandbox) -> None:
    with starting(sandbox) as process:
        [pid] = children(process.pid)
        with process_watched(pid) as ended:
            process.send_signal(signal.SIGINT)
            ended()
        _, said = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, said) == (128 + signal.SIGINT, b"")
    assert not sandbox.socket.exists()


def test_a_caller_that_is_killed_does_not_take_the_daemon_along(sandbox: Sandbox) -> None:
    with starting(sandbox) as process:
        [pid] = children(process.pid)
        process.kill()
        process.communicate(timeout=PATIENCE_S)
    os.kill(pid, signal.SIGUSR1)
    wait_until(lambda: "listening on" in sandbox.log.read_text(), "the daemon to listen")
    assert sandbox.pid() == pid
    assert sandbox.works()
