"""`tracerd query`, as a person types it."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.commands import invoke
from tests.view.view_cases import log

BUILD = """
    M process_name 1/1 0 "args":{"name":"make"}
    X build 1/1 1000+9000 "args":{"bytes":5}
    X cc 1/1 2000+3000 "args":{"bytes":"12"}
    X cc 2/2 2500+2000 "args":{"bytes":7,"error":true}
"""

TRACKER = """tracker "t" v1 {
  fields { bytes: int }
  metrics { n = count() by name; total = sum(bytes) }
  alerts { large = if bytes > 5 then signal("large", bytes) }
  views { v = {"type": "distribution", "metrics": {"count": {"metric": "n"}}, "group_by": {"name": {"field": "name"}},
    "filters": {"pid": {"field": "service", "op": "eq", "optional": true}},
    "totals": {"all": {"kind": "metric_total", "metric": "total"}}} }
}"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "b.jsonl").write_bytes(log(BUILD))
    (tmp_path / "c.jsonl").write_bytes(log(BUILD + '\n    X ld 3/3 1+1 "args":{"bytes":1}\n'))
    (tmp_path / "t.tracker").write_text(TRACKER)
    return tmp_path


def run(store: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    done = invoke("query", "-d", store, *arguments)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def result(store: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(store, *arguments, "--json").stdout)
    return found


def test_a_metric_on_the_command_line(store: Path) -> None:
    text = "sum(dur_us) by name where dur_us > 1"
    assert result(store, "b", text)["metrics"] == {text: {"build": 9000.0, "cc": 5000.0}}
    assert run(store, "b", text).stdout.splitlines() == [
        "3 events", "", f"name   {text}", f"build  {'9,000':>{len(text)}}", f"cc     {'5,000':>{len(text)}}",
    ]  # fmt: skip


def test_a_tracker_and_what_it_reports(store: Path) -> None:
    done = run(store, "b", "--tracker", str(store / "t.tracker"), "--json")

    assert done.stdout == (
        '{"total_events":3,"window_events":2,"metrics":{"n":{"build":1,"cc":1},"total":12},'
        '"alerts":[{"alert":"large","event_id":"b:4","value":{"payload":7,"type":"large"}}]}\n'
    )
    assert done.stderr == 'b:3: bytes: expected int, not "12"\n'
    assert done.returncode == 0
    assert run(store, "b", "--tracker", str(store / "t.tracker"), "--strict").returncode == 1


def test_several_traces_are_one_list(store: Path) -> None:
    assert result(store, "b", "c", "count() by trace")["metrics"] == {"count() by trace": {"b": 3, "c": 4}}


def test_against_another_trace(store: Path) -> None:
    found = result(store, "b", "count() by name", "--against", "c")
    assert list(found) == ["base", "hypothetical", "delta"]
    assert found["delta"] == {
        "total_events_delta": 1,
        "metrics": {"count() by name": {"build": 0, "cc": 0, "ld": None}},
    }


def test_a_window_of_the_traces_own_time(store: Path) -> None:
    found = result(store, "b", "count()", "--from", "2000", "--to", "2500")
    assert (found["total_events"], found["window_events"]) == (3, 1)


def test_a_window_of_the_last_hour(store: Path) -> None:
    now = time.time_ns() // 1000
    lines = (b'{"ph":"i","s":"t","name":"n","pid":1,"tid":1,"ts":%d}\n' % (now - ago * 10**6) for ago in (7200, 1800))
    (store / "now.jsonl").write_bytes(b"".join(lines))
    for options, expected in (
        (["--from", "-1h"], 1),
        (["--to", "-60m"], 1),
        (["--from", "-1d", "--to", "-1h"], 1),
        (["--from", "-1w"], 2),
    ):
        assert result(store, "now", "count()", *options)["window_events"] == expected


def test_a_view(store: Path) -> None:
    found = run(store, "b", "--tracker", str(store / "t.tracker"), "--view", "v")
    assert json.loads(found.stdout) == {
        "items": [
            {"label": "build", "value": 1.0, "percentage": 50.0},
            {"label": "cc", "value": 1.0, "percentage": 50.0},
        ],
        "totals": {"all": 12.0},
    }
    wrong = run(store, "b", "--tracker", str(store / "t.tracker"), "--view", "v", "--metric", "cuont")
    assert wrong.stderr == 'Error: the view v has no metric "cuont"; did you mean "count"?\n'


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["b", "cuont()"], 1, 'Error: EXPR:1:1: there is no function "cuont"; did you mean "count"?\n'),
        (["nothing", "count()"], 1, "Error: "),
        (["b", "--tracker", "/nonexistent"], 1, "Error: cannot read /nonexistent: No such file or directory\n"),
        (["b"], 2, "Usage: "),
        (["b", "count()", "--from", "1", "--to", "2026-11-26T21:24:00Z"], 2, "Usage: "),
        (["b", "count()", "--from", "soon"], 2, "Usage: "),
        (["b", "count()", "--from", "1.5s"], 2, "Usage: "),
    ],
)
def test_what_is_wrong_is_said_once(arguments: list[str], code: int, message: str, store: Path) -> None:
    done = run(store, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(message)
    assert done.stderr.count("Error:") == 1


NAMES = ["*", "[a]", "it's", 'say "x"', "--help"]


@pytest.mark.parametrize("name", NAMES)
def test_a_trace_may_have_any_name(tmp_path: Path, name: str) -> None:
    for trace in (name, "a", "another"):
        (tmp_path / f"{trace}.jsonl").write_bytes(log(BUILD))
    found: dict[str, Any] = json.loads(invoke("query", "-d", tmp_path, "--json", "--", name, "count() by trace").stdout)
    assert found["metrics"] == {"count() by trace": {name: 3}}
    done = invoke("sql", "-d", tmp_path, "--json", "--", name, "SELECT DISTINCT trace FROM events")
    assert json.loads(done.stdout) == {"trace": name}


HOSTILE = rb"""{"ph":"X","name":"a","name":"b","pid":"p1","tid":[],"ts":"7","dur":true,"args":[1]}
{"ph":"X","name":"b","pid":123456789012345678901234,"tid":1,"ts":1,"dur":2,"args":"text"}
not json
{"ph":"X","name":"b","pid":1.5,"tid":1,"ts":1e300,"dur":3,"args":{"x":123456789012345678901234}}
[1,2]
{"name":"no phase"}
{}
"""


def test_hostile_lines_are_read_as_far_as_they_are_events_and_the_rest_is_reported(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_bytes(HOSTILE)
    found = run(tmp_path, "t", "count() by name", "--json")
    assert json.loads(found.stdout)["metrics"] == {"count() by name": {"b": 3}}
    assert found.returncode == 0
    assert found.stderr == "t:3: 2 lines are no event and left out; `tracerd check` says why\n"
    assert result(tmp_path, "t", "count() by pid")["metrics"] == {
        "count() by pid": {"p1": 1, "123456789012345678901234": 1, "1.5": 1}
    }
    assert result(tmp_path, "t", "sum(dur_us)")["metrics"] == {"sum(dur_us)": 5.0}


def test_what_is_no_log_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_bytes(bytes(range(256)) * 100)
    done = run(tmp_path, "t", "count()", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: the trace t has no event; `tracerd check` says why\n"


def test_check_only_compiles(store: Path) -> None:
    done = run(store, "--check", str(store / "t.tracker"))
    assert (done.stdout, done.stderr) == ("", "")
    (store / "bad.tracker").write_text("tracker t { metrics { n = count() wher x } }")
    done = run(store, "--check", str(store / "bad.tracker"))
    assert done.returncode == 1
    assert ':1:35: expected the end of the line, not "wher"; did you mean "where"?' in done.stderr
