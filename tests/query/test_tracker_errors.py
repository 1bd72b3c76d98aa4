"""What is wrong in the text of a tracker, and where."""

from random import Random

import pytest

from tests.query.trees import mutated
from tracerd.errors import QueryError
from tracerd.query import Tracker

TEXT = """tracker "cc" v1.2 {
  from events where cat == "cc"
  fields { bytes: int optional, kind: enum("a", "b") = "a"; file: text optional }
  derive { kb = bytes / 1024 }
  metrics {
    n = count()
    p = p95(kb) by file, pid over 1h where error
  }
  alerts { big = if kb > 100 then signal("big", kb) }
  views { v = {"type": "distribution", "metrics": {"m": {"metric": "n"}},
    "group_by": {"f": {"field": "file"}}, "totals": {"t": {"kind": "metric_total", "metric": "n"}}} }
}
"""

ERRORS = [
    ("where error", "wher error", '7:38: expected the end of the line, not "wher"; did you mean "where"?'),
    ("tracker", "trackr", '1:1: expected "tracker", not "trackr"; did you mean "tracker"?'),
    ("v1.2", "v1.x", '1:14: expected a version such as v1 or v1.2.3, not "v1"'),
    ("from events", "from event", '2:8: there are no rows "event"; did you mean "events"?'),
    ('cat == "cc"', "bytes > 1", "2:21: fields are not known where rows are chosen: write args.bytes"),
    ("derive", "derived", '4:3: expected one of from, fields, derive, metrics, alerts, watch, views or the } of the'),
    ("bytes: int", "bytes: itn", '3:19: expected a type such as text, int, float or bool, not "itn"'),
    ('= "a"', "= a", '3:56: "a" is no value: quote it if it is a text'),
    ('= "a"', '= "c"', '3:56: the default of "kind" is not one of a, b'),
    ("file: text", "bytes: text", '3:61: a second "bytes"; the first is in line 3'),
    ("kb = bytes", "kb = byts", '4:17: "byts" is no field, derived value or column; did you mean "bytes"?'),
    ("kb = bytes", 'kb = {"a": 1}', '4:17: expected a value, not "{"'),
    ("kb = bytes", "kb = if bytes then", '4:31: expected a value, not "/"'),
    ("kb = bytes", "kb = mb, mb = bytes", '4:17: "mb" is used before its definition'),
    ("kb = bytes", "file = bytes", '4:12: "file" is a field: give the derived value another name'),
    ("kb = bytes", "kb = payload.nothing", '4:17: "payload.nothing" is no field, derived value or column'),
    ("kb = bytes", "kb = meta.nme", '4:17: "nme" is no column of events; did you mean "name"?'),
    ("p95", "p100", '7:9: there is no percentile "p100": they go from p1 to p99.9'),
    ("p95", "median", '7:9: there is no function "median"'),
    ("over 1h", "over 1x", "7:35: expected a length such as 30s, 5m, 1h or 7d"),
    ("over 1h", "over custom", "7:35: expected a part of time such as hour, day or 30s"),
    (
        "kb = bytes",
        "kb = level",
        '4:17: "level" is no column of events, only of logs (a tracker asks them by "from"); a key of args is written ',
    ),
    ("by file", "by fil", '7:20: "fil" is no field, derived value or column; did you mean "file"?'),
    ('signal("big", kb)', "signal()", '9:42: expected the type of the signal, such as "slow", not ")"'),
    ('"distribution"', '"pie"', '10:24: there is no type "pie"'),
    ('"metric": "n"}}', '"metric": "x"}}', '10:68: there is no metric "x"'),
    ('"group_by"', '"groups_by"', '11:18: there is no "groups_by" here; did you mean "group_by"?'),
    ("  alerts", "  metrics { }\n  alerts", '9:3: a second "metrics"; the first is in line 5'),
    ("\n}\n", "\n} more", "12:3: expected nothing after the tracker"),
]  # fmt: skip


@pytest.mark.parametrize(("part", "wrong", "message"), ERRORS)
def test_errors_have_file_line_and_column(part: str, wrong: str, message: str) -> None:
    Tracker.parse(TEXT)
    assert part in TEXT
    with pytest.raises(QueryError) as caught:
        Tracker.parse(TEXT.replace(part, wrong, 1), "cc.tracker")
    assert str(caught.value).startswith(f"cc.tracker:{message}")


def test_an_error_that_quotes_a_newline_is_one_line() -> None:
    with pytest.raises(QueryError) as caught:
        Tracker.parse(TEXT.replace('"type": "distribution"', '"type": "distributio\\n"'))
    assert str(caught.value).endswith('there is no type "distributio\\n"; did you mean "distribution"?')


@pytest.mark.parametrize(
    "texts", [pytest.param(3_000, id="some"), pytest.param(100_000, id="many", marks=pytest.mark.long)]
)
def test_mutated_trackers_compile_or_have_an_error_with_a_place(texts: int) -> None:
    compiled = 0
    for seed in range(texts):
        text = mutated(Random(seed), TEXT)
        try:
            tracker = Tracker.parse(text)
        except QueryError as error:
            check_place(error, text)
        else:
            compiled += 1
            tracker.compute([{"event_id": "e", "ts": 1, "payload": {"bytes": 2**20}, "meta": {"cat": "cc"}}])
    assert compiled > texts / 100


def check_place(error: QueryError, text: str) -> None:
    assert 1 <= error.line <= text.count("\n") + 1, text
    assert 1 <= error.column <= len(text) + 1, text
    assert "\n" not in str(error)


@pytest.mark.parametrize("more", [",", ", count()", "; count()", ", where dur_us > 1"])
def test_what_follows_the_only_metric_is_not_passed_over(more: str) -> None:
    with pytest.raises(QueryError, match=r"EXPR:1:12: expected the end of the only metric; a tracker may have several"):
        Tracker.of_metric(f"sum(dur_us){more}", "EXPR")
