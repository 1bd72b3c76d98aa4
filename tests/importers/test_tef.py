"""Plain trace events: what is odd in them, and that the short way of what is not odd leads to the same."""

import json
import time
from pathlib import Path

import pytest

from tests.importers.reading import Read, args, read, read_text
from tests.perfetto.judge import Judge
from tests.redact.test_text import SECRETS
from tracerd import redact
from tracerd.importers.formats import tef
from tracerd.importers.placing import Placement
from tracerd.importers.run import Importer, Options
from tracerd.importers.secrets import may_hold_secrets

PLAIN: list[dict[str, object]] = [
    {"ph": "X", "name": "int", "cat": "c", "pid": 2, "tid": 3, "ts": 10, "dur": 20, "args": {"a": [1, {"ts": 5}]}},
    {"ph": "X", "name": "float", "cat": "c", "pid": 2, "tid": 3, "ts": 11.5, "dur": 0.2501},
    {"ph": "X", "name": "both", "cat": "", "pid": 2, "tid": 3, "ts": 12, "dur": 1.5, "args": {}},
    {"ph": "X", "name": "no cat", "pid": 2, "tid": 4, "ts": 12, "dur": 1, "args": None},
    {"ph": "X", "name": "odd cat", "cat": 7, "pid": 2, "tid": 4, "ts": 13, "dur": 1, "args": [1]},
    {"ph": "X", "name": "negative", "pid": 2, "tid": 4, "ts": -13, "dur": -1, "args": {"b": "\u00e9"}},
    {"ph": "X", "name": 5, "pid": 2, "tid": 4, "ts": 20, "dur": 1, "args": "text"},
    {"ph": "X", "pid": 2, "tid": 4, "ts": 21, "dur": 1},
    {"ph": "X", "name": "from 0", "pid": 2, "tid": 4, "ts": 0, "dur": 1},
    {"ph": "X", "name": "no dur", "pid": "p", "tid": "t", "ts": 1},
    {"ph": "X", "name": "in 2300", "pid": 2, "tid": 3, "ts": 10_413_792_000_000_000, "dur": 1},
    {"ph": "X", "name": "endless", "pid": 2, "tid": 3, "ts": 1, "dur": 1e17},
    {"ph": "X", "name": "no time", "pid": 2, "tid": 3, "dur": 1},
]


def document(events: list[dict[str, object]], **more: object) -> str:
    return json.dumps({"traceEvents": events * 2, **more})


def test_the_short_way_and_the_long_way_lead_to_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(found: Read) -> tuple[list[dict[str, object]], dict[str, int]]:
        timeless = [{**event, "ts": 0, "pid": 0, "tid": 0} for event in found.events]
        return timeless, dict(found.imported.timeline.left_out)

    text = document(PLAIN)
    short = read_text(tmp_path, text)
    monkeypatch.setattr(tef, "may_hold_secrets", bool)
    assert shown(short) == shown(read_text(tmp_path, text))
    assert short.imported.timeline.left_out == {"events beyond all times": 2, "events without a time": 4}
    assert short.names() == sorted(
        ["int", "float", "both", "no cat", "odd cat", "negative", "5", "?", "from 0", "no dur"] * 2
    )


def test_a_secret_anywhere_sends_its_block_the_long_way() -> None:
    """What redaction would hide, the quick check finds."""
    for text, hidden in SECRETS:
        line = json.dumps({"ph": "X", "name": text}).encode()
        assert hidden != text
        assert redact.line(line) == line or may_hold_secrets(line), text
    for words in (["--password", "x"], ["-u", "joe:x"], ["mysql", "-px"]):
        line = json.dumps({"ph": "X", "args": {"argv": words}}).encode()
        assert redact.line(line) == line or may_hold_secrets(line), words
    for line in (rb'{"name":"https:\/\/ada:hunter2@h"}', rb'{"p\u0061ssword":"hunter2"}'):
        assert b"hunter2" not in redact.line(line)
        assert may_hold_secrets(line)
    assert not may_hold_secrets(b'{"ph":"X","name":"monkey","args":{"file":"a_b-c=d@e","keys":[1]}}')


def test_ids_beyond_the_doubles_stay_apart(tmp_path: Path) -> None:
    ids = [2**53, 2**53 + 1, "0x1", "1"]
    events = [{"ph": ph, "cat": "c", "name": "n", "pid": 1, "id": i, "ts": 1} for i in ids for ph in "be"]
    found = read_text(tmp_path, json.dumps(events))
    assert len({event["id"] for event in found.of("b")}) == len(found.of("e")) == 4


def test_spans_of_one_id_and_name_end_latest_first(tmp_path: Path) -> None:
    """Clang gives all its sources one id; an end may stand before its begin."""
    times = [("b", 1), ("b", 2), ("e", 3), ("e", 9), ("e", 20), ("b", 15), ("b", 30)]
    events = [{"ph": ph, "cat": "Source", "name": "a.h", "id": 0, "pid": 1, "ts": ts} for ph, ts in times]
    found = read_text(tmp_path, json.dumps(events))
    assert (len(found.of("b")), len(found.of("e"))) == (4, 3)
    assert found.imported.timeline.counts() == {"span": 3, "span without an end": 1}


def test_an_end_before_its_time_counts_as_no_time(tmp_path: Path) -> None:
    events = [{"ph": "B", "name": "a", "pid": 2, "tid": 2, "ts": 9}, {"ph": "E", "pid": 2, "tid": 2, "ts": 5}]
    assert read_text(tmp_path, json.dumps(events)).span("a")["dur"] == 0


def test_a_log_of_another_boot_lies_on_the_wall_clock(tmp_path: Path) -> None:
    """By its clock line, as a document by its metadata; neither is sent on, and both are within a millisecond."""
    clock = {"monotonic_us": 5_000_000, "boottime_us": 5_000_000, "realtime_us": 1_700_000_000_000_000}
    event = {"ph": "X", "name": "a", "pid": 2, "tid": 2, "ts": 6_000_000, "dur": 5}
    line = {"ph": "M", "name": "tracerd_clock", "pid": 0, "args": clock}
    (tmp_path / "log").write_text(f"{json.dumps(line)}\n{json.dumps(event)}\n{json.dumps(event)}\n")
    (tmp_path / "document").write_text(json.dumps({"traceEvents": [event], "metadata": {"clock": clock}}))
    for name in ("log", "document"):
        found = read(tmp_path / name)
        assert found.imported.timeline.tool == "tracerd"
        assert found.start_s(found.of("X")[0]) == pytest.approx(1_700_000_001, abs=1e-3)
        assert "tracerd_clock" not in str(found.events)


def test_names_and_ids_of_counters_hold_no_secrets(tmp_path: Path) -> None:
    counter = {"ph": "C", "name": "https://joe:hunter2@a.example", "id": "password=hunter2", "pid": 2, "ts": 1}
    found = read_text(tmp_path, json.dumps([{**counter, "args": {"value": 1}}]))
    assert len(found.of("C")) == 1
    assert "hunter2" not in str(found.events)


def test_names_of_processes_hold_no_secrets_and_no_controls(tmp_path: Path) -> None:
    name = {"ph": "M", "name": "process_name", "pid": 2, "args": {"name": "curl https://joe:hunter2@example.com"}}
    found = read_text(tmp_path, json.dumps([name, *PLAIN]))
    assert "hunter2" not in str(found.events)
    assert "curl" in found.process(found.span("int"))


def test_what_was_written_long_ago_is_not_of_this_boot(tmp_path: Path) -> None:
    """Only a file that was written right after its last event may count from this machine's start."""
    import os

    now_us = time.monotonic_ns() // 1000
    path = tmp_path / "trace"
    path.write_text(json.dumps([{"ph": "X", "name": "a", "pid": 2, "tid": 2, "ts": now_us - 10, "dur": 5}]))
    assert read(path).imported.clock == "monotonic"
    assert read(path).span("a")["ts"] == now_us - 10
    os.utime(path, (time.time() - 60, time.time() - 60))
    assert read(path).imported.clock == "start"
    assert args(read(path).span("a")) == {}


BEGIN = {"ph": "b", "cat": "script", "name": "work", "pid": 7, "tid": 7, "id": "9", "ts": 1}
END = {"ph": "e", "cat": "script", "pid": 7, "tid": 8, "id": "9", "ts": 5}


def test_an_end_without_a_name_ends_the_latest_span_of_its_id(tmp_path: Path) -> None:
    inner, end = BEGIN | {"name": "inner", "ts": 2}, END | {"name": None}
    found = read_text(tmp_path, json.dumps([BEGIN, inner, end, END | {"ts": 8}]))
    assert found.imported.timeline.counts() == {"span": 2}
    ends = [(event["name"], float(str(event["ts"])) - float(str(found.of("b")[0]["ts"]))) for event in found.of("e")]
    assert ends == [("inner", 4), ("work", 7)]


@pytest.mark.parametrize("other", [{"cat": "c"}, {"id": "8"}, {"pid": 8}], ids=str)
def test_an_end_without_a_name_ends_no_span_of_another_id(other: dict[str, object], tmp_path: Path) -> None:
    found = read_text(tmp_path, json.dumps([BEGIN, END | other]))
    assert found.imported.timeline.counts() == {"span without an end": 1}
    assert found.imported.timeline.left_out == {"ends without a begin": 1}


MARK = '{"ph":"M","name":"tracerd_begin","pid":%d,"tid":7,"ts":5,"args":{"id":"%s","name":"sleep","cat":"process"}}\n'


def test_begin_marks_are_open_spans_unless_they_have_ended(tmp_path: Path) -> None:
    """As every view of the log shows them."""
    ids = ["00001092a1b2c3d4", "00001092a1b2c3d5"]
    ended = f'{{"ph":"X","name":"cc","pid":8,"tid":8,"ts":5,"dur":2,"begin":"{ids[1]}"}}\n'
    found = read_text(tmp_path, MARK % (7, ids[0]) + MARK % (8, ids[1]) + ended)
    assert found.imported.timeline.counts() == {"span": 1, "span without an end": 1}
    assert [event["name"] for event in found.of("b")] == ["sleep"]
    assert "begin" not in found.span("cc")


def test_the_attributes_of_a_trace_come_into_a_new_one(tmp_path: Path) -> None:
    """Those of the first one, without secrets; those of others are counted, and who began it is not said."""
    log = (
        '{"ph":"M","name":"tracerd_trace","pid":2,"args":{"command":"make","begun_by":"exec"}}\n'
        '{"ph":"X","name":"make","pid":2,"tid":2,"ts":5,"dur":2}\n'
        '{"ph":"M","name":"tracerd_trace","args":{"command":"make --password hunter2","exit_code":3}}\n'
    )
    (tmp_path / "log").write_text(log)
    sent: list[bytes] = []
    importer = Importer(Options(), Placement(), lambda _: None, is_new=True)
    first = importer.read(str(tmp_path / "log"), sent.append)
    second = importer.read(str(tmp_path / "log"), sent.append)
    attributes = [json.loads(line) for line in b"".join(sent).splitlines() if b"tracerd_trace" in line]
    assert [event["args"] for event in attributes] == [{"command": "make --password ***", "exit_code": 3}]
    assert (first.timeline.left_out, second.timeline.left_out) == ({}, {"attributes of its trace": 2})


@pytest.mark.parametrize("args", [{}, {"password": "x"}], ids=["short way", "long way"])
def test_durations_after_whole_microseconds_are_those_of_the_file(args: dict[str, str], tmp_path: Path) -> None:
    """A sum with a time since 1970 has no more than quarters of a microsecond."""
    durations = [0.05, 0.1, 0.2, 0.3, 1.1, 2.345]
    now_us = time.time_ns() // 1000
    spans = [
        {"ph": "X", "name": "a", "pid": 2, "tid": 2, "ts": now_us + 10 * at, "dur": dur, "args": args}
        for at, dur in enumerate(durations)
    ]
    found = read_text(tmp_path, json.dumps([spans[0], *spans]))
    assert [event["dur"] for event in found.of("X")][1:] == durations


def test_arrows_that_spans_name_themselves_come(perfetto: Judge, tmp_path: Path) -> None:
    """Perfetto has as many of them as in the file itself."""
    flags: list[dict[str, object]] = [{"flow_out": True}, {"flow_in": True, "flow_out": True}, {"flow_in": True}]
    spans = [
        {"ph": "X", "name": "a", "cat": "c", "pid": 2, "tid": 2, "ts": 10 * at, "dur": 5, "bind_id": "0x1", **flag}
        for at, flag in enumerate(flags, 1)
    ]
    found = read_text(tmp_path, json.dumps(spans))
    assert [event["ph"] for event in found.of("s", "t", "f")] == ["s", "t", "f"]
    counts: list[object] = []
    for events in (spans, found.events):
        (tmp_path / "t.json").write_text(json.dumps({"traceEvents": events}))
        rows, problems = perfetto.examine(tmp_path / "t.json", "select count(*) from flow")
        assert problems == {}
        counts.append(rows)
    assert counts == [[[[2]]]] * 2
