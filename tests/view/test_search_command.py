"""`tracerd search`, as a person types it."""

import gzip
import json
import subprocess
import time
from pathlib import Path

import pytest

from tests.commands import invoke
from tracerd.core.own_prefixes import CLOCK_PREFIX

CLOCK = CLOCK_PREFIX + b'"args":{"monotonic_us":0,"boottime_us":0,"realtime_us":1795728240000000}}\n'
"""At ts 0 it is 2026-11-26T21:24:00Z."""


def log_event(message: str, /, ts: float = 1, pid: object = 1, **args: object) -> bytes:
    event = {"ph": "i", "s": "t", "name": message, "cat": "log", "pid": pid, "tid": 1, "ts": ts, "args": args}
    return json.dumps(event).encode() + b"\n"


def name(pid: object, text: str) -> bytes:
    return json.dumps({"ph": "M", "name": "process_name", "pid": pid, "args": {"name": text}}).encode() + b"\n"


API = b"".join(
    [
        CLOCK,
        name(1, "api"),
        log_event("order 4711 failed", 1_000_000, level="error", order=4711),
        log_event("order 4712 done", 2_000_000, level="info", user="Zoë"),
        b'{"ph":"X","name":"failed span","pid":1,"tid":1,"ts":5,"dur":1}\n',
        log_event("slow", 3_000_000, level="warning", path='C:\\temp\\"x"', service="db"),
    ]
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    directory = tmp_path / "store"
    directory.mkdir(mode=0o700)
    (directory / "api.jsonl").write_bytes(API)
    (directory / "job.jsonl").write_bytes(CLOCK + log_event("job failed", 9_000_000, 2, level="critical"))
    return directory


def run(store: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    done = invoke("search", "-d", store, *arguments)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def messages(store: Path, *arguments: str | Path) -> list[str]:
    return [json.loads(line)["event"]["name"] for line in run(store, *arguments, "--json").stdout.splitlines()]


def test_it_prints_as_tail_does(store: Path) -> None:
    for options in ([], ["--json"]):
        tail = invoke("tail", "-d", store, "api", "-n", "99", "--level", "debug", *options).stdout.decode()
        assert run(store, "", "api", *options).stdout == tail
    assert run(store, "failed").stdout.splitlines()[0].split(maxsplit=4)[1:] == [
        "api", "api", "1", 'error     order 4711 failed  {"level": "error", "order": 4711}',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["failed"], ["order 4711 failed", "job failed"]),
        (["failed", "job"], ["job failed"]),
        (["4711"], ["order 4711 failed"]),
        (["Zoë"], ["order 4712 done"]),
        (['temp\\"x'], ["slow"]),
        (["C:\\temp"], ["slow"]),
        (["FAILED", "-i"], ["order 4711 failed", "job failed"]),
        (["zOË", "-i"], ["order 4712 done"]),
        (["order", "--level", "error"], ["order 4711 failed"]),
        (["", "--level", "warning"], ["order 4711 failed", "slow", "job failed"]),
        (["", "--service", "api"], ["order 4711 failed", "order 4712 done"]),
        (["", "--service", "db", "--service", "api", "--level", "warning"], ["order 4711 failed", "slow"]),
        (["", "--from", "2026-11-26T21:24:02Z", "--to", "2026-11-26T21:24:09Z"], ["order 4712 done", "slow"]),
        (["", "--from", "3000000"], ["slow", "job failed"]),
        (["", "--where", "args.order > 1"], ["order 4711 failed"]),
        (["", "--where", "line == 4"], ["order 4712 done"]),
        (["", "--where", "error"], ["order 4711 failed", "job failed"]),
        (["", "--limit", "2"], ["slow", "job failed"]),
        (["failed", "--all-events"], ["order 4711 failed", "failed span", "job failed"]),
        (["failed", "job", "api"], ["job failed", "order 4711 failed"]),
    ],
)
def test_what_is_found(store: Path, arguments: list[str], expected: list[str]) -> None:
    assert messages(store, *arguments) == expected


@pytest.mark.parametrize("text", ["nowhere", "user", "order 4711 failederror"])
def test_nothing_found_is_exit_1_and_keys_and_several_values_together_are_not_searched(store: Path, text: str) -> None:
    done = run(store, text)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_names_that_come_later_choose_the_service_too(store: Path) -> None:
    (store / "late.jsonl").write_bytes(log_event("early", pid="w") + name("w", "worker"))
    assert messages(store, "early", "--service", "worker") == ["early"]


def test_a_log_that_is_written_and_cut_documents_and_gzip_are_read(store: Path, tmp_path: Path) -> None:
    (store / "cut.jsonl").write_bytes(log_event("whole") + log_event("torn")[:-20])
    assert messages(store, "", "cut") == ["whole"]
    document = tmp_path / "trace.json"
    document.write_text(json.dumps({"traceEvents": [json.loads(log_event("in a document"))]}, indent=2))
    assert messages(store, "document", document) == ["in a document"]
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(API))
    assert messages(store, "4711", tmp_path / "x.jsonl.gz") == ["order 4711 failed"]


def test_each_event_has_the_clock_before_it(store: Path) -> None:
    later = CLOCK.replace(b"1795728240", b"1795731840")
    lines = [CLOCK, log_event("tick 1", 0), later, log_event("tick 2", 0), CLOCK, log_event("tick 3", 0)]
    (store / "clocks.jsonl").write_bytes(b"".join(lines))
    found = [json.loads(line)["time_s"] for line in run(store, "tick", "--json").stdout.splitlines()]
    assert found == [1795728240, 1795731840, 1795728240]
    assert messages(store, "tick", "--where", "line == 4") == ["tick 2"]


def test_a_begin_mark_does_not_hide_the_clock(store: Path) -> None:
    mark = b'{"ph":"M","name":"tracerd_begin","pid":1,"tid":1,"ts":1,"args":{"id":"00001092a1b2c3d4","name":"cc"}}\n'
    end = b'{"ph":"X","name":"cc","pid":1,"tid":1,"ts":1,"dur":9,"begin":"00001092a1b2c3d4"}\n'
    (store / "marked.jsonl").write_bytes(CLOCK + mark + log_event("in cc") + end)
    assert json.loads(run(store, "in cc", "--json").stdout)["time_s"] == 1795728240.000001


def test_a_log_from_elsewhere_without_a_clock_line_has_lines_too(store: Path) -> None:
    bad = b'{"ph":"i","cat":"log","name":"job with nan","args":{"x":nan}}\n'
    (store / "old.jsonl").write_bytes(log_event("job 1") + b"no event\n" + bad + log_event("job 4"))
    assert messages(store, "job", "old") == ["job 1", "job with nan", "job 4"]
    assert messages(store, "job", "old", "--where", "line > 3") == ["job 4"]


def test_hostile_texts_are_harmless(store: Path) -> None:
    (store / "odd.jsonl").write_bytes(log_event("\x1b[31m<b>\u202e", pid="\x1b", level=["error"], message={"a": 1}))
    done = run(store, "\x1b[31m")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert run(store, "<b>", "--json").returncode == 0


def test_one_log_that_cannot_be_read_does_not_hide_the_others(store: Path) -> None:
    (store / "half.jsonl").write_bytes(gzip.compress(API)[:12])
    done = run(store, "4711")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert "half.jsonl" in done.stderr
    assert run(store, "4711", "half").returncode == 1


def test_a_time_since_1970_needs_no_clock_line(tmp_path: Path) -> None:
    """As in the traces that `import` makes of older files."""
    (tmp_path / "old.jsonl").write_bytes(log_event("done", 1795728240000000))
    for command, *words in (("search", "done"), ("tail", "-n", "9")):
        shown = invoke(command, "-d", tmp_path, *words, "old").stdout.decode()
        assert shown.startswith(time.strftime("%H:%M:%S.000000  ", time.localtime(1795728240))), command
        found = json.loads(invoke(command, "-d", tmp_path, *words, "old", "--json").stdout)
        assert found["time_s"] == 1795728240
