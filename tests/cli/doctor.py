"""`tracerd doctor`, as a person runs it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.harness import short_dir

SUBJECTS = [
    "socket", "daemon", "directory", "lock", "space", "unit", "speedups", "descriptors", "clock", "environment",
    "exec-logs", "rejects", "leftovers",
]  # fmt: skip


@pytest.fixture
def home() -> Iterator[Path]:
    with short_dir() as path:
        yield path


def examine(home: Path, *arguments: str | Path, code: int | None = None, **environ: str) -> dict[str, tuple[str, str]]:
    """What the command says of each subject: level and text."""
    env: dict[str, str | None] = {name: None for name in os.environ if name.startswith("TRACERD_")}
    env |= {"TRACERD_SOCKET": str(home / "s"), "TRACERD_DIR": str(home / "logs")}
    env |= {"PATH": "/nowhere"} | environ  # this machine's own units are none of the tests' business
    done = invoke("doctor", *arguments, **env)
    return findings(done, code)


def findings(done: "subprocess.CompletedProcess[bytes]", code: int | None = None) -> dict[str, tuple[str, str]]:
    """What `tracerd doctor` has said of each subject: level and text."""
    assert done.stderr == b""
    found: dict[str, tuple[str, str]] = {}
    for line in done.stdout.decode().splitlines():
        level, subject, text = line.split(maxsplit=2)
        found[subject] = (level, text)
    assert list(found) == SUBJECTS
    assert done.returncode == any(level == "FAIL" for level, _ in found.values())
    assert code is None or done.returncode == code
    return found
