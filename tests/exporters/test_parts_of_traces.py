"""`tracerd get-tef` with options: which events are left, and what becomes of them."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.commands import invoke
from tests.exporters.extracts import documents, extract
from tests.harness import tracerd
from tests.replay.test_check_agrees import EVENTS, log_of
from tracerd.errors import ExportError
from tracerd.exporters.criteria import Criteria
from tracerd.exporters.extract import Wish
from tracerd.exporters.selection import Selection, play
from tracerd.query.single_events import TYPES
from tracerd.query.where import compile_where
from tracerd.rows.moment import parse_moment

CLOCK = (
    b'{"ph":"M","name":"tracerd_clock","args":'
    b'{"monotonic_us":1000,"boottime_us":1001,"realtime_us":1767225600000000,"boot_id":"b"}}\n'
)
"""1000 us is the beginning of 2026."""

EVENTS_OF_A_RUN: list[dict[str, Any]] = [
    {"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "cc"}},
    {"ph": "B", "name": "open", "pid": 1, "tid": 1, "ts": 1000},
    {"ph": "B", "name": "step", "cat": "io", "pid": 1, "tid": 1, "ts": 1100, "args": {"n": 1}},
    {"ph": "i", "name": "mark", "pid": 1, "tid": 1, "ts": 1150},
    {"ph": "E", "pid": 1, "tid": 1, "ts": 1200, "args": {"error": "no"}},
    {"ph": "X", "name": "run", "cat": "cpu", "pid": 2, "tid": 2, "ts": 1300, "dur": 200.5},
    {"ph": "b", "name": "get", "cat": "net", "id": 7, "pid": 2, "tid": 2, "ts": 1350},
    {"ph": "C", "name": "load", "pid": 2, "ts": 1400, "args": {"v": 1}},
    {"ph": "e", "name": "get", "cat": "net", "id": 7, "pid": 2, "tid": 2, "ts": 1900},
    {"ph": "i", "s": "g", "cat": "tracerd", "name": "tracerd: 3 events lost", "pid": 2, "tid": 2, "ts": 1950},
]
RUN = CLOCK + log_of(EVENTS_OF_A_RUN)


def left(tmp_path: Path, *options: str, log: bytes = RUN) -> list[str]:
    """What is left of a run, as phase and name; M and the mark of lost events are not repeated."""
    path = tmp_path / "run.jsonl"
    path.write_bytes(log)
    done = invoke("get-tef", path, *options)
    assert done.stderr == b""
    events = json.loads(done.stdout)["traceEvents"]
    assert events[0]["ph"] == "M"
    return [f"{event['ph']} {event.get('name', '')}".strip() for event in events if event.get("cat") != "tracerd"][1:]


STEP, RUN_X, GET = ["B step", "E"], ["X run"], ["b get", "e get"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--name", "s*"], STEP),
        (["--name", "step", "--name", "run"], STEP + RUN_X),
        (["--cat", "net"], GET),
        (["--cat", "io", "--cat", "cpu"], STEP + RUN_X),
        (["--pid", "2"], [*RUN_X, "b get", "C load", "e get"]),
        (["--pid", "2", "--name", "step"], None),
        (["--min-dur", "100us"], [*STEP, *RUN_X, *GET]),
        (["--min-dur", "200us"], [*RUN_X, *GET]),
        (["--min-dur", "200us", "--close-open"], ["B open", *RUN_X, *GET, "E open"]),
        (["--from", "1210"], ["B open", "X run", "b get", "C load", "e get"]),
        (["--from", "1200", "--to", "1300"], ["B open"]),
        (["--from", "1199.9", "--to", "1300"], ["B open", *STEP]),
        (["--to", "100us"], ["B open"]),
        (["--to", "101us"], ["B open", *STEP]),
        (["--from", "-50us"], ["B open"]),
        (["--from", "-51us"], ["B open", *GET]),
        (["--to", "2026-01-01T00:00:00.000101Z"], ["B open", *STEP]),
        (["--to", "2026-01-01T01:00:00.000101+01:00"], ["B open", *STEP]),
        (["--where", "args.n == 1"], STEP),
        (["--where", "dur_us > 100 && dur_us < 300"], RUN_X),
        (["--where", "error"], STEP),
        (["--where", 'process == "cc"'], ["B open", "B step", "i mark", "E"]),
        (["--where", 'ph == "C"', "--name", "load"], ["C load"]),
        (["--where", "dur_us == null", "--name", "open"], ["B open"]),
    ],
)
def test_what_is_left(options: list[str], expected: list[str] | None, tmp_path: Path) -> None:
    if expected is None:
        path, out = tmp_path / "run.jsonl", tmp_path / "out.json"
        path.write_bytes(RUN.replace(b'"cat": "tracerd"', b'"cat": "x"'))
        out.write_text("old")
        done = invoke("get-tef", path, *options, "-o", out)
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr == b"Error: the trace run has no event that passes; nothing was written\n"
        assert out.read_text() == "old"
    else:
        assert left(tmp_path, *options) == expected


@pytest.mark.parametrize("option", ["--from", "--to"])
@pytest.mark.parametrize("text", ["soon", "5", "2026-01-01", "2026-01-01T00:00:00", "5 d", "--", "1e9999", ""])
def test_what_is_no_moment_is_an_error_of_the_command_line(option: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_bytes(RUN)
    done = invoke("get-tef", tmp_path / "run.jsonl", option, text)

    if text == "5":
        assert parse_moment(text).ns == 5000
        assert b"is no moment" not in done.stderr
    else:
        assert done.returncode == 2
        assert b"is no moment: write a time such as 2026-11-26T21:24:00Z" in done.stderr


def test_a_time_of_day_needs_a_clock_line(tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_bytes(log_of(EVENTS_OF_A_RUN))
    done = invoke("get-tef", tmp_path / "run.jsonl", "--from", "2026-01-01T00:00:00Z")

    assert done.returncode == 1
    assert b"this trace has no clock line, so it knows no time of day" in done.stderr


def test_of_several_clock_lines_the_last_before_a_line_counts(tmp_path: Path) -> None:
    second = CLOCK.replace(b"1767225600000000", b"1767225700000000")  # after a restart: ts begin anew
    log = CLOCK + log_of(EVENTS_OF_A_RUN[:1]) + log_of([{"ph": "i", "name": "early", "pid": 1, "tid": 1, "ts": 1500}])
    log += second + log_of([{"ph": "i", "name": "late", "pid": 1, "tid": 1, "ts": 1400}])

    assert left(tmp_path, "--from", "2026-01-01T00:01:00Z", log=log) == ["i late"]
    assert left(tmp_path, "--to", "2026-01-01T00:01:00Z", log=log) == ["i early"]


def test_logs_documents_compressed_files_and_stdin_give_the_same(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(RUN)
    (tmp_path / "log.gz").write_bytes(gzip.compress(RUN))
    (tmp_path / "document.json").write_text(json.dumps({"traceEvents": EVENTS_OF_A_RUN}))
    options = ["--name", "step", "--name", "run", "--rebase", "--close-open"]

    def events(trace: str | Path, stdin: bytes | None = None) -> object:
        words = ["get-tef", *options, trace]
        done = invoke(*words) if stdin is None else tracerd(*words, input=stdin)
        return json.loads(done.stdout)["traceEvents"]

    expected = events(tmp_path / "log")
    assert events(tmp_path / "log.gz") == events(tmp_path / "document.json") == expected
    assert events("-", RUN) == events("-", gzip.compress(RUN)) == expected


def test_rebase_keeps_digits_and_relates_the_clock(tmp_path: Path) -> None:
    log = CLOCK + (
        b'{"ph":"M","name":"process_name","ts":5,"pid":1,"args":{"name":"a"}}\n'
        b'{"ph":"X","name":"a","ts":1795309634423093.125,"dur":1.50,"pid":1,"tid":1,"args":{"ts":3}}\n'
        b'{"ph":"i","name":"b","ts":"1795309634423094.25","pid":1,"tid":1}\n'
        b'{"ph":"i","name":"c","ts":1.795309634423095e15,"pid":1,"tid":1}\n'
    )
    [document] = documents(log, tmp_path, Wish(rebases=True))

    assert b'"ts":0.125,"dur":1.50,' in document
    assert b'"args":{"ts":3}' in document
    assert [event["ts"] for event in json.loads(document)["traceEvents"]] == [0, 0.125, 1.25, 2]
    about = json.loads(document)["metadata"]
    assert about["rebased_us"] == 1795309634423093
    assert about["clock"]["monotonic_us"] == 0
    assert about["clock"]["realtime_us"] == 1767225600000000 + 1795309634423093 - 1000
    assert about["filtered"] == 0


def test_the_document_says_how_many_events_it_leaves_out(tmp_path: Path) -> None:
    where = compile_where('name == "run"', "events", TYPES)
    [document] = documents(RUN + b"junk\n", tmp_path, Wish(Criteria(where=where)))
    about = json.loads(document)["metadata"]

    assert (about["events"], about["filtered"], about["left_out"]) == (3, 7, 1)


# --------------------------------------------------------------- several files


def test_files_of_a_size_are_listed_and_hold_everything(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(RUN)
    done = invoke("get-tef", path, "--split-size", "700B", "-o", tmp_path / "out.json")
    files = [Path(line) for line in done.stdout.decode().splitlines()]

    assert files == [tmp_path / f"out-{n}.json" for n in range(1, len(files) + 1)]
    found = [json.loads(file.read_bytes()) for file in files]
    assert all(file.stat().st_size <= 700 for file in files)
    assert [about["metadata"]["part"] for about in found] == list(range(1, len(files) + 1))
    assert {about["metadata"]["parts"] for about in found} == {len(files)}
    assert [about["metadata"]["events"] for about in found] == [len(about["traceEvents"]) for about in found]
    events = [event for about in found for event in about["traceEvents"] if event["ph"] != "M"]
    assert sorted(map(str, events)) == sorted(map(str, EVENTS_OF_A_RUN[1:]))

    compressed = invoke("get-tef", path, "--split-size", "700B", "-o", tmp_path / "out.json.gz")
    assert compressed.stdout.decode().splitlines() == [f"{file.with_suffix('')}.json.gz" for file in files]
    assert gzip.decompress((tmp_path / "out-1.json.gz").read_bytes()) == files[0].read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--split-size", "700B"], 2, "--split-size makes several files: give their name with -o FILE"),
        (["--split-size", "700B", "-o", "/dev/null"], 2, "--split-size makes several files"),
        (["--split-size", "100B", "-o", "o.json"], 1, "each file needs"),
        (["--split-size", "470B", "-o", "o.json"], 1, "an event and what belongs to it need"),
        (["--split-size", "700B", "-o", "/no/such/o.json"], 1, "there is no directory /no/such; make it first"),
    ],
)
def test_what_cannot_be_split_so_writes_nothing(arguments: list[str], code: int, message: str, tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_bytes(RUN)
    done = tracerd("get-tef", tmp_path / "run.jsonl", *arguments, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (code, b"")
    assert message in done.stderr.decode()
    assert [path.name for path in tmp_path.iterdir()] == ["run.jsonl"]


def test_too_many_files_are_an_error(tmp_path: Path) -> None:
    log = log_of([{"ph": "i", "ts": n, "pid": 1, "tid": 1, "name": "x" * 200} for n in range(300)])
    with pytest.raises(ExportError, match=r"^that would be 300 files, and 200 is the most; choose a larger size$"):
        documents(log, tmp_path, Wish(max_bytes=500))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS)
def test_any_trace_is_split_into_files_that_hold_all_of_it(events: list[dict[str, Any]], tmp_path: Path) -> None:
    events = [*events, {"ph": "i", "ts": 1, "pid": 1, "tid": 1}]
    [whole] = documents(log_of(events), tmp_path, Wish(closes_open=True))
    parts = documents(log_of(events), tmp_path, Wish(closes_open=True, max_bytes=1500))

    def of(*files: bytes) -> list[str]:
        found = [event for file in files for event in json.loads(file)["traceEvents"]]
        return sorted(json.dumps(event) for event in found if event["ph"] not in "Mtf")

    assert of(*parts) == of(whole)
    assert all(len(part) <= 1500 for part in parts)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS)
def test_a_begin_and_its_end_are_both_there_or_neither(events: list[dict[str, Any]], tmp_path: Path) -> None:
    events = [*events, {"ph": "X", "ts": 1, "dur": 1, "name": "a", "pid": 3, "tid": 3}]
    kept = extract(events, tmp_path, Wish(Criteria(where=compile_where('name == "a"', "events", TYPES))))
    selection = Selection(Criteria())
    play([log_of(kept)], selection, lambda _: None)

    assert {event["name"] for event in kept if event["ph"] in "XBb"} <= {"a"}
    assert [event for event in kept if event["ph"] == "M"] == [event for event in events if event["ph"] == "M"]
    ends = [at for at, event in enumerate(kept, 1) if event["ph"] in "Ee"]
    assert all(selection.owner[at] for at in ends)


def test_no_arrow_is_left_that_leads_nowhere(tmp_path: Path) -> None:
    """Of one that led nowhere before, its client shall hear."""
    events: list[dict[str, Any]] = [{"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "cc"}}]
    arrow = {"cat": "a", "name": "to", "pid": 1}
    for at in range(20):
        events += [
            {"ph": "X", "name": "from", "pid": 1, "tid": 1, "ts": 100 * at, "dur": 90},
            {"ph": "X", "name": "to", "pid": 1, "tid": 2, "ts": 5000 + 100 * at, "dur": 90},
            {**arrow, "ph": "s", "id": at, "tid": 1, "ts": 100 * at + 5},
            {**arrow, "ph": "f", "bp": "e", "id": at, "tid": 2, "ts": 5000 + 100 * at + 5},
        ]
    events.append({**arrow, "ph": "s", "id": 99, "tid": 1, "ts": 1950})
    log = CLOCK + log_of(events)
    assert [event for event in left(tmp_path, "--to", "1200us", log=log) if event[0] in "sf"] == []
    assert left(tmp_path, "--to", "2500us", log=log).count("s to") == 1
    assert left(tmp_path, "--to", "5050us", log=log).count("s to") == 2
    for document in documents(log, tmp_path, Wish(max_bytes=2000)):
        ids = {ph: {event["id"] for event in json.loads(document)["traceEvents"] if event["ph"] == ph} for ph in "sf"}
        assert ids["s"] - {99} == ids["f"]
