"""`tracerd demo` as a process, and what its trace holds."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, NotRequired, TypedDict

import pytest

from tests.harness import PATIENCE_S, ROOT, short_dir, wait_until


class Args(TypedDict):
    """Of an event: those that a test looks at."""

    name: str
    level: str


class Event(TypedDict):
    """Of a trace.json: the keys that a test looks at, each where its phase has it."""

    ph: str
    name: str
    cat: str
    pid: int
    tid: NotRequired[int]
    ts: int
    dur: int
    args: Args


def events_of(path: Path) -> list[Event]:
    events: list[Event] = json.loads(path.read_bytes())["traceEvents"]
    return events


def tid_of(event: Event) -> int:
    """The thread; 0 for the name that the client gives a process before it has one of its own."""
    return event.get("tid", 0)


def processes_of(events: list[Event]) -> dict[int, str]:
    return {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}


class Demo:
    """A demo that runs as a person would start it, in a session and with a temporary directory of its own."""

    def __init__(self, home: Path, *options: str, files: Mapping[str, str], **environ: str) -> None:
        self.cwd = home / "work"
        self.cwd.mkdir()
        for name, content in files.items():
            (self.cwd / name).write_text(content)
        self.temporary = home / "t"
        self.temporary.mkdir()
        environ = {"PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary)} | environ
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tracerd", "demo", *options],
            cwd=self.cwd,
            env=os.environ | environ,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self) -> tuple[int, str, str]:
        """The exit code, stdout and stderr."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out, err

    def running(self, words: str = "") -> list[int]:
        """The processes of the session that still run and have these words in their command line."""
        running: list[int] = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                state, _ppid, _pgrp, session, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if int(session) == self.process.pid and state not in "ZX" and words in command:
                    running.append(int(entry.name))
        return running

    def wait_for(self, words: str) -> int:
        """The number of a process with these words in its command line, as soon as there is one."""
        found: list[int] = []

        def seen() -> bool:
            found.extend(self.running(words))
            return bool(found) or self.process.poll() is not None

        wait_until(seen, words)
        assert found, self.finish()
        return found[0]

    def left_nothing(self) -> bool:
        return not self.running() and not list(self.temporary.iterdir())


@contextmanager
def demo(*options: str, files: Mapping[str, str] = {}, **environ: str) -> Generator[Demo]:
    """Run a demo in a directory that holds these files."""
    with short_dir() as home:
        running = Demo(home, *options, files=files, **environ)
        try:
            yield running
        finally:
            for pid in running.running():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            running.process.communicate()


class Recorded(NamedTuple):
    """A demo that has run to its end: what it printed and left, before any test could touch it."""

    code: int
    out: str
    err: str
    files: dict[str, bytes]
    """Those of the directory it was started in."""
    left_nothing: bool
    strangers: list[str]
    """What it made where the user's own daemon has its socket and logs: nothing."""
    trace: Path


@pytest.fixture(scope="session")
def recorded_demo(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """One demo for all tests that read its trace: it takes three seconds of processor time."""
    kept = tmp_path_factory.mktemp("demo")
    users = tmp_path_factory.mktemp("user")
    with demo(TRACERD_SOCKET=str(users / "s"), TRACERD_DIR=str(users / "logs")) as running:
        code, out, err = running.finish()
        files = {path.name: path.read_bytes() for path in running.cwd.iterdir()}
        left_nothing = running.left_nothing()
    assert code == 0, err
    trace = kept / "trace.json"
    trace.write_bytes(files["trace.json"])
    return Recorded(code, out, err, files, left_nothing, [path.name for path in users.iterdir()], trace)


@pytest.fixture
def demo_trace(recorded_demo: Recorded) -> Path:
    """The trace.json of a demo; not to be written to."""
    return recorded_demo.trace
