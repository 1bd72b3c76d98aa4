"""Trackers: the examples of their documents, windows and alerts, their text, their id."""

from typing import Any

import pytest

from tests.query.trackers import DAY_MS, Event, compact, event, metrics
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


X: list[Event] = [{"x": 1}, {"x": 2.5}, {"x": None}, {}, {"x": "text"}, {"x": True}]


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
