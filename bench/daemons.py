"""The daemons that are compared, each known by its command line, and what /proc tells about a running one."""

import os
import resource
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.harness import short_dir, wait_until

_CPUCLOCK_SCHED = 2
"""With a pid, the kernel's name for the clock of a process: see clock_getcpuclockid(3), which Python does not have."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A daemon to be measured.

    Args:
        name: As the table shows it.
        serve: Its command, with `{sock}` and `{dir}`.
        get_tef: The command that makes a TEF file of a log, with `{log}` and `{out}`; if None, it cannot export.
        ours: Whether its faults are ours.
    """

    name: str
    serve: str
    get_tef: str | None = None
    ours: bool = False


def tracerd() -> Subject:
    """The daemon of this source tree."""
    command = f"{shlex.quote(sys.executable)} -m tracerd"
    return Subject(
        "tracerd", f"{command} serve --socket {{sock}} -d {{dir}}", f"{command} get-tef {{log}} -o {{out}}", ours=True
    )


def copier(tools: Path) -> Subject:
    """The limit: it copies and checks nothing."""
    return Subject("copier", f"{shlex.quote(str(tools / 'copier'))} {{sock}} {{dir}}")


def arguments(template: str, **places: Path) -> list[str]:
    """A command line with its places filled in."""
    filled = {name: str(path) for name, path in places.items()}
    return [word.format(**filled) for word in shlex.split(template)]


class Running:
    """A running daemon.

    Args:
        subject: Which.
        home: A directory of its own, with a short path.
    """

    def __init__(self, subject: Subject, home: Path) -> None:
        self.subject = subject
        self.socket = home / "s"
        self.dir = home / "logs"
        self.dir.mkdir(mode=0o700)
        self._stderr = home / "stderr"
        command = arguments(subject.serve, sock=self.socket, dir=self.dir)
        with self._stderr.open("wb") as stderr:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
        self._proc = Path(f"/proc/{self.process.pid}")
        try:
            wait_until(lambda: self.process.poll() is not None or self._answers(), f"{subject.name} to listen")
            assert self.process.poll() is None, self._stderr.read_text()
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(os.fsencode(self.socket)) == 0

    def log(self, trace: str) -> Path:
        """Where it writes this trace."""
        return self.dir / f"{trace}.jsonl"

    def cpu_s(self) -> float:
        """Seconds of processor time used so far, by all its threads, those that ended too."""
        return process_cpu_s(self.process.pid)

    def memory_mb(self, field: str = "VmRSS") -> float:
        """Resident memory now; `VmHWM`: at its peak."""
        return _status_number(self._proc / "status", field) / 1024

    def wake_ups(self) -> int:
        """How often its threads were given a processor so far."""
        return sum(
            _status_number(task / "status", field)
            for task in (self._proc / "task").iterdir()
            for field in ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")
        )

    def open_files(self) -> int:
        """The number of its open descriptors."""
        return sum(1 for _ in (self._proc / "fd").iterdir())

    def stop(self) -> list[str]:
        """Stop it; returns what was wrong with the way it ended, if it is ours."""
        alive = self.process.poll() is None
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        if not self.subject.ours:
            return [] if alive else [f"died with {code}"]
        bug = "Traceback" in self._stderr.read_text(errors="replace")
        return [f"ended with {code}: {self._stderr}"] if code or bug else []


def _status_number(path: Path, field: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    return 0


@contextmanager
def running(subject: Subject, faults: list[str]) -> Generator[Running]:
    """A fresh daemon in a directory of its own; what goes wrong with it is added to `faults`."""
    with short_dir() as home:
        daemon = Running(subject, home)
        try:
            yield daemon
        finally:
            faults.extend(daemon.stop())


def process_cpu_s(pid: int) -> float:
    """Seconds of processor time that a running process has used so far, with all its threads."""
    return time.clock_gettime(~pid << 3 | _CPUCLOCK_SCHED)


def peak_mb(pid: int) -> float:
    """The peak of a process's resident memory so far; 0 if it has ended."""
    try:
        return _status_number(Path(f"/proc/{pid}/status"), "VmHWM") / 1024
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def raise_file_limit() -> int:
    """Let us and the daemons that we start open as many files as we may; returns the number."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
