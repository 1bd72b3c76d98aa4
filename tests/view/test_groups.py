"""The arithmetic of the views, without files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.view.view_cases import log
from tracerd.rows.recording import read
from tracerd.view.concurrency import COLUMNS, Intervals
from tracerd.view.groups import collect
from tracerd.view.tables import duration_text, microseconds

INTERVALS = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 30)), min_size=1, max_size=20)


@given(INTERVALS)
def test_at_once_is_what_counting_each_nanosecond_gives(drawn: list[tuple[int, int]]) -> None:
    intervals = Intervals()
    for start, dur in drawn:
        intervals.add(start, start + dur)
    at = [sum(start <= ns < start + max(dur, 1) for start, dur in drawn) for ns in range(140)]

    found = intervals.at_once(0, 120)

    assert found.peak == max(at)
    assert found.mean == pytest.approx(sum(at[:120]) / 120)
    assert found.over_time == pytest.approx([(at[2 * n] + at[2 * n + 1]) / 2 for n in range(COLUMNS)])


def test_a_short_trace_has_a_column_for_each_nanosecond() -> None:
    intervals = Intervals()
    intervals.add(5, 7)

    assert intervals.at_once(5, 8).over_time == [1, 1, 0]
    assert intervals.at_once(5, 5).over_time == [1]


def test_figures_by_name_by_cat_and_by_process() -> None:
    recording = read(
        [
            log(
                """
                X a 1/1 0+10 "cat":"x"
                X b 1/1 2+4 "cat":"y"
                X a 2/2 0+20 "cat":"y"
                B a 2/2 30 "args":{"error":"yes"}
                """
            )
        ]
    )

    by_name = collect(recording, ("name",))
    assert list(by_name) == ["a", "b"]
    figures = by_name["a"]
    assert (figures.count, figures.unfinished, figures.errors) == (2, 1, 1)
    assert figures.times() == {
        "total": 30000, "self": 26000, "min": 10000, "mean": 15000,
        "p50": 15000, "p90": 19000, "p99": 19900, "max": 20000,
    }  # fmt: skip
    assert {key: found.total for key, found in collect(recording, ("cat",)).items()} == {"y": 24000, "x": 10000, "": 0}
    assert {key: found.self_total for key, found in collect(recording, ("process",)).items()} == {2: 20000, 1: 10000}


@pytest.mark.parametrize(
    ("args", "is_error"),
    [
        ('{"error":true}', True),
        ('{"error":"no such file"}', True),
        ('{"error":{"code":5}}', True),
        ('{"error":false}', False),
        ('{"error":null,"level":"info"}', False),
        ('{"error":""}', False),
        ('{"level":"ERROR"}', True),
        ('{"level":"fatal"}', True),
        ('{"level":"warning","text":"error"}', False),
        ('{"level":3}', False),
        ('{"exit_code":1}', True),
        ('{"exit_code":0}', False),
        ('{"exit_code":-9}', True),
        ('{"signal":"SIGKILL"}', True),
        ('{"signal":9}', True),
        ('{"signal":null,"exit_code":0}', False),
        ('{"outcome":"failed"}', True),
        ('{"outcome":"passed"}', False),
        ('{"outcome":["failed"]}', False),
        ('{"outcome":"skipped","error":"Skipped"}', False),
        ('{"outcome":"xfailed","error":"AssertionError"}', False),
        ('{"deep":{"error":true}}', False),
        ('["error"]', False),
        ('"error"', False),
        ("7", False),
    ],
)
def test_errors(args: str, is_error: bool) -> None:
    begun = read([log(f'B a 1/1 0 "args":{args}\nE a 1/1 1')])
    ended = read([log(f'B a 1/1 0\nE a 1/1 1 "args":{args}')])

    for recording in (begun, ended):
        assert collect(recording, ("name",))["a"].errors == is_error
        assert recording.processes[1].errors == is_error


def test_names_of_processes_and_threads_are_the_latest() -> None:
    recording = read(
        [
            log(
                """
                M process_name 1/1 5 "args":{"name":"later"}
                M process_name 1/1 2 "args":{"name":"earlier"}
                M process_name 1/1 9 "args":{"name":""}
                M process_name 1/1 9 "args":{"name":7}
                M thread_name 1/- 0 "args":{"name":"main"}
                M thread_name 1/8 0 "args":{"name":"one"}
                M thread_name 1/8 0 "args":{"name":"two"}
                M process_name 2/2 0 "args":{"name":"silent"}
                X a 1/1 0+1
                """
            )
        ]
    )

    process = recording.processes[1]
    assert (process.name, process.threads, process.events) == ("later", {1: "main", 8: "two"}, 8)
    assert (recording.processes[2].start, recording.processes[2].dur) == (None, 0)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1000, "1.00 us"),
        (9_994, "9.99 us"),
        (9_996, "10.0 us"),
        (99_960, "100 us"),
        (999_499, "999 us"),
        (999_500, "1.00 ms"),
        (1_500_000, "1.50 ms"),
        (60 * 10**9, "60.0 s"),
        (3600 * 10**9, "3,600 s"),
        (-2500, "-2.50 us"),
    ],
)
def test_times_have_three_digits(ns: int, text: str) -> None:
    assert duration_text(ns) == text


@pytest.mark.parametrize(("ns", "time"), [(0, 0), (1000, 1), (1500, 1.5), (-1, -0.001), (10**18 + 1, 10**15 + 0.001)])
def test_json_has_microseconds(ns: int, time: float) -> None:
    got = microseconds(ns)
    assert got == time
    assert isinstance(got, int) == (ns % 1000 == 0)
