"""Begin marks in exports and readers: what ended is byte for byte as without them, what never ended is begun."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.commands import invoke
from tests.harness import tracerd
from tracerd.core.own_prefixes import CLOCK_PREFIX
from tracerd.store.own_lines import clock_line
from tracerd.store.snapshot import Snapshot
from tracerd.trace_json import begin_marks, export, perfetto
from tracerd.trace_json.export import Summary, write_tef
from tracerd.traces.stored import StoredTrace, totals

MARK = b'{"ph":"M","name":"tracerd_begin","pid":1,"tid":2,"ts":%d,"args":{"id":"%016x","name":"m%d","cat":"c"}}\n'
BY = b',"begin":"%016x"'
BEGUN = (
    b'{"ph":"b","cat":"unfinished","name":"m%d","pid":1,"tid":2,"ts":%d,"id2":{"local":"0x%016x"},"args":{"cat":"c"}}'
)
PLAIN = b'{"ph":"i","s":"g","name":"e","ts":1}\n'


def mark(number: int) -> bytes:
    return MARK % (number, number, number)


def begun(number: int) -> bytes:
    return BEGUN % (number, number, number)


def span(number: int, by: bytes = b"") -> bytes:
    return b'{"ph":"X","name":"a \\\\\\u00e9","pid":1,"tid":2,"ts":%d,"dur":2,"args":{"b":{}}%s}\n' % (number, by)


def exported(*blocks: bytes) -> tuple[list[bytes], Summary]:
    """The events of a trace.json of these blocks, and what was counted."""
    sink = io.BytesIO()
    summary = write_tef(Snapshot(Path("/nonexistent"), "t", 0, 0), sink, blocks=blocks)
    document = sink.getvalue()
    assert len(json.loads(document)["traceEvents"]) == summary.events
    inside = document[document.index(b"[") + 1 : document.rindex(b'],"metadata"')]
    return inside.split(b",\n") if inside else [], summary


@pytest.fixture(params=["with the extension", "without"])
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without":
        for module in (export, perfetto):
            monkeypatch.setattr(module, "plain_elements", None)


CASES = {
    "ended": ([mark(1) + span(1, BY % 1)], [span(1)]),
    "ended in a later block": ([mark(1), span(1, BY % 1)], [span(1)]),
    "its mark was lost": ([span(1, BY % 1)], [span(1)]),
    "never ended": ([mark(1) + span(2)], [span(2), begun(1)]),
    "another one ended": ([mark(1) + mark(2) + span(1, BY % 1)], [span(1), begun(2)]),
    "of a line that is checked by itself": ([mark(1) + span(1, b',"tts":"1"' + BY % 1)], [span(1, b',"tts":"1"')]),
    "replaced by another of its id": ([mark(1) + mark(1).replace(b"m1", b"z")], [begun(1).replace(b"m1", b"z")]),
    "behind a blank, as no client of ours writes it": ([b" " + mark(1)], [mark(1)]),
    "no id": ([mark(1).replace(b"0001", b"1")], [mark(1).replace(b"0001", b"1")]),
    "an id that is none": ([span(1, b',"begin":"0"')], [span(1, b',"begin":"0"')]),
    "a key inside": ([span(1, b',"args":{"a":1' + BY % 1 + b"}")], [span(1, b',"args":{"a":1' + BY % 1 + b"}")]),
    "torn": ([mark(1) + mark(2)[:50]], [begun(1)]),
    "without the last newline": ([mark(1) + span(1, BY % 1).strip()], [span(1)]),
    "beside a clock line": ([clock_line() + mark(1) + PLAIN + span(1, BY % 1) + clock_line()], [PLAIN, span(1)]),
}


@pytest.mark.usefixtures("_both_ways")
@pytest.mark.parametrize(("blocks", "events"), [pytest.param(*case, id=name) for name, case in CASES.items()])
def test_an_export_holds_what_ended_as_without_marks(blocks: list[bytes], events: list[bytes]) -> None:
    expected = [event.strip().replace(b"\\\\\\u00e9", "\\\\é".encode()) for event in events]

    assert exported(*blocks)[0] == expected


def test_lines_that_are_left_out_keep_their_numbers() -> None:
    _, summary = exported(mark(1) + PLAIN + b"no\n" + mark(2) + b"neither\n" + span(2, BY % 2))

    assert [left_out.line_no for left_out in summary.first_left_out] == [3, 5]


def test_no_more_than_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(begin_marks, "MAX_OPEN", 2)

    assert exported(mark(1) + mark(2) + mark(3) + mark(2))[0] == [begun(1), begun(2)]


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["mark", "span", "plain", "clock"])), max_size=30))
def test_an_export_of_spans_that_all_end_is_that_of_their_lines(steps: list[tuple[int, str]]) -> None:
    log: list[bytes] = []
    plain: list[bytes] = []
    for number, kind in steps:
        match kind:
            case "mark":
                log += [mark(number), span(number, BY % number)]
                plain += [span(number)]
            case "span":
                log += [span(number, BY % number)]
                plain += [span(number)]
            case "clock":
                log += [CLOCK_PREFIX + b'"args":{}}\n']
            case _:
                log += [PLAIN]
                plain += [PLAIN]

    assert exported(b"".join(log))[0] == exported(b"".join(plain))[0]


def test_marks_are_not_counted_as_stored_events(tmp_path: Path) -> None:
    log = clock_line() + mark(1) + span(1, BY % 1) + mark(2)
    path = tmp_path / "t.jsonl"
    path.write_bytes(log)

    assert totals(StoredTrace("t", str(path), True, len(log), len(log), 0)).stored == 1


# ------------------------------------------------------------------ readers

MARKED = clock_line() + mark(1) + mark(2) + PLAIN + span(1, BY % 1)


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    path = tmp_path / "marked.jsonl"
    path.write_bytes(MARKED)
    return path


def test_show_and_stats_have_what_never_ended_as_unfinished(marked: Path) -> None:
    stats = json.loads(invoke("stats", "--json", str(marked)).stdout)
    shown = [json.loads(line) for line in invoke("show", "--json", str(marked)).stdout.splitlines()]

    assert (stats["events"], stats["spans"], stats["unfinished"]) == (3, 2, 1)
    assert stats["phases"] == {"i": 1, "X": 1, "b": 1}
    assert [(row["name"], row["dur_us"]) for row in shown if "name" in row] == [("a \\é", 2.0), ("m2", None)]


def test_check_has_nothing_to_say_about_marks(marked: Path) -> None:
    assert invoke("check", str(marked)).stdout.decode().endswith("nothing to fix\n")


@pytest.mark.parametrize("form", ["log", "stdin"])
def test_tail_prints_what_ended_and_what_never_ended(form: str, marked: Path) -> None:
    by_form = {"log": [str(marked)], "stdin": ["-"]}
    done = tracerd("tail", "--json", *by_form[form], input=MARKED)

    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert [event.get("name") for event in events if event["ph"] != "b"] == ["e", "a \\é"]
    assert [(event["name"], event["cat"]) for event in events if event["ph"] == "b"] == [("m2", "unfinished")]
    assert b'"begin"' not in done.stdout


def test_diff_of_a_trace_with_marks_and_one_without_finds_nothing(tmp_path: Path) -> None:
    for name, log in (("marked", mark(1) + span(1, BY % 1)), ("plain", span(1))):
        (tmp_path / f"{name}.jsonl").write_bytes(log)

    found = json.loads(invoke("diff", "--json", *sorted(tmp_path.iterdir())).stdout)

    assert [(row["name"], row["a"], row["b"]) for row in found["groups"] if row["a"] != row["b"]] == []
    assert len(found["groups"]) == 1
