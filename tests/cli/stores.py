"""Two logs, each with a good and seven bad lines, and what is in a trace.json."""

import json
import os
from pathlib import Path

import pytest

GOOD = b'{"ph":"X","ts":1,"dur":2,"name":"a"}\n'
BAD = b'{"ph":"X","ts":1}\n'


def events(document: bytes) -> list[dict[str, object]]:
    """The events of a trace.json."""
    return list(json.loads(document)["traceEvents"])


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A directory with two logs, written at times that differ."""
    directory = tmp_path / "store"
    directory.mkdir(mode=0o700)
    for number, name in enumerate(["old", "new"]):
        (directory / f"{name}.jsonl").write_bytes(GOOD + BAD * 7)
        os.utime(directory / f"{name}.jsonl", (number, number))
    return directory
