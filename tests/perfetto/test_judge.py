"""The judge itself: it counts, refuses and survives what Perfetto does."""

from pathlib import Path

import pytest

from tests.perfetto.judge import Hung, Judge, LoadFailed, QueryFailed
from tests.perfetto.own_cases import SLICES
from tests.perfetto.test_perfetto import GOOD


def document(path: Path, *events: bytes) -> Path:
    path.write_bytes(b'{"traceEvents":[' + b",".join(events) + b"]}")
    return path


def test_judge_counts_what_perfetto_counts(perfetto: Judge, tmp_path: Path) -> None:
    path = document(tmp_path / "trace.json", GOOD[0], b'{"ph":"X","pid":1,"tid":2,"ts":250,"name":"no dur"}')

    assert perfetto.ask(path, SLICES, "select ts, dur / 2.0, null from slice") == [
        [["good 1"]],
        [[100_000, 2_500.0, None]],
    ]
    assert perfetto.problems(path) == {"json_parser_failure": 1}


def test_judge_says_why_perfetto_refuses(perfetto: Judge, tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="incomplete"):
        perfetto.ask(document(tmp_path / "fatal.json", GOOD[0], b'{"ph":"X","ts":1,"dur":null}', GOOD[1]), SLICES)
    with pytest.raises(LoadFailed, match="empty"):
        perfetto.problems(Path("/dev/null"))
    with pytest.raises(QueryFailed, match="no such column"):
        perfetto.ask(document(tmp_path / "good.json", GOOD[0]), "select nowhere from slice")


def test_judge_survives_a_trace_that_perfetto_never_finishes(tmp_path: Path) -> None:
    endless = document(tmp_path / "endless.json", b'{"ph":"C","ts":1,"pid":1,"name":"c","args":{"value":NaN}}')
    good = document(tmp_path / "good.json", *GOOD)

    with Judge(timeout_s=2) as judge:
        with pytest.raises(Hung):
            judge.ask(endless, SLICES)
        assert judge.ask(good, SLICES) == [[["good 1"], ["good 2"], ["good 3"], ["good 4"]]]
