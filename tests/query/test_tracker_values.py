"""What aggregates, fields, nulls and times are in a tracker: each case is marked as the same in tracen, or different.

The reasons for the differences are in docs/query.md.
"""

import pytest

from tests.query.test_tracker import X
from tests.query.trackers import DAY_MS, DIFFERENT, SAME, Event, event, exactly, marked, metrics
from tracerd.errors import InvalidEventError
from tracerd.query.tracker import Tracker

AGGREGATES: list[tuple[str, str, list[Event], object]] = [
    # Nulls are left out; a sum of nothing is 0, and all others are null; tracen counts no texts.
    (SAME, "count()", X, 6),
    (DIFFERENT, "count(args.x)", X, 4),
    (SAME, "sum(args.x)", X, 4.5),
    (SAME, "avg(args.x)", X, 1.5),
    (DIFFERENT, "min(args.x)", X, 1),
    (SAME, "max(args.x)", X, 2.5),
    (DIFFERENT, "sum(args.y)", X, 0),
    (SAME, "avg(args.y)", X, None),
    (SAME, "min(args.y)", X, None),
    (DIFFERENT, "p50(args.y)", X, None),
    (SAME, "count(args.y)", X, 0),
    # Sums, minima and maxima of integers are integers, and exact.
    (DIFFERENT, "sum(args.x)", [{"x": 2**62}, {"x": 2**62}, {"x": 1}], 2**63 + 1),
    (DIFFERENT, "max(args.x)", [{"x": 2**53 + 1}, {"x": 1}], 2**53 + 1),
    (SAME, "avg(args.x)", [{"x": 1}, {"x": 2}], 1.5),
    (SAME, "avg(args.x)", [{"x": 2}, {"x": 2}], 2.0),
    # Nothing is rounded to two decimals, and sums of floats do not depend on their order.
    (SAME, "sum(args.x)", [{"x": 0.1}, {"x": 0.2}, {"x": 0.3}], 0.6),
    (DIFFERENT, "sum(args.x)", [{"x": 1e16}, {"x": 1.0}, {"x": -1e16}], 1.0),
    (DIFFERENT, "min(args.x)", [{"x": -0.001}], -0.001),
    (SAME, "sum(args.x)", [{"x": 1e308}, {"x": 1e308}], None),
    # Percentiles.
    (DIFFERENT, "p50(args.x)", [{"x": 1}, {"x": 2}], 1.5),
    (DIFFERENT, "p95(args.x)", [{"x": at} for at in range(101)], 95.0),
    (DIFFERENT, "p99.9(args.x)", [{"x": at} for at in range(1001)], 999.0),
    (DIFFERENT, "p1(args.x)", [{"x": 7}], 7.0),
    # `where`, and comparisons anywhere.
    (DIFFERENT, "count() where args.x > 1", X, 1),
    (DIFFERENT, "count() where args.x", X, 4),
    (DIFFERENT, "sum(args.x > 1)", X, 1),
    (DIFFERENT, "sum(if args.x == 1 then 5)", X, 5),
    # Integers as keys are integers; a null and a text "null" are one group, as they are written alike.
    (DIFFERENT, "count() by args.x", X, {"1": 1, "2.5": 1, "null": 2, "text": 1, "true": 1}),
    (DIFFERENT, "count() by args.x", [{"x": 1}, {"x": 1.0}, {"x": True}, {"x": "1"}], {"1": 2, "1.0": 1, "true": 1}),
    (DIFFERENT, "count() by args.x", [{"x": {"b": 1, "a": 2}}, {"x": {"a": 2, "b": 1}}], {'{"a":2,"b":1}': 2}),
    # Several keys; a single one is not escaped.
    (DIFFERENT, "count() by args.x, args.y", [{"x": "a|b", "y": "c\\"}], {"a\\|b|c\\\\": 1}),
    (DIFFERENT, "count() by args.x, args.y", [{"x": "a", "y": "b|c\\"}], {"a|b\\|c\\\\": 1}),
    (SAME, "count() by args.x", [{"x": "a|b"}], {"a|b": 1}),
    (SAME, "count() by args.x over all_time", [{"x": "k"}], {"k": 1}),
    (SAME, "count() over all_time", [{}], 1),
    # No groups of nothing.
    (SAME, "count() by args.x", [], {}),
    (DIFFERENT, "count() by args.x where false", X, {}),
    (SAME, "count()", [], 0),
]  # fmt: skip


@pytest.mark.parametrize(("text", "payloads", "expected"), marked(AGGREGATES))
def test_aggregates(text: str, payloads: list[Event], expected: object) -> None:
    exactly(metrics(text, *payloads), expected)


TYPED: list[tuple[str, str, str, list[Event], object]] = [
    # An aggregate of a field declared int is an int, of float a float, and avg always a float.
    (SAME, "x: float optional", "sum(x)", [{"x": 1}, {"x": 2}], 3.0),
    (SAME, "x: float optional", "max(x)", [{"x": 1}], 1.0),
    (SAME, "x: float optional", "sum(x)", [], 0.0),
    (DIFFERENT, "x: int optional", "sum(x)", [{"x": 1}], 1),
    (DIFFERENT, "x: int optional", "sum(x)", [], 0),
    (SAME, "x: int", "avg(x)", [{"x": 1}], 1.0),
    (DIFFERENT, "x: bool", "sum(x)", [{"x": True}, {"x": True}], 2),
    (SAME, "x: bool", "avg(x)", [{"x": True}, {"x": False}], 0.5),
    (SAME, "x: text", "min(x)", [{"x": "a"}], None),
    (SAME, "x: int", "sum(x / 2)", [{"x": 4}], 2.0),
    # A null takes the default where there is one, also of an optional field.
    (DIFFERENT, "x: int = 5", "sum(x)", [{}, {"x": None}, {"x": 1}], 11),
    (DIFFERENT, "x: int optional = 5", "sum(x)", [{"x": None}], 5),
    (SAME, "x: int optional = null", "count(x)", [{}], 0),
    (SAME, "x: text = \"k\"", "count() by x", [{}, {"x": "k"}], {"k": 2}),
    # Arithmetic without a result is null, where tracen ends the compute.
    (DIFFERENT, "x: int optional", "count(x + 1)", [{"x": None}, {"x": 1}], 1),
    (DIFFERENT, "x: int", "count(1 / x)", [{"x": 0}, {"x": 1}], 1),
    (DIFFERENT, "x: int", "count(x * x)", [{"x": 2**40}, {"x": 2}], 1),
    (DIFFERENT, "x: int", "sum(-7 % x)", [{"x": 3}], -1),
    (DIFFERENT, "x: text", "count(x + 1)", [{"x": "a"}], 0),
    # Conditions.
    (DIFFERENT, "x: bool", "count() where !x == false", [{"x": True}, {"x": False}], 1),
    (DIFFERENT, "x: float", "count() where x == 100", [{"x": 100.0}, {"x": 100}], 2),
    (DIFFERENT, "x: text", 'count() where x < "b"', [{"x": "a"}, {"x": "B"}, {"x": "c"}], 2),
    (DIFFERENT, "x: int optional", "count() where x == null", [{}, {"x": 0}], 1),
    (DIFFERENT, "x: int optional", "count(if x > 1 then x)", [{"x": 1}, {"x": 2}], 1),
    (DIFFERENT, "x: int optional", "avg(if x > 1 then x)", [{"x": 1}, {"x": 2}], 2.0),
    (DIFFERENT, "x: int", "count() where (x + 1) > 3", [{"x": 3}], 1),
    (DIFFERENT, "x: int optional", "count() where x", [{"x": 0}, {}], 1),
    (DIFFERENT, "x: int", "count(null)", [{"x": 0}], 0),
    (SAME, "x: int", "sum(x + 2 * -x)", [{"x": 3}], -3),
    (SAME, "x: int", "count() by payload.x", [{"x": 3}], {"3": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "text", "payloads", "expected"), marked(TYPED))
def test_fields_and_nulls(fields: str, text: str, payloads: list[Event], expected: object) -> None:
    exactly(metrics(text, *payloads, fields=fields), expected)


INVALID: list[tuple[str, Event]] = [
    ("x: int", {"x": 1.0}), ("x: int", {"x": True}), ("x: int", {"x": 2**63}), ("x: int", {"x": "1"}),
    ("x: int", {"x": None}), ("x: int", {}), ("x: float", {"x": True}), ("x: float", {"x": "1"}), ("x: text", {"x": 1}),
    ("x: bool", {"x": 1}), ("x: timestamp", {"x": 1.5}), ("x: duration", {"x": "5s"}), ('x: enum("a")', {"x": "c"}),
    ('x: enum("a")', {"x": 1}), ("x: int optional", {"x": "1"}), ("x: string", {"x": []}), ("x: number", {"x": {}}),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "payload"), marked([(SAME, *case) for case in INVALID]))
def test_an_invalid_event_is_counted_and_in_no_metric(fields: str, payload: Event) -> None:
    tracker = Tracker.parse(f"tracker t {{ fields {{ {fields} }}\n metrics {{ m = count() }} }}")
    bad = event("e1", 0, **payload)

    assert tracker.compute([bad])["metrics"] == {"m": 0}
    assert tracker.compute([bad])["total_events"] == 1
    assert tracker.compute([bad])["window_events"] == 0
    with pytest.raises(InvalidEventError, match=r"^x: expected "):
        tracker.normalize(bad)


def test_valid_values_of_each_type() -> None:
    fields = 'a: text, b: int, c: float, d: bool, e: duration, f: timestamp, g: enum("k", "l"), h: number, i: boolean'
    tracker = Tracker.parse(f"tracker t {{ fields {{ {fields} }}\n metrics {{ m = count() }} }}")
    payload: Event = {"a": "", "b": -(2**63), "c": 1, "d": False, "e": 0.5, "f": 2**62, "g": "l", "h": 1e3, "i": True}
    assert tracker.compute([event("e", 0, **payload)])["metrics"] == {"m": 1}
    assert tracker.normalize(event("e", 0, **payload))["payload"] == payload


TIMES: list[tuple[str, str, list[int], object]] = [
    (DIFFERENT, "over 30s", [0, 29_999, 30_000], {"1970-01-01T00:00:00Z": 2, "1970-01-01T00:00:30Z": 1}),
    (DIFFERENT, "over minute", [59_999, 60_000], {"1970-01-01T00:00:00Z": 1, "1970-01-01T00:01:00Z": 1}),
    (DIFFERENT, "over hour", [0], {"1970-01-01T00:00:00Z": 1}),
    (DIFFERENT, "over 7d", [0, 7 * DAY_MS], {"1970-01-01T00:00:00Z": 1, "1970-01-08T00:00:00Z": 1}),
    (SAME, "over day", [-1, 0], {"1969-12-31": 1, "1970-01-01": 1}),
    # The ISO year; tracen writes 2021-W53.
    (DIFFERENT, "over week", [1609459200000], {"2020-W53": 1}),
    (SAME, "over month", [1609459200000], {"2021-01": 1}),
    (SAME, "over quarter", [1606780800000, 1609459200000], {"2020-Q4": 1, "2021-Q1": 1}),
    (SAME, "over year", [1609459200000], {"2021": 1}),
    # A time that no calendar has is no day of 1970.
    (DIFFERENT, "over day", [10**17], {"null": 1}),
    (DIFFERENT, "over second", [10**17], {"null": 1}),
    (DIFFERENT, "by args.x over day", [0], {"k|1970-01-01": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("grain", "times", "expected"), marked(TIMES))
def test_parts_of_time(grain: str, times: list[int], expected: object) -> None:
    payloads: list[Event] = [{"x": "k"} for _ in times]
    assert metrics(f"count() {grain}", *payloads, times=times) == expected
