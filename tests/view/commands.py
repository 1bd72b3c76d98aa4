"""`tracerd show`, `stats` and `diff` of a small build, in the process of the test."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands import invoke
from tests.view.view_cases import log

COMMANDS = ("show", "stats", "diff")

BUILD = log(
    """
    M process_name 1/1 0 "args":{"name":"make"}
    X build 1/1 1000+9000
    X compile 1/1 2000+3000
    X link 1/1 6000+500
    M process_name 2/2 0 "args":{"name":"cc"}
    X parse 2/2 2500+2000
    B lost 2/2 3000
    """
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "build-1.jsonl").write_bytes(BUILD)
    return tmp_path


def run(command: str, store: Path, *arguments: str | Path, trace: str | Path = "build-1") -> list[str]:
    """The lines that a command prints; it must succeed and say nothing else. `diff` compares the trace with itself."""
    traces = [trace] * (2 if command == "diff" else 1)
    done = invoke(command, *traces, "-d", store, *arguments)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode().splitlines()


def rows(store: Path, *arguments: str | Path, trace: str | Path = "build-1") -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("show", store, "--json", *arguments, trace=trace)]


def names(store: Path, *arguments: str) -> list[str]:
    return [row.get("name", row.get("process", "")) for row in rows(store, *arguments)]


def stats(store: Path, *arguments: str | Path, trace: str | Path = "build-1") -> dict[str, Any]:
    [line] = run("stats", store, "--json", *arguments, trace=trace)
    return dict(json.loads(line))
