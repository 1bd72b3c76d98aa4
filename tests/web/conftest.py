"""A server for all tests of a file: to start one takes a second."""

import json
import os
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.web.servers import Server, serving

DAY_US = 86400 * 10**6
START_US = 20_000 * DAY_US


def clock(time_us: int) -> dict[str, object]:
    """A clock line: `ts` 0 is this time."""
    args = {"monotonic_us": 0, "boottime_us": 0, "realtime_us": time_us, "boot_id": ""}
    return {"ph": "M", "name": "tracerd_clock", "args": args}


def attributes(**values: object) -> dict[str, object]:
    return {"ph": "M", "name": "tracerd_trace", "pid": 1, "tid": 1, "args": values}


def span(name: str, ts: float, dur: float, **args: object) -> dict[str, object]:
    return {"ph": "X", "name": name, "cat": "c", "pid": 1, "tid": 1, "ts": ts, "dur": dur, "args": args}


def log(message: str, ts: float, level: str = "info", **args: object) -> dict[str, object]:
    given = {"level": level, "message": message, **args}
    return {"ph": "i", "s": "t", "name": "log", "cat": "log", "pid": 1, "tid": 1, "ts": ts, "args": given}


def point(name: str, ts: float, value: float, labels: str = "") -> dict[str, object]:
    return {"ph": "C", "name": name, "pid": 1, "id": labels, "ts": ts, "args": {"value": value}}


def text(*events: dict[str, object]) -> bytes:
    return b"".join(json.dumps(event, separators=(",", ":")).encode() + b"\n" for event in events)


PROCESS: dict[str, object] = {"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "api"}}

LOGS = {
    "a": text(
        clock(START_US),
        attributes(name="nightly", session="s1", tags=["ci", "linux"], user="u"),
        PROCESS,
        span("outer", 0, 1000),
        span("inner", 100, 200, error="no"),
        span("later", 2000, 10),
        log("one", 10),
        log("two", 20, "error", user_id="123"),
        point("cpu", 0, 1, "host=x"),
        point("cpu", 5, 3, "host=y"),
    ),
    "b": text(
        clock(START_US + DAY_US),
        attributes(name="night", session="s2", tags=["ci"], environment="prod", branch="main"),
        span("only", 0, 700),
        log("three", 5, "warning"),
    ),
    "c": text(
        clock(START_US + DAY_US + 60_000_000), attributes(tags=["linux"]), span("only", 0, 9), point("mem", 0, 7)
    ),
    "d": text({"ph": "X", "name": "undated", "pid": 1, "tid": 1, "ts": 7, "dur": 1}),
}


def write_logs(directory: Path) -> Path:
    directory.mkdir(mode=0o700)
    for number, (name, content) in enumerate(LOGS.items()):
        path = directory / f"{name}.jsonl"
        path.write_bytes(content)
        written = START_US // 10**6 + 2 * 86400 + number
        os.utime(path, (written, written))
    return directory


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    """A server over LOGS."""
    with serving(write_logs(tmp_path_factory.mktemp("web") / "logs"), "--log-requests") as running:
        yield running
