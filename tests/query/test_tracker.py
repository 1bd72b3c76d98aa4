"""Trackers: what they mean. Cases of the semantics of tracen, marked the same or different on purpose."""

import json
from typing import Any

import pytest

from tracerd.errors import InvalidEventError, QueryError
from tracerd.query.tracker import Tracker

WORKOUT = """
tracker "workout" v1 {
  fields {
    exercise: text
    reps: int optional
    weight: float optional
  }

  metrics {
    total_sessions = count() over all_time
    max_weight = max(weight) over all_time
  }
}
"""

WORKED = """tracker "w" v1 {
  fields  { exercise: text, reps: int optional, weight: float optional }
  derive  { vol = if (reps > 0 && weight > 0) then reps * weight else 0 }
  metrics { c = count()
            a = avg(weight)
            g = sum(weight) by exercise
            d = count() over day }
  alerts  { heavy = if weight >= 50 then signal("heavy", weight) else null }
}"""

DAY_MS = 86_400_000

Event = dict[str, object]


def event(event_id: str, ts: int, /, **payload: object) -> Event:
    return {"event_id": event_id, "ts": ts, "payload": payload}


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def test_the_workout_example() -> None:
    events = [event("w1", 1704067200000, exercise="bench_press", reps=5, weight=100.0)]
    assert compact(Tracker.parse(WORKOUT).compute(events)) == (
        '{"total_events":1,"window_events":1,"metrics":{"max_weight":100.0,"total_sessions":1},"alerts":[]}'
    )


def test_the_worked_example() -> None:
    events = [
        event("a", 0, exercise="bp", reps=5, weight=100.0),
        event("b", DAY_MS, exercise="sq", reps=3, weight=50),
        event("c", DAY_MS + 1, exercise="bp"),
    ]
    assert compact(Tracker.parse(WORKED).compute(events)) == (
        '{"total_events":3,"window_events":3,'
        '"metrics":{"a":75.0,"c":3,"d":{"1970-01-01":1,"1970-01-02":2},"g":{"bp":100.0,"sq":50.0}},'
        '"alerts":[{"alert":"heavy","event_id":"a","value":{"payload":100.0,"type":"heavy"}},'
        '{"alert":"heavy","event_id":"b","value":{"payload":50,"type":"heavy"}}]}'
    )


def metrics(text: str, *payloads: Event, fields: str = "", derive: str = "", times: list[int] | None = None) -> Any:
    """What `m` is, of events with these payloads."""
    tracker = Tracker.parse(
        f"tracker t {{\n fields {{ {fields} }}\n derive {{ {derive} }}\n metrics {{ m = {text} }}\n}}"
    )
    stamps = times or range(len(payloads))
    events = [event(f"e{at}", ts, **payload) for at, (ts, payload) in enumerate(zip(stamps, payloads, strict=True))]
    found: Any = tracker.compute(events)["metrics"]
    return found["m"]


def exactly(got: object, expected: object) -> None:
    """Equal, and an int where an int is meant: that is what JSON shows."""
    assert compact(got) == compact(expected)


X: list[Event] = [{"x": 1}, {"x": 2.5}, {"x": None}, {}, {"x": "text"}, {"x": True}]

AGGREGATES: list[tuple[str, list[Event], object]] = [
    # same: nulls are left out; a sum of nothing is 0, and all others are null
    ("count()", X, 6),
    ("count(args.x)", X, 4),
    ("sum(args.x)", X, 4.5),
    ("avg(args.x)", X, 1.5),
    ("min(args.x)", X, 1),
    ("max(args.x)", X, 2.5),
    ("sum(args.y)", X, 0),
    ("avg(args.y)", X, None),
    ("min(args.y)", X, None),
    ("p50(args.y)", X, None),
    ("count(args.y)", X, 0),
    # different: sums, minima and maxima of integers are integers, and exact
    ("sum(args.x)", [{"x": 2**62}, {"x": 2**62}, {"x": 1}], 2**63 + 1),
    ("max(args.x)", [{"x": 2**53 + 1}, {"x": 1}], 2**53 + 1),
    ("avg(args.x)", [{"x": 1}, {"x": 2}], 1.5),
    ("avg(args.x)", [{"x": 2}, {"x": 2}], 2.0),
    # different: no rounding to two decimals, and sums of floats do not depend on their order
    ("sum(args.x)", [{"x": 0.1}, {"x": 0.2}, {"x": 0.3}], 0.6),
    ("sum(args.x)", [{"x": 1e16}, {"x": 1.0}, {"x": -1e16}], 1.0),
    ("min(args.x)", [{"x": -0.001}], -0.001),
    ("sum(args.x)", [{"x": 1e308}, {"x": 1e308}], None),
    # different: percentiles
    ("p50(args.x)", [{"x": 1}, {"x": 2}], 1.5),
    ("p95(args.x)", [{"x": at} for at in range(101)], 95.0),
    ("p99.9(args.x)", [{"x": at} for at in range(1001)], 999.0),
    ("p1(args.x)", [{"x": 7}], 7.0),
    # different: `where`, and comparisons anywhere
    ("count() where args.x > 1", X, 1),
    ("count() where args.x", X, 4),
    ("sum(args.x > 1)", X, 1),
    ("sum(if args.x == 1 then 5)", X, 5),
    # same: bucket and keys as text; different: a null key and a text "null" are one group, as they are written alike
    ("count() by args.x", X, {"1": 1, "2.5": 1, "null": 2, "text": 1, "true": 1}),
    ("count() by args.x", [{"x": 1}, {"x": 1.0}, {"x": True}, {"x": "1"}], {"1": 2, "1.0": 1, "true": 1}),
    ("count() by args.x", [{"x": {"b": 1, "a": 2}}, {"x": {"a": 2, "b": 1}}], {'{"a":2,"b":1}': 2}),
    # different: several keys; a single one is not escaped
    ("count() by args.x, args.y", [{"x": "a|b", "y": "c\\"}], {"a\\|b|c\\\\": 1}),
    ("count() by args.x, args.y", [{"x": "a", "y": "b|c\\"}], {"a|b\\|c\\\\": 1}),
    ("count() by args.x", [{"x": "a|b"}], {"a|b": 1}),
    ("count() by args.x over all_time", [{"x": "k"}], {"k": 1}),
    ("count() over all_time", [{}], 1),
    # same: no groups of nothing
    ("count() by args.x", [], {}),
    ("count() by args.x where false", X, {}),
    ("count()", [], 0),
]  # fmt: skip


@pytest.mark.parametrize(("text", "payloads", "expected"), AGGREGATES)
def test_aggregates(text: str, payloads: list[Event], expected: object) -> None:
    exactly(metrics(text, *payloads), expected)


TYPED: list[tuple[str, str, list[Event], object]] = [
    # An aggregate of a field declared int is an int, of float a float, and avg always a float.
    ("x: float optional", "sum(x)", [{"x": 1}, {"x": 2}], 3.0),
    ("x: float optional", "max(x)", [{"x": 1}], 1.0),
    ("x: float optional", "sum(x)", [], 0.0),
    ("x: int optional", "sum(x)", [{"x": 1}], 1),
    ("x: int optional", "sum(x)", [], 0),
    ("x: int", "avg(x)", [{"x": 1}], 1.0),
    ("x: bool", "sum(x)", [{"x": True}, {"x": True}], 2),
    ("x: bool", "avg(x)", [{"x": True}, {"x": False}], 0.5),
    ("x: text", "min(x)", [{"x": "a"}], None),
    ("x: int", "sum(x / 2)", [{"x": 4}], 2.0),
    # A null takes the default where there is one, also of an optional field.
    ("x: int = 5", "sum(x)", [{}, {"x": None}, {"x": 1}], 11),
    ("x: int optional = 5", "sum(x)", [{"x": None}], 5),
    ("x: int optional = null", "count(x)", [{}], 0),
    ("x: text = \"k\"", "count() by x", [{}, {"x": "k"}], {"k": 2}),
    # Arithmetic without a result is null, where tracen ends the compute.
    ("x: int optional", "count(x + 1)", [{"x": None}, {"x": 1}], 1),
    ("x: int", "count(1 / x)", [{"x": 0}, {"x": 1}], 1),
    ("x: int", "count(x * x)", [{"x": 2**40}, {"x": 2}], 1),
    ("x: int", "sum(-7 % x)", [{"x": 3}], -1),
    ("x: text", "count(x + 1)", [{"x": "a"}], 0),
    # Conditions.
    ("x: bool", "count() where !x == false", [{"x": True}, {"x": False}], 1),
    ("x: float", "count() where x == 100", [{"x": 100.0}, {"x": 100}], 2),
    ("x: text", 'count() where x < "b"', [{"x": "a"}, {"x": "B"}, {"x": "c"}], 2),
    ("x: int optional", "count() where x == null", [{}, {"x": 0}], 1),
    ("x: int optional", "count(if x > 1 then x)", [{"x": 1}, {"x": 2}], 1),
    ("x: int optional", "avg(if x > 1 then x)", [{"x": 1}, {"x": 2}], 2.0),
    ("x: int", "count() where (x + 1) > 3", [{"x": 3}], 1),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "text", "payloads", "expected"), TYPED)
def test_fields_and_nulls(fields: str, text: str, payloads: list[Event], expected: object) -> None:
    exactly(metrics(text, *payloads, fields=fields), expected)


INVALID: list[tuple[str, Event]] = [
    ("x: int", {"x": 1.0}), ("x: int", {"x": True}), ("x: int", {"x": 2**63}), ("x: int", {"x": "1"}),
    ("x: int", {"x": None}), ("x: int", {}), ("x: float", {"x": True}), ("x: float", {"x": "1"}), ("x: text", {"x": 1}),
    ("x: bool", {"x": 1}), ("x: timestamp", {"x": 1.5}), ("x: duration", {"x": "5s"}), ('x: enum("a")', {"x": "c"}),
    ('x: enum("a")', {"x": 1}), ("x: int optional", {"x": "1"}), ("x: string", {"x": []}), ("x: number", {"x": {}}),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "payload"), INVALID)
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


TIMES = [
    ("over 30s", [0, 29_999, 30_000], {"1970-01-01T00:00:00Z": 2, "1970-01-01T00:00:30Z": 1}),
    ("over minute", [59_999, 60_000], {"1970-01-01T00:00:00Z": 1, "1970-01-01T00:01:00Z": 1}),
    ("over hour", [0], {"1970-01-01T00:00:00Z": 1}),
    ("over 7d", [0, 7 * DAY_MS], {"1970-01-01T00:00:00Z": 1, "1970-01-08T00:00:00Z": 1}),
    ("over day", [-1, 0], {"1969-12-31": 1, "1970-01-01": 1}),
    # different: the ISO year; tracen writes 2021-W53
    ("over week", [1609459200000], {"2020-W53": 1}),
    ("over month", [1609459200000], {"2021-01": 1}),
    ("over quarter", [1606780800000, 1609459200000], {"2020-Q4": 1, "2021-Q1": 1}),
    ("over year", [1609459200000], {"2021": 1}),
    # different: a time that no calendar has is no day of 1970
    ("over day", [10**17], {"null": 1}),
    ("over second", [10**17], {"null": 1}),
    ("by args.x over day", [0], {"k|1970-01-01": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("grain", "times", "expected"), TIMES)
def test_parts_of_time(grain: str, times: list[int], expected: object) -> None:
    payloads: list[Event] = [{"x": "k"} for _ in times]
    assert metrics(f"count() {grain}", *payloads, times=times) == expected


def test_the_window_is_half_open_and_alerts_obey_it() -> None:
    tracker = Tracker.parse("tracker t { metrics { m = count() }\n alerts { a = args.x } }")
    events = [event(f"e{ts}", ts, x=ts) for ts in range(5)]
    got: Any = tracker.compute(events, (1, 3))

    assert (got["total_events"], got["window_events"], got["metrics"]) == (5, 2, {"m": 2})
    assert [alert["event_id"] for alert in got["alerts"]] == ["e1", "e2"]
    assert "window_event_count" not in got["metrics"]
    assert tracker.compute(events, (None, 3))["window_events"] == 3


def test_alerts_are_truthy_values_in_the_order_of_events_and_of_the_text() -> None:
    tracker = Tracker.parse('tracker t { alerts { b = args.x; a = if args.x == 1 then signal("s") } }')
    values: list[object] = [None, False, 0, "", [], {}, 1, "text", True, 0.5, [0]]
    got: Any = tracker.compute([event(f"e{at}", at, x=value) for at, value in enumerate(values)])

    assert [(alert["alert"], alert["event_id"]) for alert in got["alerts"]] == [
        ("b", "e5"), ("b", "e6"), ("a", "e6"), ("b", "e7"), ("b", "e8"), ("b", "e9"), ("b", "e10"),
    ]  # fmt: skip
    assert got["alerts"][2]["value"] == {"payload": None, "type": "s"}


def test_derived_values_may_use_earlier_ones() -> None:
    derive = "half = args.x / 2; quarter = half / 2, big = quarter > 1"
    assert metrics("sum(quarter) where big", {"x": 8}, {"x": 4}, derive=derive) == 2.0


def test_names_of_tracen_for_parts_of_an_event() -> None:
    tracker = Tracker.parse(
        "tracker t { fields { x: int }\n metrics { a = sum(payload.x) by event.id, meta.name\n b = max(event.ts) } }"
    )
    got: Any = tracker.compute([{"event_id": "e", "ts": 7, "payload": {"x": 5}, "meta": {"name": "n"}}])
    assert got["metrics"] == {"a": {"e|n": 5}, "b": 7}


def test_a_field_may_have_the_name_of_a_column_or_of_a_keyword_of_python() -> None:
    tracker = Tracker.parse(
        "tracker t { fields { name: text, class: int, lambda: text }\n metrics { m = sum(class) by name, lambda } }"
    )
    payload: Event = {"name": "x", "class": 3, "lambda": "} else {"}
    assert tracker.compute([event("e", 0, **payload)])["metrics"] == {"m": {"x|} else {": 3}}


def test_fields_may_be_missing_and_sections_come_in_any_order() -> None:
    text = "tracker t {\n metrics { m = count() }\n from events where args.x > 1\n}"
    got = Tracker.parse(text).compute([event("a", 0, x=1), event("b", 0, x=2)])
    assert (got["total_events"], got["metrics"]) == (1, {"m": 1})


def test_strings_have_comments_and_escapes_in_them() -> None:
    text = 'tracker t { metrics { m = count() where args.x == "http://x/*\\u00e9\\n" } } // end'
    assert Tracker.parse(text).compute([event("a", 0, x="http://x/*é\n")])["metrics"] == {"m": 1}


def test_a_statement_ends_at_a_newline_but_not_in_parentheses() -> None:
    text = "tracker t { metrics { m = sum((args.x\n + 1)\n)\n by args.k, args.l, n = count() by args.k\n } }"
    with pytest.raises(QueryError, match=r'^tracker:4:5: expected "=", not "args"$'):
        Tracker.parse(text)
    text = text.replace(")\n by", ") by")
    assert Tracker.parse(text).compute([event("a", 0, x=1, k="k", l="l")])["metrics"] == {
        "m": {"k|l": 2},
        "n": {"k": 1},
    }


# ------------------------------------------------------------------ the id, normalize


def test_the_id_is_of_the_words() -> None:
    first = Tracker.parse(WORKOUT)
    spaced = Tracker.parse(WORKOUT.replace("\n", "  // a comment\n\n"))
    assert first.id == spaced.id
    assert first.id.startswith("workout_v1_")
    assert len(first.id) == len("workout_v1_") + 8
    assert Tracker.parse(WORKOUT.replace("max(", "min(")).id != first.id
    assert Tracker.parse('tracker "A b/C" v2.1 { }').id.startswith("a_b_c_v2_")


def test_normalize_fills_in_defaults_and_keeps_what_is_not_declared() -> None:
    tracker = Tracker.parse("tracker t { fields { x: int = 5, y: text optional } }")
    got = tracker.normalize({"event_id": "e", "ts": 1, "payload": {"z": 1}, "extra": 1})
    assert got == {"event_id": "e", "ts": 1, "payload": {"z": 1, "x": 5}, "meta": {}}
    assert tracker.normalize({"event_id": "e", "ts": 1, "tracker_id": tracker.id})["payload"] == {"x": 5}


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"event_id": ""}, "event_id: expected a text that is not empty"),
        ({"event_id": 7}, "event_id: expected a text that is not empty"),
        ({"ts": 1.0}, "ts: expected an integer, in milliseconds since 1970"),
        ({"ts": "1"}, "ts: expected an integer, in milliseconds since 1970"),
        ({"payload": []}, "payload: expected an object"),
        ({"meta": None}, "meta: expected an object"),
        ({"tracker_id": "other"}, "tracker_id: expected t_v1_"),
    ],
)
def test_normalize_refuses(part: Event, message: str) -> None:
    with pytest.raises(InvalidEventError) as caught:
        Tracker.parse("tracker t { }").normalize({"event_id": "e", "ts": 1} | part)
    assert str(caught.value).startswith(message)
