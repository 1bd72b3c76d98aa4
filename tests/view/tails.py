"""A directory with two logs, and `tracerd tail` of it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.harness import PATIENCE_S, ROOT, events, wait_until

VIEW = (ROOT / "docs/view.md").read_text()

EXAMPLE = ROOT / "docs/view/live.jsonl"

GOLDEN = ROOT / "docs/view/tail.jsonl"

SPAN = b'{"ph":"X","name":"%s","pid":%d,"tid":1,"ts":%d,"dur":%d}\n'


def tail(directory: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[bytes]":
    return invoke("tail", "-d", directory, *arguments)


def numbers(text: bytes) -> list[int]:
    """The numbers of the events in what `--json` has printed, as far as its lines are whole."""
    lines = text[: text.rfind(b"\n") + 1].splitlines()
    return [json.loads(line)["event"]["ts"] for line in lines]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A directory with two logs, the first one written last."""
    directory = tmp_path / "store"
    directory.mkdir(mode=0o700)
    for number, name in enumerate(["old", "new"]):
        (directory / f"{name}.jsonl").write_bytes(events(range(100 * number, 100 * number + 20)))
        os.utime(directory / f"{name}.jsonl", (number, number))
    return directory


class Tail:
    """A running `tracerd tail -f --json`."""

    def __init__(self, directory: Path, output: Path, *arguments: str) -> None:
        self.output = output
        command = [sys.executable, "-m", "tracerd", "tail", "-d", str(directory), "-f", "--json", *arguments]
        with output.open("wb") as stdout:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE)

    def wait_for(self, expected: list[int]) -> None:
        """Until so many events have been printed; they must be these."""
        wait_until(lambda: len(numbers(self.output.read_bytes())) >= len(expected), f"{len(expected)} events")
        assert numbers(self.output.read_bytes()) == expected

    def finish(self) -> tuple[int, bytes]:
        """End it as a person would; exit code and stderr."""
        self.process.send_signal(signal.SIGINT)
        _, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, err


@contextmanager
def following(directory: Path, output: Path, *arguments: str) -> Generator[Tail]:
    running = Tail(directory, output, *arguments)
    try:
        yield running
        assert running.finish() == (0, b"")
    finally:
        running.process.kill()
        running.process.communicate()
