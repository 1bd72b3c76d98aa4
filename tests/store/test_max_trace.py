"""A trace at its limit of size stops growing, with one mark."""

import json
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.harness import CLOCK_PREFIX, ROOT, Daemon, event, events, short_dir, wait_until
from tests.perfetto.judge import Judge
from tracerd.cli.options import duration, size
from tracerd.core.clients import MAX_ERRORS
from tracerd.core.own_prefixes import FULL_PREFIX
from tracerd.store.own_lines import full_line

DAY_S = 86400


@pytest.fixture
def home() -> Iterator[Path]:
    """A place for a daemon."""
    with short_dir() as path:
        yield path


LIMIT = 10_000


def test_a_trace_stops_growing_at_its_limit(home: Path) -> None:
    with Daemon(home, "--max-trace-size", "10kB") as daemon, daemon.connect() as client:
        client.send(b"OPEN t\n")
        for number in range(3000):
            client.send(event(number))
        stored, refused, lost = client.flush()
        assert (stored + refused, lost) == (3000, 0)
        full_size = len(daemon.log("t"))
        client.send(events(range(1000)))
        assert client.flush() == (stored, refused + 1000, 0)
        other = daemon.session(b"OPEN t\n" + event(1) + b"FLUSH\n").splitlines()
        why = b"the trace is full, its log has reached 10000 bytes (the daemon's --max-trace-size)"
        assert other == [b"ERROR 2: 1 event refused from here on: " + why, b"OK 0 1 0"]
        assert daemon.session(b"OPEN another\n" + event(1) + b"FLUSH\n") == b"OK 1 0 0\n"
        assert len(daemon.log("t")) == full_size
        # One read may pass the limit.
        assert LIMIT <= full_size < LIMIT + 64 * 1024 + 1000
    lines = daemon.events("t")
    assert lines.pop().startswith(FULL_PREFIX)
    assert [json.loads(line)["ts"] for line in lines] == list(range(stored))
    (record,) = daemon.rejects("t")  # no refused line is kept: they would fill the disk that the limit is to save
    assert record == {"repaired": 0, "refused": refused + 1001, "lost": 0}
    (entry,) = [
        entry
        for entry in map(json.loads, invoke("list", "--json", "-d", daemon.dir).stdout.splitlines())
        if entry["trace_id"] == "t"
    ]
    assert (entry["events"], entry["refused"]) == (stored, refused + 1001)


def test_a_client_of_a_full_trace_is_told_a_few_times_only(home: Path) -> None:
    with Daemon(home, "--max-trace-size", "1B") as daemon:
        with daemon.connect() as client:
            client.send(b"OPEN t\n" + event(0))
            assert client.flush() == (1, 0, 0)
            for number in range(1, 101):
                client.send(event(number))
                client.send(b"FLUSH\n")
            replies = [line for line in client.finish().splitlines() if line.startswith(b"ERROR ")]
        assert daemon.stderr().count("are refused") <= MAX_ERRORS
    assert len(replies) <= MAX_ERRORS + 1
    assert daemon.numbers("t")[0] == 0
    assert len(daemon.events("t")) == 2


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ([], math.inf),
        (["--max-trace-size", "1kB"], 1000),
        (["--max-trace-size", "1kB", "--max-trace-size", "2KiB"], 2048),
    ],
)
def test_a_full_trace_stays_full_with_one_mark_whoever_comes(home: Path, options: list[str], limit: float) -> None:
    """Its end, another client, another daemon: only the size of the log counts."""
    rounds = 40
    for _ in range(2):
        with Daemon(home, *options) as daemon:
            for _ in range(rounds):
                daemon.session(b"OPEN t\n" + events(range(10)))
    log = (home / "logs/t.jsonl").read_bytes()
    if limit == math.inf:
        assert (log.count(FULL_PREFIX), log.count(b'"name":"e"')) == (0, 2 * rounds * 10)
    else:
        assert log.count(FULL_PREFIX) == 1
        assert limit <= len(log) < limit + 10 * len(event(1)) + 400
        assert log.splitlines()[-1].startswith(FULL_PREFIX)
    # A higher limit lets it grow again.
    with Daemon(home) as daemon:
        assert daemon.session(b"OPEN t\n" + event(1) + b"FLUSH\n") == b"OK 1 0 0\n"


def test_a_full_trace_that_is_cleared_begins_anew(home: Path) -> None:
    with Daemon(home, "--max-trace-size", "1B") as daemon:
        daemon.session(b"OPEN t\n" + event(1) + event(2))
        daemon.session(b"OPEN t\n" + event(3))

        def cleared() -> bool:
            return invoke("clear", "-d", daemon.dir, "--yes", "t").returncode == 0

        wait_until(cleared, "the trace to end")
        assert daemon.session(b"OPEN t\n" + event(4) + b"FLUSH\n") == b"OK 1 0 0\n"
    assert json.loads(daemon.events("t")[0])["ts"] == 4


def test_after_a_kill_the_mark_is_not_counted_as_an_event(home: Path) -> None:
    with Daemon(home, "--max-trace-size", "1B") as daemon:
        daemon.session(b"OPEN killed\n" + event(1) + b"FLUSH\n")
        with daemon.connect() as client:
            client.send(b"OPEN killed\n")
            client.flush()
            daemon.kill()
        lines = invoke("list", "--json", "-d", daemon.dir).stdout.splitlines()
    (counted,) = [entry["events"] for entry in map(json.loads, lines) if entry["trace_id"] == "killed"]
    assert counted == 1


@pytest.mark.parametrize(
    "last", [b'{"ph":"i","ts":1}\n', b'{"pid":"a"}\n', b'{"pid":1.5}\n', b'{"pid":99999999999999999999999}\n']
)
def test_the_mark_is_an_event_whatever_came_before(last: bytes) -> None:
    mark = json.loads(full_line(100, last))
    assert mark.keys() == {"ph", "s", "cat", "name", "ts", "args"}
    assert mark["args"] == {"max_log_bytes": 100}
    assert abs(mark["ts"] - time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6) < 60e6
    assert CLOCK_PREFIX not in full_line(100, last)


def test_the_document_shows_the_mark_and_the_units_as_they_are() -> None:
    document = (ROOT / "docs/retention.md").read_text()
    [shown] = re.findall(r"```jsonl\n(.*)```", document, re.DOTALL)
    place = json.loads(shown)
    made = full_line(place["args"]["max_log_bytes"], shown.encode())
    assert re.sub(rb'"ts":[0-9]+', b'"ts":2359657100', made) == shown.encode()

    rows = re.findall(r"^\| (`[^|]*`) \| (?:seconds|bytes|steps)", document, re.MULTILINE)
    units = [row.replace("`", "").split() for row in rows]
    assert [duration(f"1.5{unit}") for unit in units[0]] == [1.5, 90, 5400, 1.5 * DAY_S, 10.5 * DAY_S]
    assert [size(f"2 {unit}") for unit in units[1]] == [2 * 1000**power for power in range(5)]
    assert [size(f"2{unit.lower()}") for unit in units[2]] == [2 * 1024**power for power in range(1, 5)]


def test_perfetto_shows_the_mark_and_no_process_for_it(home: Path, perfetto: Judge, tmp_path: Path) -> None:
    out = tmp_path / "trace.json"
    line = b'{"ph":"X","name":"work","ts":%d,"dur":5,"pid":77,"tid":78}\n' % (time.monotonic_ns() // 1000)
    with Daemon(home, "--max-trace-size", "1B") as daemon:
        daemon.session(b"OPEN t\n" + line + b"EMIT_TEF %s\nFLUSH\n" % bytes(out))
    slices, processes, problems = perfetto.ask(
        out,
        "select name, category from slice order by ts",
        "select pid from process where pid != 0 or upid != 0",
        "select name from stats where severity in ('error', 'data_loss') and value > 0",
    )
    assert slices == [["work", None], ["trace full: later events are refused", "tracerd"]]
    assert processes == [[77]]
    assert problems == []
