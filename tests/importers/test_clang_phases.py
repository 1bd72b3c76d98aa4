"""The phases of a file of clang, placed within the span of its compile."""

import json
from pathlib import Path
from random import Random

from tests.perfetto.judge import Judge
from tracerd.importers.clang_phases import Phase, parse, placed


def text(*events: dict[str, object]) -> bytes:
    """A file of clang."""
    return json.dumps({"traceEvents": events, "beginningOfTime": 1_700_000_000_000_000}).encode()


def span(name: str, ts: int, dur: int) -> dict[str, object]:
    """A phase as clang writes it."""
    return {"ph": "X", "pid": 7, "tid": 7, "ts": ts, "dur": dur, "name": name, "args": {"detail": f"{name}.h"}}


def names(phases: list[Phase]) -> list[tuple[str, int, int]]:
    return [(phase.name, phase.ts, phase.dur) for phase in phases]


def test_of_equal_phases_the_later_in_the_file_is_the_parent() -> None:
    found = parse(text(span("inner", 5, 10), span("outer", 5, 10), span("Total outer", 0, 10)))
    assert found is not None
    assert (found.begin_us, found.pid) == (1_700_000_000_000_000, 7)
    assert names(placed(found.phases, 100, 100, 200)) == [("outer", 105, 10), ("inner", 105, 10)]
    assert found.phases[0].args == {"detail": "outer.h"}


def test_a_phase_that_ends_after_its_parent_by_rounding_begins_earlier() -> None:
    found = parse(text(span("first", 1, 2), span("second", 3, 2), span("outer", 0, 4)))
    assert found is not None
    assert names(placed(found.phases, 0, 0, 9)) == [("outer", 0, 4), ("first", 0, 2), ("second", 2, 2)]


def test_phases_stay_within_the_span_of_their_compile() -> None:
    found = parse(text(span("outer", 0, 10), span("inner", 1, 9)))
    assert found is not None
    assert names(placed(found.phases, 195, 100, 200)) == [("outer", 190, 10), ("inner", 191, 9)]
    assert names(placed(found.phases, 95, 100, 200)) == [("outer", 100, 10), ("inner", 101, 9)]
    assert names(placed(found.phases, 100, 100, 105)) == [("outer", 100, 5), ("inner", 100, 5)]


def test_sources_of_newer_clangs_are_spans_and_what_crosses_is_left_out() -> None:
    begin: dict[str, object] = {
        "ph": "b",
        "cat": "Source",
        "id": 1,
        "pid": 7,
        "tid": 7,
        "ts": 2,
        "name": "Source",
        "args": {"detail": "a"},
    }
    end: dict[str, object] = {**begin, "ph": "e", "ts": 6}
    crossing = span("crossing", 5, 30)
    found = parse(text(begin, end, crossing, span("outer", 0, 20), {"ph": "i", "ts": 3, "name": "mark"}))
    assert found is not None
    assert names(placed(found.phases, 0, 0, 50)) == [("outer", 0, 20), ("Source", 2, 4)]


def test_what_clang_has_not_written_is_no_compile() -> None:
    for other in (
        b"",
        b"[]",
        b'{"mine": 1}',
        b'{"traceEvents": [], "beginningOfTime": "x"}',
        text(span("a", 0, 1))[:-9],
    ):
        assert parse(other) is None


def test_random_phases_keep_their_durations_and_nest_in_perfetto(tmp_path: Path, perfetto: Judge) -> None:
    """Spans that nest, rounded as clang rounds them; each file on a thread of its own."""
    random = Random(14)
    events: list[dict[str, object]] = []
    for tid in range(1, 60):
        spans: list[tuple[int, int]] = []

        def divide(start: int, end: int, depth: int, spans: list[tuple[int, int]] = spans) -> None:
            cuts = sorted(random.randint(start, end) for _ in range(random.choice((0, 2, 4, 6)) if depth else 6))
            if cuts and random.random() < 0.8:  # most phases end right before the one around them
                cuts[-1] = max(cuts[-1], end - random.randint(0, 300))
            for first, last in zip(cuts[::2], cuts[1::2], strict=True):
                if depth < 6:
                    divide(first, last, depth + 1)
                spans.append((first, last))

        divide(0, 40_000, 0)  # in ns
        written = [span(str(at), start // 1000, (end - start) // 1000) for at, (start, end) in enumerate(spans)]
        found = parse(text(*written))
        assert found is not None
        phases = placed(found.phases, 1000, 1000, 1040)
        assert sorted((int(name), dur) for name, _, dur in names(phases)) == [
            (at, (end - start) // 1000) for at, (start, end) in enumerate(spans)
        ]
        events += [{**span(phase.name, phase.ts, phase.dur), "tid": tid} for phase in phases]
    (tmp_path / "t.json").write_text(json.dumps(events))
    [[[count, dur]]], problems = perfetto.examine(tmp_path / "t.json", "select count(*), sum(dur) / 1000 from slice")
    assert problems == {}
    assert (count, dur) == (len(events), sum(int(str(event["dur"])) for event in events))
