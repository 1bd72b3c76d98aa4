"""`tracerd metrics`, as a person types it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.commands import invoke
from tracerd.core.own_prefixes import CLOCK_PREFIX

CLOCK = CLOCK_PREFIX + b'"args":{"monotonic_us":0,"boottime_us":0,"realtime_us":1795728240000000}}\n'
"""At ts 0 it is 2026-11-26T21:24:00Z."""

MINUTE_US = 60_000_000


def point(name: str, ts: float, args: object, **fields: object) -> bytes:
    return json.dumps({"ph": "C", "name": name, "pid": 1, "ts": ts, "args": args, **fields}).encode() + b"\n"


POINTS = b"".join(
    [
        point("queue", 0, {"value": 1}, id="host=a"),
        point("queue", MINUTE_US - 1, {"value": 2.5}, id="host=a"),
        point("queue", MINUTE_US, {"value": 7}, id="host=a"),
        point("queue", MINUTE_US, {"value": 9}, id="host=b,zone=1"),
        point("mem", 5, {"rss": 10, "heap": 4, "note": "text", "flag": True}),
    ]
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    directory = tmp_path / "store"
    directory.mkdir(mode=0o700)
    (directory / "a.jsonl").write_bytes(CLOCK + POINTS)
    (directory / "b.jsonl").write_bytes(CLOCK + point("queue", 2 * MINUTE_US, {"value": 3}, id="host=a"))
    return directory


def run(store: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    done = invoke("metrics", "-d", store, *arguments)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def result(store: Path, *arguments: str | Path) -> Any:
    return json.loads(run(store, *arguments, "--json").stdout)


def series(store: Path, *arguments: str | Path) -> dict[str, list[object]]:
    """The values by the JSON of the labels."""
    found = result(store, *arguments)["data"]
    return {json.dumps(one["labels"]): [point["value"] for point in one["values"]] for one in found}


def test_the_json_is_labels_timestamps_and_values(store: Path) -> None:
    done = run(store, "queue", "a", "--label", "host=a", "--step", "1m", "--agg", "max", "--json")
    assert done.stdout == (
        '{"data":[{"labels":{"host":"a"},"values":[{"timestamp":"2026-11-26T21:24:00Z","value":2.5},'
        '{"timestamp":"2026-11-26T21:25:00Z","value":7.0}]}],'
        '"meta":{"latest_ts":"2026-11-26T21:25:00Z","series_count":1,"truncated":false}}\n'
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_window_has_its_begin_and_not_its_end(store: Path) -> None:
    arguments = ("queue", "--by", "host", "--step", "1m", "--agg", "count")
    assert series(store, *arguments) == {'{"host": "a"}': [2, 1, 1], '{"host": "b"}': [1]}
    within = ("--from", "2026-11-26T21:24:00Z", "--to", "2026-11-26T21:25:00Z")
    assert series(store, *arguments, *within) == {'{"host": "a"}': [2]}
    assert series(store, *arguments, "--from", "60000000", "--to", "120000000") == {
        '{"host": "a"}': [1], '{"host": "b"}': [1],
    }  # fmt: skip


def test_all_traces_are_read_without_one(store: Path) -> None:
    assert series(store, "queue", "--by", "", "--step", "1h", "--agg", "sum") == {"{}": [22.5]}
    assert series(store, "queue", "b", "--step", "1h", "--agg", "sum") == {'{"host": "a"}': [3]}


def test_names_are_listed_each_key_of_a_counter_as_its_own(store: Path) -> None:
    assert result(store) == {"data": ["mem.heap", "mem.rss", "queue"]}
    assert result(store, "--names", "b") == {"data": ["queue"]}
    assert run(store).stdout.splitlines() == [
        "name      points", "mem.heap       1", "mem.rss        1", "queue          5",
    ]  # fmt: skip
    assert result(store, "--names", "--to", "2026-11-26T21:24:00Z") == {"data": []}


def test_conditions_are_of_points(store: Path) -> None:
    assert series(store, "queue", "--by", "", "--step", "1h", "--agg", "count", "--where", "value > 2") == {"{}": [4]}
    assert series(store, "queue", "--by", "", "--step", "1h", "--agg", "count", "--where", 'trace == "b"') == {
        "{}": [1]
    }
    done = run(store, "queue", "--where", "dur_us > 2")
    assert (done.returncode, "no column of points" in done.stderr) == (2, True)


def test_a_table_for_people(store: Path) -> None:
    lines = run(store, "queue", "--step", "1m").stdout.splitlines()
    assert lines[0] == "avg of queue in windows of 1m, from 2026-11-26T21:24:00Z to 2026-11-26T21:26:00Z"
    assert [line.split()[:5] for line in lines[3:]] == [
        ["host=a", "3", "1.75", "7", "3"], ["host=b,zone=1", "1", "9", "9", "9"],
    ]  # fmt: skip
    assert [line.split()[:2] for line in run(store, "queue", "b", "--step", "1m").stdout.splitlines()[5:]] == [
        ["2026-11-26T21:26:00Z", "3"]
    ]


def test_what_is_not_there_is_named_with_the_nearest(store: Path) -> None:
    done = run(store, "quee", "--json")
    assert done.returncode == 1
    assert done.stderr == "there are no points of 'quee'; did you mean \"queue\"?\n"
    assert json.loads(done.stdout) == {"data": [], "meta": {"latest_ts": None, "series_count": 0, "truncated": False}}
    assert run(store, "nothing", "a").stderr == "there are no points of 'nothing'; there are mem.heap, mem.rss, queue\n"
    assert run(store, "queue", "--label", "host=x").stderr == "no point of queue that is asked for\n"


def test_one_trace_without_a_clock_line_is_in_windows_of_ts(store: Path) -> None:
    (store / "old.jsonl").write_bytes(POINTS)
    done = run(store, "queue", "old", "--by", "", "--step", "1m", "--agg", "count", "--json")
    assert json.loads(done.stdout)["data"][0]["values"] == [
        {"timestamp": 0, "value": 2}, {"timestamp": MINUTE_US, "value": 2},
    ]  # fmt: skip
    assert done.stderr == "the trace has no clock line: windows are of ts, which counts from an unknown time\n"


def test_among_traces_with_a_clock_one_without_is_counted_and_left_out(store: Path) -> None:
    (store / "old.jsonl").write_bytes(POINTS)
    done = run(store, "queue", "--by", "", "--step", "1h", "--agg", "count", "--json")
    assert json.loads(done.stdout)["data"][0]["values"] == [{"timestamp": "2026-11-26T21:00:00Z", "value": 5}]
    assert done.stderr.startswith("4 points left out, of unknown time")


def test_hostile_names_labels_and_values_harm_nothing(store: Path) -> None:
    name = "<b>\x1b[31m\u202e"
    lines = [point(name, 1e15 + at, {"value": at}, pid="worker", id=f"id={at}") for at in range(10_000)]
    lines += [
        point(name, 1e15, {"value": 10**30}),
        point(name, 1e15, [1]),
        point(name, 1e15, None),
        point(name, 9e18, {"value": 1}),
        point(name, float("nan"), {"value": float("nan")}),
        b'{"ph":"C","name":"half","ts":1e15,"args":{"val',
    ]
    (store / "odd.jsonl").write_bytes(b"".join(lines))
    done = run(store, name, "odd")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "\x1b" not in done.stderr
    assert "by id (more than 50 values)" in done.stderr
    assert len(done.stdout.splitlines()) == 3 + 50
    assert result(store, name, "odd", "--by", "", "--step", "1h", "--agg", "count")["data"][0]["values"] == [
        {"timestamp": "2001-09-09T01:00:00Z", "value": 10_001}
    ]


def test_counters_are_found_in_any_block_and_however_they_are_written(store: Path) -> None:
    spans = b'{"ph":"X","name":"a","pid":1,"tid":1,"ts":1,"dur":1}\n' * 5000
    escaped = point("queue", MINUTE_US, {"value": 5}).replace(b'"C"', b'"\\u0043"')
    (store / "long.jsonl").write_bytes(CLOCK + spans + spans + escaped + spans + point("queue", 0, {"value": 3}))
    arguments = ("queue", "long", "--by", "", "--agg", "sum", "--step", "1h")
    assert series(store, *arguments) == {"{}": [8]}
    assert series(store, *arguments, "--where", "line == 10002") == {"{}": [5]}


def test_documents_and_stdin_are_read_too(store: Path, tmp_path: Path) -> None:
    document = tmp_path / "trace.json"
    document.write_text(json.dumps({"traceEvents": [json.loads(line) for line in POINTS.splitlines()]}))
    assert series(store, "mem.rss", document, "--agg", "last") == {"{}": [10]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--step", "1m"], "--label, --by and --step are of a NAME"),
        (["queue", "--step", "0.5s"], "no whole number of seconds"),
        (["queue", "--label", "host"], "write KEY=VALUE"),
        (["queue", "--agg", "median"], "is not one of"),
    ],
)
def test_misuse_is_one_line_and_exit_2(store: Path, arguments: list[str], message: str) -> None:
    done = run(store, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
