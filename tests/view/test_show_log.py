"""`tracerd show --log`: log events below the spans in which they were written."""

import json
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.view.view_cases import log

EVENTS = """
    X request 1/1 0+1000
    X query 1/1 100+200
    i quiet 1/1 150 "s":"t","cat":"log","args":{"level":"debug"}
    i loud 1/1 400 "s":"t","cat":"log","args":{"level":"WARN","message":"the message"}
    i other 1/1 410 "s":"t","cat":"cc"
    i after 1/1 2000 "s":"t","cat":"log","args":{"level":"error"}
    i elsewhere 1/2 30 "s":"t","cat":"log","args":"none"
    i alone "worker"/2 30 "s":"t","cat":"log","args":{"error":"x"}
"""


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "t.jsonl"
    text = log(EVENTS.replace('"worker"/2', "9/2")).replace(b'"pid":9', b'"pid":"worker"')
    path.write_bytes(text)
    return path


def shown(trace: Path, *options: str) -> list[str]:
    """The names of spans and the logs, indented by their depth."""
    done = invoke("show", trace, "--json", *options)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return [
        "  " * row["depth"] + (f"{row['level']}: {row['message']}" if row["type"] == "log" else row["name"])
        for row in rows
        if row["type"] != "process"
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["request", "  query", "after", "alone"]),
        (["--log"], ["request", "  query", "    debug: quiet", "  warning: the message", "error: after",
                     "info: elsewhere", "info: alone"]),
        (["--log", "--depth", "1"], ["request", "  debug: quiet", "  warning: the message", "error: after",
                                     "info: elsewhere", "info: alone"]),
        (["--log", "--depth", "0"], []),
        (["--log", "--pid", "1", "--min-dur", "500us"], ["request", "    debug: quiet", "  warning: the message",
                                                         "error: after", "info: elsewhere"]),
        (["--log", "--where", 'name == "query"'], ["query", "  debug: quiet"]),
        (["--log", "--where", 'name == "request"'], ["request", "  debug: quiet", "  warning: the message"]),
        (["--log", "--errors"], ["error: after", "info: alone"]),
    ],
)  # fmt: skip
def test_log_events_are_below_their_spans(trace: Path, options: list[str], expected: list[str]) -> None:
    assert shown(trace, *options) == expected


def test_a_log_row_has_its_own_keys(trace: Path) -> None:
    rows = [json.loads(line) for line in invoke("show", trace, "--json", "--log").stdout.splitlines()]
    assert [row for row in rows if row["type"] == "log"][-1] == {
        "type": "log", "pid": "worker", "tid": 2, "depth": 0, "level": "info", "message": "alone",
        "start_us": 30, "error": True,
    }  # fmt: skip


def test_lines_for_people_are_harmless_and_name_errors(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(
        json.dumps({"ph": "X", "name": "a", "pid": 1, "tid": 1, "ts": 0, "dur": 9})
        + "\n"
        + json.dumps({"ph": "i", "s": "t", "name": "\x1b[31m" + "x" * 500, "cat": "log", "pid": 1, "tid": 1, "ts": 1,
                      "args": {"error": "E"}})
        + "\n"
    )  # fmt: skip
    lines = invoke("show", tmp_path / "t.jsonl", "--log").stdout.decode().splitlines()
    assert lines[-1].split(maxsplit=2)[2].startswith("info: \\x1b[31mxxx")
    assert lines[-1].endswith("xxx [error]")
    assert len(lines[-1]) < 300
