"""A directory with two logs, and `tracerd tail` of it."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.harness import ROOT, events

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
