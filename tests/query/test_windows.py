"""Points in windows, compared with a slow meaning of the same that keeps all of them."""

import itertools
import random
from collections import defaultdict

import pytest

from tracerd.query.aggregate import percentile
from tracerd.query.windows import FEW_WINDOWS, FUNCTIONS, MAX_SERIES, MAX_WINDOWS, STEPS, Windowed, Windows
from tracerd.rows.labels import read_labels

Point = tuple[str, int, int | float]

START_US = 1_795_728_240_000_000


def taken(points: list[Point], function: str = "avg", step: int | None = None, **more: object) -> Windowed:
    windows = Windows(function, step, **more)  # type: ignore[arg-type]
    for labels, time_us, value in points:
        windows.take(labels, time_us, value)
    return windows.result()


def slow(points: list[Point], function: str, step: int) -> dict[str, dict[int, object]]:
    """By labels and window."""
    groups: dict[str, dict[int, list[tuple[int, int, int | float]]]] = defaultdict(lambda: defaultdict(list))
    for at, (labels, time_us, value) in enumerate(points):
        groups[labels][time_us // (step * 1_000_000)].append((time_us, at, value))
    return {
        labels: {number: _slow(function, sorted(some)) for number, some in windows.items()}
        for labels, windows in groups.items()
    }


def _slow(function: str, some: list[tuple[int, int, int | float]]) -> int | float:
    values = [value for *_, value in some]
    match function:
        case "count":
            return len(values)
        case "last":
            return values[-1]
        case "min" | "max":
            return min(values) if function == "min" else max(values)
        case "sum":
            return sum(values)
        case "avg":
            return sum(values) / len(values)
        case _:
            return percentile(sorted(values), int(function[1:]) * 10)


def random_points(rng: random.Random, span_s: int) -> list[Point]:
    """In no order of time; some of equal times."""
    return [
        (rng.choice(["host=a", "host=b", ""]), START_US + rng.randrange(span_s * 10) * 100_000, rng.randrange(-50, 50))
        for _ in range(rng.randrange(1, 300))
    ]


@pytest.mark.parametrize("seed", range(40))
def test_each_function_is_that_of_all_values_of_a_window(seed: int) -> None:
    rng = random.Random(seed)
    points = random_points(rng, span_s=rng.choice([1, 70, 4000, 90_000]))
    step = rng.choice([None, 1, 60, 3600])
    for function in FUNCTIONS:
        found = taken(points, function, step)
        expected = slow(points, function, found.step)
        got = {",".join(f"{k}={v}" for k, v in series.labels.items()): dict(series.values) for series in found.series}
        kept = {labels: dict(sorted(windows.items())[-MAX_WINDOWS:]) for labels, windows in expected.items()}
        assert got == kept
        assert found.is_truncated == (kept != expected)


@pytest.mark.parametrize("seed", range(20))
def test_without_a_step_it_is_the_smallest_that_gives_few_windows(seed: int) -> None:
    rng = random.Random(seed)
    points = random_points(rng, span_s=rng.choice([1, 59, 61, 600, 100_000, 10**8, 10**9]))
    beyond = [STEPS[-1] << power for power in range(1, 12)]
    numbers = {step: {time_us // (step * 1_000_000) for _, time_us, _ in points} for step in (*STEPS, *beyond)}
    fitting = next(step for step, some in numbers.items() if max(some) - min(some) < FEW_WINDOWS)
    assert taken(points).step == fitting


def test_each_step_divides_the_next_so_that_windows_merge() -> None:
    assert all(larger % smaller == 0 for smaller, larger in itertools.pairwise(STEPS))


def test_of_equal_times_the_later_line_is_last() -> None:
    found = taken([("", START_US, 1), ("", START_US, 2), ("", START_US - 1, 3)], "last", 60 * 60)
    assert found.series[0].values == [(START_US // 3_600_000_000, 2)]


def test_the_newest_windows_of_a_series_are_kept_in_any_order_of_points() -> None:
    points: list[Point] = [("", at * 1_000_000, at) for at in range(5 * MAX_WINDOWS)]
    random.Random(0).shuffle(points)
    found = taken(points, "last", 1)
    assert [number for number, _ in found.series[0].values] == [*range(4 * MAX_WINDOWS, 5 * MAX_WINDOWS)]
    assert found.has_older
    assert found.is_truncated


def test_ten_thousand_labels_make_fifty_series_and_are_named() -> None:
    points: list[Point] = [(f"host=a,request={at}", START_US, at) for at in range(10_000)]
    found = taken(points, "count", 60)
    assert len(found.series) == MAX_SERIES
    assert found.too_many == {"request": MAX_SERIES + 1}
    assert found.is_truncated
    by_host = taken(points, "count", 60, by=["host"])
    assert not by_host.is_truncated
    assert by_host.label_values == {"host": 1, "request": MAX_SERIES + 1}
    assert taken(points, "count", 60, by=["host"]).series[0].values == [(START_US // 60_000_000, 10_000)]


def test_labels_that_make_many_series_only_together_are_all_named() -> None:
    points: list[Point] = [(f"a={at % 10},b={at // 10}", START_US, 1) for at in range(200)]
    assert taken(points).too_many == {"b": 20, "a": 10}


def test_labels_choose_and_group() -> None:
    points: list[Point] = [("a=1,b=2", START_US, 1), ("a=1,b=3", START_US, 2), ("b=3", START_US, 4), ("", START_US, 8)]
    by_a = taken(points, "sum", 1, by=["a"])
    assert [(series.labels, series.values[0][1]) for series in by_a.series] == [({}, 12), ({"a": "1"}, 3)]
    chosen = taken(points, "sum", 1, labels=[("b", "3")])
    assert [(series.labels, series.values[0][1]) for series in chosen.series] == [
        ({"a": "1", "b": "3"}, 2), ({"b": "3"}, 4),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("", {}),
        ("host=a,zone=1", {"host": "a", "zone": "1"}),
        ("a=1%2C2,b=100%25", {"a": "1,2", "b": "100%"}),
        ("a=%252C", {"a": "%2C"}),
        ("q=a=b", {"q": "a=b"}),
        ("=", {"": ""}),
        ("0x12", {"id": "0x12"}),
        ("a=1,b", {"id": "a=1,b"}),
    ],
)
def test_labels_are_read_as_clients_write_them(text: str, labels: dict[str, str]) -> None:
    assert read_labels(text) == labels
