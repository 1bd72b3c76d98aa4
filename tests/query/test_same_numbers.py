"""`metrics`, `search`, `stats` and `query` have one meaning of a percentile, a window, a level and an error."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.commands import invoke
from tracerd.core.own_prefixes import CLOCK_PREFIX
from tracerd.query.keys import key_text
from tracerd.query.windows import FUNCTIONS

START_US = 1_795_728_240_000_000
CLOCK = CLOCK_PREFIX + b'"args":{"monotonic_us":0,"boottime_us":0,"realtime_us":%d}}\n'
LEVELS: list[object] = ["debug", "Info", "WARN", "error", "fatal", "Critical", "notice", None, 3, ["error"]]
PIDS: list[object] = [1, 2, "worker"]
OUTCOMES: list[dict[str, object]] = [{}, {}, {"error": "x"}, {"exit_code": 1}, {"signal": 0}, {"outcome": "failed"}]


def number(rng: random.Random) -> object:
    return rng.choice([rng.randrange(-5, 50), round(rng.uniform(-1, 99), 3), 10**18, rng.random(), None, True, "7"])


def random_trace(rng: random.Random) -> bytes:
    """Spans, log events and counters of some minutes, in no order of time."""
    minute = 60_000_000
    lines = [json.dumps({"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "api"}}).encode()]
    for _ in range(rng.randrange(200)):
        event: dict[str, object] = {"pid": rng.choice(PIDS), "tid": 1, "ts": rng.randrange(10 * minute)}
        match rng.randrange(3):
            case 0:
                args: dict[str, object] = {**rng.choice(OUTCOMES), "n": rng.randrange(3)}
                event |= {"ph": "X", "name": rng.choice("abc"), "dur": rng.randrange(1000) / 4, "args": args}
            case 1:
                args = {"level": rng.choice(LEVELS), **rng.choice([{}, {"service": "db"}, {"error": "no answer"}])}
                event |= {"ph": "i", "s": "t", "cat": rng.choice(["log", "log", "cc"]), "name": "m", "args": args}
            case _:
                args = {rng.choice(["value", "rss"]): number(rng) for _ in range(2)}
                event |= {"ph": "C", "name": rng.choice(["queue", "load"]), "args": args}
                event |= rng.choice([{}, {"id": "host=a"}, {"id": "host=b,zone=1%2C2"}])
        lines.append(json.dumps(event).encode())
    if rng.random() < 0.3:
        lines.insert(rng.randrange(len(lines)), rng.choice([b"", b"[]", b'{"ph":"C","name":"queue","args":5}']))
    return CLOCK % START_US + b"\n".join(lines) + b"\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "store"
    directory.mkdir(mode=0o700)
    return directory


def write(directory: Path, seed: int) -> None:
    (directory / "t.jsonl").write_bytes(random_trace(random.Random(seed)))


def printed(directory: Path, *arguments: str | Path) -> Any:
    return json.loads(invoke(*arguments, "-d", directory, "--json").stdout)


def query(directory: Path, relation: str, metrics: str, *options: str) -> dict[str, Any]:
    """Metrics by a tracker."""
    (directory / "q.tracker").write_text(f'tracker "q" {{ from {relation}\n metrics {{ {metrics} }} }}')
    found: dict[str, Any] = printed(directory, "query", "t", "--tracker", directory / "q.tracker", *options)["metrics"]
    return found


@pytest.mark.parametrize("seed", range(30))
def test_metrics_are_those_of_query_in_each_window(directory: Path, seed: int) -> None:
    write(directory, seed)
    name = random.Random(seed).choice(["queue", "queue.rss", "load"])
    functions = [function for function in FUNCTIONS if function != "last"]
    expected = query(
        directory,
        f'points where name == "{name}"',
        "; ".join(f"{function} = {function}(value) by labels over 1m" for function in functions),
    )
    for function in functions:
        found = printed(directory, "metrics", name, "t", "--step", "1m", "--agg", function)["data"]
        assert {
            key_text((_labels_text(series["labels"]), point["timestamp"])): point["value"]
            for series in found
            for point in series["values"]
        } == expected[function]


def _labels_text(labels: dict[str, str]) -> str:
    return ",".join(f"{key}={value.replace(',', '%2C')}" for key, value in labels.items())


@pytest.mark.parametrize("seed", range(30))
def test_what_search_finds_is_what_query_counts(directory: Path, seed: int) -> None:
    write(directory, seed)
    window = ("--from", "2026-11-26T21:25:00Z", "--to", "2026-11-26T21:29:00Z")
    errors = 'level == "error" || level == "critical"'
    for options, where in (
        ((), "true"),
        (("--level", "error"), errors),
        (("--service", "api"), 'service == "api"'),
        (("--service", "db", "--level", "warning"), f'service == "db" && (level == "warning" || {errors})'),
        (("--where", "error"), "error"),
    ):
        for text, held in (("", "true"), ("no answer", 'args.error == "no answer"')):
            found = invoke("search", text, "t", "-d", directory, *options, *window, "--json").stdout
            counted = query(directory, "logs", f"n = count() where ({where}) && ({held})", *window)
            assert len(found.splitlines()) == counted["n"], (options, text)


@pytest.mark.parametrize("seed", range(30))
def test_spans_and_errors_of_stats_are_those_of_query(directory: Path, seed: int) -> None:
    write(directory, seed)
    if b'"ph": "X"' not in (directory / "t.jsonl").read_bytes():
        return
    expected = query(
        directory,
        "spans",
        """n = count() by name; errors = count() by name where error; total = sum(dur_us) by name
        p50 = p50(dur_us) by name; p90 = p90(dur_us) by name; p99 = p99(dur_us) by name; max = max(dur_us) by name""",
    )
    groups = {group["name"]: group for group in printed(directory, "stats", "t")["groups"]}
    assert {name: group["count"] for name, group in groups.items()} == expected["n"]
    assert {name: group["errors"] for name, group in groups.items() if group["errors"]} == expected["errors"]
    for metric, key in (("total", "total_us"), ("p50", "p50_us"), ("p90", "p90_us"), ("p99", "p99_us")):
        # stats has times in whole nanoseconds, halves rounded up
        assert {name: group[key] for name, group in groups.items()} == pytest.approx(expected[metric], abs=0.000501)
