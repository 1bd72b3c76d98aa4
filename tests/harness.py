"""A real daemon for tests: `python -m tracerd serve` as a process of its own, and a client that speaks raw bytes."""

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests import forks
from tests.forks import Fork

ROOT = Path(__file__).parent.parent
"""The repository: what tests read that is no code, such as documents, lies below it."""

PATIENCE_S = 60.0
"""How long a test waits for what must happen, on a machine that may be busy."""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user, mount and make devices")

CLOCK_PREFIX = b'{"ph":"M","name":"tracerd_clock",'


def event(number: int) -> bytes:
    """An event that can be told from all others, in the log and in a trace.json."""
    return b'{"ph":"i","name":"e","ts":%d}\n' % number


def events(numbers: Iterable[int]) -> bytes:
    return b"".join(map(event, numbers))


def exported(path: Path) -> list[int]:
    """The numbers of the events in a trace.json, which must be whole."""
    document: dict[str, list[dict[str, int]]] = json.loads(path.read_bytes())
    return [found["ts"] for found in document["traceEvents"]]


@contextmanager
def short_dir() -> Generator[Path]:
    """A directory with a short path: that of a Unix socket may not be longer than 107 bytes.

    Its name has no letters, which by chance would be those that make redaction look for a secret.
    """
    path = Path(tempfile.gettempdir(), f"td-{os.getpid()}-{time.monotonic_ns() % 10**10}")
    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Return as soon as `condition()` is true; fail if that takes longer than anybody would wait."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.005)


class Client:
    """A connection that speaks raw bytes."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.socket.connect(os.fsencode(path))  # without a timeout: that turns a full backlog into EAGAIN
        except OSError:
            self.socket.close()
            raise
        self.socket.settimeout(PATIENCE_S)
        self._received = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def line(self) -> bytes:
        """The next reply, without its newline."""
        while b"\n" not in self._received:
            data = self.socket.recv(65536)
            assert data, f"the daemon closed the connection after {self._received!r}"
            self._received += data
        line, self._received = self._received.split(b"\n", 1)
        return line

    def flush(self) -> tuple[int, int, int]:
        """Ask for the acknowledgement; stored, refused, lost."""
        self.send(b"FLUSH\n")
        while not (line := self.line()).startswith(b"OK "):
            assert line.startswith(b"ERROR "), line
        stored, refused, lost = map(int, line.split()[1:])
        return stored, refused, lost

    def status(self) -> dict[str, object]:
        self.send(b"STATUS\n")
        while not (line := self.line()).startswith(b"{"):
            assert line.startswith(b"ERROR "), line
        return dict(json.loads(line))

    def finish(self) -> bytes:
        """Half-close, and read all replies until the daemon closes."""
        self.socket.shutdown(socket.SHUT_WR)
        while data := self.socket.recv(65536):
            self._received += data
        self.close()
        return self._received

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def answers(path: Path) -> bool:
    """Whether something listens on a socket: it is there a moment before."""
    try:
        Client(path).close()
    except OSError:
        return False
    return True


def serve(*options: str | Path, before: Iterable[str | Path] = (), **process: object) -> "subprocess.Popen[bytes]":
    """Start `tracerd serve` as a person does; most tests need no more than a copy of `forks`.

    Args:
        options: Of `serve`.
        before: A program that becomes the daemon, and its own arguments: the command of the daemon follows them.
        process: For `subprocess.Popen`.
    """
    command = [*map(str, before), sys.executable, "-m", "tracerd", "serve", *map(str, options)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, **process)  # type: ignore[call-overload, no-any-return]  # the caller's business


class Daemon:
    """A running daemon; its socket and its directory of logs.

    Args:
        home: Where these are.
        options: Of `serve`.
        socket_name: Of the socket.
        uid: Another user to be; only root can.
        process: For `serve` of this file; without any it is a copy of `forks`.
    """

    def __init__(
        self, home: Path, *options: str, socket_name: str = "s", uid: int | None = None, **process: object
    ) -> None:
        self.socket = home / socket_name
        self.dir = home / "logs"
        self.stderr_path = home / "stderr"
        with self.stderr_path.open("ab") as stderr:
            arguments = ["--socket", str(self.socket), "-d", str(self.dir), *options]
            self.process: Fork | subprocess.Popen[bytes]
            if process:
                self.process = serve(*arguments, stderr=stderr, **process)  # type: ignore[arg-type]  # serve's business
            else:
                self.process = forks.start(["serve", *arguments], stderr, stderr, uid)
        wait_until(lambda: self.process.poll() is not None or answers(self.socket), "the daemon to listen")
        assert self.process.poll() is None, self.stderr()

    def stderr(self) -> str:
        return self.stderr_path.read_text(errors="replace")

    def connect(self) -> Client:
        return Client(self.socket)

    def session(self, data: bytes) -> bytes:
        """Send, half-close, and return all replies; the daemon closes when all exports that were asked have ended."""
        with self.connect() as client:
            client.send(data)
            return client.finish()

    def log(self, trace_id: str) -> bytes:
        """The log as the file holds it."""
        return (self.dir / f"{trace_id}.jsonl").read_bytes()

    def events(self, trace_id: str) -> list[bytes]:
        """The lines of the log, without those the daemon added."""
        lines = self.log(trace_id).splitlines(keepends=True)
        return [line for line in lines if not line.startswith(CLOCK_PREFIX)]

    def numbers(self, trace_id: str) -> list[int]:
        """The numbers of the events in the log, each line of which must be whole."""
        return [int(json.loads(line)["ts"]) for line in self.events(trace_id)]

    def events_so_far(self, trace_id: str) -> list[bytes]:
        """As `events`, but while the daemon writes: there may be no log yet, or half of a write in it."""
        if not (self.dir / f"{trace_id}.jsonl").exists():
            return []
        return [line for line in self.events(trace_id) if line.endswith(b"\n")]

    def numbers_so_far(self, trace_id: str) -> list[int]:
        """As `numbers`, but while the daemon writes."""
        return [int(json.loads(line)["ts"]) for line in self.events_so_far(trace_id)]

    def rejects(self, trace_id: str) -> list[dict[str, object]]:
        """The entries of the `.rejected` file."""
        path = self.dir / f"{trace_id}.rejected"
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []

    def stop(self, signal_number: int = signal.SIGTERM) -> None:
        """Stop it as a person would, and make sure that it ended well and had no bug to report."""
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        assert self.process.wait(PATIENCE_S) == 0, self.stderr()
        assert "Traceback" not in self.stderr(), self.stderr()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.process.returncode is None and kind is None:
                self.stop()
        finally:
            self.kill()


@contextmanager
def running_daemon(*options: str) -> Generator[Daemon]:
    """A daemon in a directory of its own."""
    with short_dir() as home, Daemon(home, *options) as daemon:
        yield daemon


def tracerd(*arguments: str | Path, **options: object) -> "subprocess.CompletedProcess[bytes]":
    """Run the command line; never raises for its exit code.

    Args:
        arguments: Of the command line, behind `tracerd`.
        options: For `subprocess.run`; without any it is a copy of `forks`.
    """
    words = [*map(str, arguments)]
    if not options:
        return forks.run(words, PATIENCE_S)
    command = [sys.executable, "-m", "tracerd", *words]
    return subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE_S, **options)  # type: ignore[call-overload, no-any-return]  # the caller's business


def read_terminal(fd: int) -> Iterator[bytes]:
    """What is written to a terminal, from its other end, until nobody has it open any more."""
    while True:
        try:
            data = os.read(fd, 65536)
        except OSError:  # EIO
            return
        yield data


def on_a_terminal(*command: str, exit_code: int = 0, **environ: str) -> bytes:
    """What a command prints to a terminal; its stderr is not one."""
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen(command, stdout=theirs, env=os.environ | {"NO_COLOR": ""} | environ) as process:
            os.close(theirs)
            text = b"".join(read_terminal(ours))
            assert process.wait(PATIENCE_S) == exit_code
    finally:
        os.close(ours)
    return text


@contextmanager
def program(source: str, *arguments: str | Path, **process: object) -> Generator["subprocess.Popen[bytes]"]:
    """A traced program: a few lines of Python as a process of its own, killed at the end if it still runs."""
    command = [sys.executable, "-I", "-S", "-c", source, *map(str, arguments)]
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **process)  # type: ignore[call-overload]  # the caller's business
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def words_of(running: "subprocess.Popen[bytes]") -> list[str]:
    """The next line that a program prints, as words."""
    assert running.stdout is not None
    return running.stdout.readline().decode().split()
