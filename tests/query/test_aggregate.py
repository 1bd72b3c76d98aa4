"""The aggregates, against the standard library and exact fractions."""

import math
import statistics
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracerd.query import aggregate
from tracerd.query.aggregate import PER_PERCENT, Sum, percentile, rounded_mean, rounded_percentile

DURATIONS = st.lists(st.integers(0, 10**6), min_size=2, max_size=50)


@given(DURATIONS, st.integers(1, 99))
def test_percentiles_are_those_of_the_standard_library(durations: list[int], percent: int) -> None:
    expected = statistics.quantiles(durations, n=100, method="inclusive")[percent - 1]

    assert abs(rounded_percentile(sorted(durations), percent * PER_PERCENT) - expected) <= 0.5 + 1e-6


@pytest.mark.parametrize(
    ("durations", "percent", "expected"),
    [
        ([7], 50, 7),
        ([7], 99, 7),
        ([1, 2], 50, 2),
        ([10, 20, 30, 40], 50, 25),
        ([10, 20, 30, 40], 90, 37),
        ([0, 100], 99, 99),
    ],
)
def test_percentiles_by_hand(durations: list[int], percent: int, expected: int) -> None:
    assert rounded_percentile(durations, percent * PER_PERCENT) == expected


def test_percentiles_of_doubles_are_those_of_the_definition() -> None:
    assert percentile([7.0], 500) == 7
    assert percentile([1.0, 2.0], 500) == 1.5
    assert percentile([10, 20, 30, 40], 999) == 39.97
    assert percentile([0.1, 0.1], 333) == 0.1
    assert percentile([-1e308, 1e308], 250) == pytest.approx(-5e307)
    assert type(percentile([7], 500)) is float


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20), st.integers(0, 1000))
def test_percentiles_of_integers_are_rounded_once(values: list[int], tenths: int) -> None:
    ordered = sorted(values)
    at = Fraction((len(values) - 1) * tenths, 1000)
    low, high = ordered[math.floor(at)], ordered[math.ceil(at)]
    exact = low + (high - low) * (at - math.floor(at))

    assert percentile(ordered, tenths) == float(exact)
    assert rounded_percentile(ordered, tenths) == math.floor(exact + Fraction(1, 2))


def test_the_rounded_mean() -> None:
    assert [rounded_mean(total, 2) for total in (0, 1, 2, 3)] == [0, 1, 1, 2]
    assert rounded_mean(0, 0) == 0


def sum_of(values: list[int | float]) -> Sum:
    total = Sum()
    for value in values:
        if isinstance(value, int):
            total.add_integers([value])
        else:
            total.add_doubles([value])
    return total


DOUBLES = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | DOUBLES, max_size=30), st.randoms(use_true_random=False))
def test_sums_are_exact_whatever_their_order(values: list[int | float], random: Random) -> None:
    exact = sum(map(Fraction, values), Fraction())
    try:
        expected: int | float | None = float(exact)
    except OverflowError:
        expected = None
    if all(isinstance(value, int) for value in values):
        expected = int(exact)

    for _ in range(3):
        random.shuffle(values)
        first, second = sum_of(values[: len(values) // 2]), sum_of(values[len(values) // 2 :])
        first.add_all(second)
        assert first.result() == expected == sum_of(values).result()
    assert type(expected) is type(sum_of(values).result())


def test_a_long_sum_keeps_few_doubles_and_stays_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregate, "_CHUNK", 100)
    random = Random(1)
    values = [random.choice([0.1, 1e300, -1e300, 1e-300, 1e16, -1e16]) * random.random() for _ in range(5000)]

    total = sum_of(values)

    assert total.result() == math.fsum(values)
    assert len(total.doubles) < 200


def test_sums_beyond_the_doubles_are_null_and_such_on_the_way_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregate, "_CHUNK", 4)
    assert sum_of([1e308] * 10).result() is None
    assert sum_of([1e308] * 10).mean(10) is None
    assert sum_of([*[1e308] * 10, *[-1e308] * 10, 1.5]).result() == 1.5
    assert sum_of([10**400]).result() == 10**400
    assert sum_of([10**400]).result(as_float=True) is None
    assert sum_of([10**400]).mean(1) is None


def test_means() -> None:
    assert Sum().mean(0) is None
    assert sum_of([1, 2]).mean(2) == 1.5
    assert sum_of([2**53, 1]).mean(1) == 2**53
    assert Sum().result() == 0
    assert str(Sum().result(as_float=True)) == "0.0"
