"""Trackers as SQL: DuckDB gives what Python gives, and what cannot be said is an error with its place."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random

import pytest

from tests.commands import invoke
from tests.query.random_trackers import PATTERNS, TEXTS, Rows, agree
from tracerd.errors import QueryError
from tracerd.exporters.duck import connect, load
from tracerd.exporters.tables import Tables
from tracerd.query.sql import metric_select
from tracerd.query.sql_dialects import DIALECTS
from tracerd.query.sql_fragments import constant
from tracerd.query.sql_patterns import regex_of
from tracerd.query.tracker import Tracker

ENGINES = ["duckdb", "clickhouse"]


def duck_of(trace: Tables) -> Callable[[str], Rows]:
    database = connect()
    load(database, [trace])
    return lambda query: database.execute(query).fetchall()


def test_random_trackers_give_the_same_in_duckdb(tmp_path: Path) -> None:
    assert agree(tmp_path, range(40), "duckdb", duck_of) < 0.2


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_thousand_random_trackers_give_the_same_in_duckdb(tmp_path: Path) -> None:
    assert agree(tmp_path, range(1000, 2000), "duckdb", duck_of) < 0.2


def test_patterns_match_what_python_matches() -> None:
    random = Random(1)
    database = connect()
    duck = DIALECTS["duckdb"]
    for _ in range(300):
        pattern = "".join(random.choice([*PATTERNS, "a", "-", "]", "^", "!", "\\", ".", "|", "&&"]) for _ in range(3))
        text = "".join(random.choice([*TEXTS, "-", "]", "^", "\\", "&"]) for _ in range(2))
        shown = duck.match.format(duck.text(text).text, duck.text(regex_of(pattern)).text)
        assert database.execute(f"SELECT {shown}").fetchall() == [(fnmatchcase(text, pattern),)], (text, pattern)


def test_texts_of_a_tracker_stay_texts() -> None:
    random = Random(2)
    database = connect()
    for _ in range(300):
        text = "".join(
            random.choice(["'", "\\", "\n", "\0", "--", ";", "{0}", "{}", '"', "é", "\u202e"]) for _ in range(4)
        )
        shown = DIALECTS["duckdb"].text(text).text
        assert shown.isprintable()
        assert database.execute(f"SELECT {shown}").fetchall() == [(text,)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("metric", "at", "reason"),
    [
        ("count() where pid == 7", "1:15", '"pid" is a text in SQL'),
        ("count() by dur_us", "1:12", "a key of a float column"),
        ("count() where args.a == args.b", "1:22", "objects are not compared in SQL"),
    ],
)
def test_what_sql_cannot_say_is_an_error_at_its_place(engine: str, metric: str, at: str, reason: str) -> None:
    tracker = Tracker.of_metric(metric, "EXPR")
    with pytest.raises(QueryError, match=f"^EXPR:{at}: {reason}"):
        metric_select(tracker, tracker.tree.metrics[0], engine)


def test_clickhouse_has_no_remainder_of_floats() -> None:
    tracker = Tracker.of_metric("sum(args.a % 2)", "EXPR")
    with pytest.raises(QueryError, match=r"^EXPR:1:\d+: clickhouse has no exact % of floats"):
        metric_select(tracker, tracker.tree.metrics[0], "clickhouse")
    assert "%" in metric_select(tracker, tracker.tree.metrics[0], "duckdb")


def test_a_plain_metric_is_plain_sql() -> None:
    done = invoke("query", "--sql", "duckdb", "p95(dur_us) by name where error")
    assert done.stdout.decode() == (
        "-- p95(dur_us) by name where error\n"
        'SELECT "name" AS key,\n  quantile_cont("dur_us", 0.95) AS result\nFROM events\n'
        'WHERE "error"\nGROUP BY key\nORDER BY key;\n'
    )


def test_sql_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "t.tracker"
    path.write_text("tracker t {\n metrics { a = count()\n b = sum(line) } }")
    done = invoke("query", "--sql", "clickhouse", str(path))
    assert done.stdout.decode().count("SELECT") == 2
    assert invoke("query", "--sql", "clickhouse", "--tracker", str(path)).stdout == done.stdout
    path.write_text("tracker t {\n metrics { a = count() where pid == 7 } }")
    done = invoke("query", "--sql", "clickhouse", str(path))
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().startswith(f"Error: {path}:2:")


def test_signals_are_not_in_sql() -> None:
    tracker = Tracker.parse('tracker t {\n derive { d = signal("x") }\n metrics { n = count() by d } }')
    with pytest.raises(QueryError, match=r"^tracker:2:\d+: a signal is for alerts"):
        metric_select(tracker, tracker.tree.metrics[0], "duckdb")


def test_a_text_of_nothing() -> None:
    assert DIALECTS["duckdb"].text("") == constant("''")


def test_the_least_integer_is_one() -> None:
    tracker = Tracker.of_metric("max(if line == 1 then -9223372036854775808)", "EXPR")
    database = connect()
    database.execute("CREATE TABLE events AS SELECT 1 AS line")
    select = metric_select(tracker, tracker.tree.metrics[0], "duckdb")
    assert database.execute(select).fetchall() == [(-(2**63),)]
