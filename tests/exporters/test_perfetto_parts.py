"""Parts of traces in the real Perfetto: what is left is drawn as it was."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.exporters.extracts import documents
from tests.perfetto.judge import Judge
from tests.replay.test_check_agrees import ASYNC_PAIRS, COMPLETE, SPANS, log_of
from tracerd.exporters.criteria import Criteria
from tracerd.exporters.extract import Wish
from tracerd.query.single_events import TYPES
from tracerd.query.where import compile_where, matches
from tracerd.store.snapshot import snapshot
from tracerd.trace_json.export import export_to_file

# By id and not by dur: of two of one name, ts and depth, that of no length comes before the one that is never ended.
SLICES = "select name, ts, dur, depth from slice order by ts, track_id, depth, name, id"
ARROWS = (
    "select a.name, b.name from flow join slice a on a.id = slice_out join slice b on b.id = slice_in order by 1, 2"
)

NAMED_A = Criteria(where=compile_where(None, "events", TYPES, also=[matches("name", ["a"])]))


def drawn(log: bytes, directory: Path, perfetto: Judge, wish: Wish | None) -> tuple[list[list[Any]], dict[str, int]]:
    """The slices of a trace, or of its parts, and what Perfetto counts."""
    if wish is None:
        path, out = directory / "whole.jsonl", directory / "whole.json"
        path.write_bytes(log)
        export_to_file(snapshot(path, "t"), str(out))
        (whole,), counted = perfetto.examine(out, SLICES)
        return whole, counted
    rows: list[list[Any]] = []
    problems: dict[str, int] = {}
    for document in documents(log, directory, wish):
        (directory / "part.json").write_bytes(document)
        (some,), found = perfetto.examine(directory / "part.json", SLICES)
        rows += some
        problems |= found
    return rows, problems


def without_depth(rows: list[list[Any]]) -> list[list[Any]]:
    return sorted(row[:3] for row in rows)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "events",
    [
        pytest.param(st.lists(SPANS | COMPLETE, max_size=16), id="spans"),
        pytest.param(st.lists(ASYNC_PAIRS, max_size=16), id="async"),
    ],
)
def test_any_spans_of_one_name_are_drawn_as_in_the_whole_trace(
    events: st.SearchStrategy[list[dict[str, object]]], perfetto: Judge, tmp_path: Path
) -> None:
    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(events)
    def check(found: list[dict[str, object]]) -> None:
        # One of them passes at least; and where Perfetto drops a span in the whole trace, it may draw it in a part.
        log = log_of([*found, {"ph": "X", "name": "a", "ts": 50, "dur": 1, "pid": 9, "tid": 9}])
        whole, problems = drawn(log, tmp_path, perfetto, None)
        if any(kind.startswith("slice_drop") for kind in problems):
            return
        part, _ = drawn(log, tmp_path, perfetto, Wish(NAMED_A))
        assert without_depth(part) == without_depth([row for row in whole if row[0] == "a"])

    check()


BEGIN: dict[str, object] = {"ph": "B", "ts": 0, "pid": 1, "tid": 0, "name": "a"}


def lasts(event: dict[str, Any]) -> bool:
    return bool(event["dur"] >= 0)


@pytest.mark.timeout(300)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([BEGIN, {**BEGIN, "ph": "X", "dur": 0}, BEGIN])
@given(st.lists(SPANS | COMPLETE.filter(lasts) | ASYNC_PAIRS, max_size=16))
def test_close_open_leaves_no_span_open_and_moves_none(
    tmp_path_factory: pytest.TempPathFactory, perfetto: Judge, found: list[dict[str, object]]
) -> None:
    directory = tmp_path_factory.mktemp("closed")
    log = log_of([*found, {"ph": "X", "name": "z", "ts": 50, "dur": 1, "pid": 9, "tid": 9}])
    whole, before = drawn(log, directory, perfetto, None)
    closed, after = drawn(log, directory, perfetto, Wish(closes_open=True))

    assert [row[0:2] for row in closed] == [row[0:2] for row in whole]
    for was, now in zip(whole, closed, strict=True):
        assert now[2] != -1
        assert was[2] in (now[2], -1)
    assert set(after) <= set(before)


def step(n: int) -> list[dict[str, object]]:
    """A step that starts a job of another process."""
    ts = 1_000_000 + 100 * n
    return [
        {"ph": "B", "name": f"step {n}", "pid": 1, "tid": 1, "ts": ts + 100},
        {"ph": "s", "name": "go", "id": n, "pid": 1, "tid": 1, "ts": ts + 110},
        {"ph": "X", "name": f"job {n}", "pid": 2, "tid": 2, "ts": ts + 120, "dur": 50},
        {"ph": "f", "bp": "e", "name": "go", "id": n, "pid": 2, "tid": 2, "ts": ts + 130},
        {"ph": "E", "pid": 1, "tid": 1, "ts": ts + 190},
    ]


WORK: list[dict[str, object]] = [
    {"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "build"}},
    {"ph": "B", "name": "all", "pid": 1, "tid": 1, "ts": 1_000_000},
    *(event for n in range(40) for event in step(n)),
    {"ph": "E", "pid": 1, "tid": 1, "ts": 1_010_000},
]


def test_split_files_draw_together_what_one_file_draws(perfetto: Judge, tmp_path: Path) -> None:
    log = log_of(WORK)
    whole, _ = drawn(log, tmp_path, perfetto, None)
    files = documents(log, tmp_path, Wish(max_bytes=4000))
    parts, problems = drawn(log, tmp_path, perfetto, Wish(max_bytes=4000))

    assert len(files) > 3
    assert all(len(file) <= 4000 for file in files)
    assert all(b'"process_name"' in file for file in files)
    assert without_depth(parts) == without_depth(whole)
    assert problems == {}


def test_an_arrow_is_drawn_between_spans_that_are_both_kept(perfetto: Judge, tmp_path: Path) -> None:
    def arrows(pattern: str) -> list[list[Any]]:
        where = compile_where(None, "events", TYPES, also=[matches("name", pattern.split())])
        [document] = documents(log_of(WORK), tmp_path, Wish(Criteria(where=where)))
        (tmp_path / "part.json").write_bytes(document)
        (rows,), problems = perfetto.examine(tmp_path / "part.json", ARROWS)
        assert problems == {}
        return rows

    assert arrows("step?7 job?7 job?8") == [["step 7", "job 7"]]
    assert arrows("job?7 job?8") == []


def test_a_rebased_trace_begins_at_0_and_is_drawn_as_before(perfetto: Judge, tmp_path: Path) -> None:
    whole, _ = drawn(log_of(WORK), tmp_path, perfetto, None)
    moved, problems = drawn(log_of(WORK), tmp_path, perfetto, Wish(rebases=True))

    assert problems == {}
    assert moved == [[name, ts - 1_000_000_000, *rest] for name, ts, *rest in whole]
    assert min(row[1] for row in moved) == 0
