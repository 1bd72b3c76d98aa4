"""`tracerd demo` as a process, and what its trace holds."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NotRequired, TypedDict

import pytest

from tests.harness import PATIENCE_S, ROOT, short_dir, tracerd, wait_until


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

    def __init__(self, home: Path, *options: str, **environ: str) -> None:
        self.cwd = home / "work"
        self.cwd.mkdir()
        self.temporary = home / "t"
        self.temporary.mkdir()
        environ = {"PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary)} | environ
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tracerd", "demo", *options],
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
        out, err = self.process.communicate(timeout=2 * PATIENCE_S)
        return self.process.returncode, out, err

    def running(self, words: str = "") -> list[int]:
        """The processes of the session that still run and have these words in their command line."""
        running: list[int] = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                state, _ppid, _pgrp, session, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
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
def demo(*options: str, **environ: str) -> Generator[Demo]:
    with short_dir() as home:
        running = Demo(home, *options, **environ)
        try:
            yield running
        finally:
            for pid in running.running():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            running.process.communicate()


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trace.json of one demo."""
    path = tmp_path_factory.mktemp("demo") / "trace.json"
    assert tracerd("demo", "-o", path).returncode == 0
    return path
