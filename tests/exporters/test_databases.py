"""`tracerd export` to databases, and `tracerd sql`: the same rows everywhere, and nothing else."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.harness import tracerd
from tracerd.errors import ExportError
from tracerd.exporters.duck import TABLES, connect, write_duckdb
from tracerd.exporters.sql import ask
from tracerd.exporters.sqlite import write_sqlite
from tracerd.exporters.tables import TRACES, Tables
from tracerd.rows.columns import Relation
from tracerd.rows.source import find_trace

HOSTILE = (
    rb"""{"ph":"M","name":"process_name","pid":"p'1","args":{"name":"it's \u202e <b>"}}
{"ph":"M","name":"tracerd_trace","pid":1,"args":{"name":"O'Brien","tags":["a","b"]}}
{"ph":"X","name":"a","pid":"p'1","tid":"t","ts":10,"dur":5.5,"args":{"deep":{"er":[1,"x",null]}}}
{"ph":"X","name":"inner","pid":"p'1","tid":"t","ts":11,"dur":2,"args":[1,2]}
{"ph":"X","name":"big","pid":123456789012345678901234,"tid":1,"ts":1e300,"dur":1,"args":"text"}
{"ph":"X","name":"b","ph":"X","pid":1,"tid":1,"ts":"no time","dur":1,"args":null}
{"ph":"X","name":"twice","name":"last","pid":1,"tid":1,"ts":1,"dur":1}
{"ph":"B","name":"open","pid":1,"tid":1,"ts":9}
{"ph":"i","cat":"log","name":"l","pid":1,"tid":1,"ts":3,"args":{"level":"error","message":"m \u0000 \u00e9"}}
{"ph":"C","name":"c","pid":1,"ts":4,"args":{"value":1.5,"other":123456789012345678901234,"true":true}}
{}
{"name":"no phase"}
"""
    b'{"ph":"i","name":"cut\xff","pid":1,"ts":5}\n'
)


def tables_of(path: Path) -> Tables:
    return Tables(find_trace(path.parent, str(path)))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "it's [a] *.jsonl"
    path.write_bytes(HOSTILE)
    return path


def rows_of(trace: Tables) -> dict[str, list[tuple[Any, ...]]]:
    return {TRACES: [trace.trace_row()], **{relation.value: list(trace.plain_rows(relation)) for relation in Relation}}


def test_all_databases_hold_what_rows_are(log: Path, tmp_path: Path) -> None:
    trace = tables_of(log)
    expected = rows_of(trace)
    write_sqlite(tmp_path / "t.db", [trace])
    write_duckdb(tmp_path / "t.duckdb", [trace])
    done = tracerd("export", log, "--parquet", tmp_path / "parquet")
    assert (done.returncode, done.stdout) == (0, b"")

    assert {table: len(rows) for table, rows in expected.items()} == {
        "traces": 1, "events": 9, "spans": 6, "logs": 1, "points": 2,
    }  # fmt: skip
    with closing(sqlite3.connect(tmp_path / "t.db")) as lite, closing(connect(str(tmp_path / "t.duckdb"))) as duck:
        for table, rows in expected.items():
            assert lite.execute(f"SELECT * FROM {table}").fetchall() == rows  # noqa: S608
            assert duck.execute(f"SELECT * FROM {table}").fetchall() == rows  # noqa: S608
            file = str(tmp_path / "parquet" / f"{table}.parquet")
            assert duck.execute("SELECT * FROM read_parquet(?)", [file]).fetchall() == rows


def test_spans_have_what_only_the_replay_knows(log: Path) -> None:
    done = tracerd("sql", log, "SELECT name, self_us, depth, parent FROM spans WHERE pid = 'p''1'", "--json")

    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"name": "a", "self_us": 3.5, "depth": 0, "parent": None},
        {"name": "inner", "self_us": 2.0, "depth": 1, "parent": 3},
    ]


def test_args_and_attributes_are_json(log: Path) -> None:
    query = "SELECT attributes->>'$.name', e.args->'$.deep.er[1]' FROM traces, events e WHERE e.name = 'a'"

    assert tracerd("sql", log, query, "--csv").stdout.splitlines()[1:] == [b'O\'Brien,"""x"""']


def test_what_json_does_not_know_is_text(log: Path) -> None:
    query = "SELECT map([1, 2], ['a', NULL]) AS m, [{'x': 9223372036854775808}] AS nested, 18446744073709551616 AS n"
    done = tracerd("sql", log, query, "--json")

    expected = {"m": {"1": "a", "2": None}, "nested": [{"x": "9223372036854775808"}], "n": "18446744073709551616"}
    assert (done.returncode, json.loads(done.stdout)) == (0, expected)


def test_decimals_are_numbers(log: Path) -> None:
    query = "SELECT count(*) * 1.5 AS n, [0.1] AS nested, 12345678901234567890.12 AS exact FROM traces"

    assert tracerd("sql", log, query, "--json").stdout == b'{"n":1.5,"nested":[0.1],"exact":12345678901234567890.12}\n'
    assert tracerd("sql", log, "SELECT count(*) * 1.5 AS number FROM traces").stdout == b"number\n   1.5\n"


def test_columns_of_one_name_are_all_in_the_json(log: Path) -> None:
    done = tracerd("sql", log, "SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a", "--json")

    assert json.loads(done.stdout) == {"a": 1, "a_1": 2, "a_2": 3, "a_3": 4}


def test_all_tables_are_there_to_be_listed(log: Path) -> None:
    done = tracerd("sql", log, "SHOW TABLES", "--csv")

    assert done.stdout.decode().split() == ["name", *sorted(TABLES)]


@pytest.mark.parametrize("query", ["SELEC 1 FROM spans", "SELECT no_such FROM spans", "SELECT 1 FROM spans, no_such"])
def test_a_wrong_query_is_known_before_a_trace_is_read(query: str) -> None:
    def traces() -> Iterator[Tables]:
        pytest.fail("a trace is read")
        yield

    with pytest.raises(ExportError, match="Error: "):
        ask(query, traces())


@pytest.mark.parametrize("word", ["latest", "traces/t.jsonl", "a b.json"])
def test_a_trace_is_no_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b.json").touch()
    done = tracerd("sql", word)

    assert (done.returncode, done.stdout) == (2, b"")
    example = "such as 'SELECT name, count(*) FROM spans GROUP BY name'"
    expected = f"Error: {word!r} is no QUERY: give one behind the TRACE, {example}"
    assert done.stderr.decode().splitlines()[-1] == expected


@pytest.mark.parametrize(
    "query",
    [
        "COPY (SELECT 1) TO '{}'",
        "ATTACH '{}' AS x",
        "CREATE TABLE x AS SELECT 1",
        "INSERT INTO spans SELECT * FROM spans",
        "INSTALL httpfs",
        "LOAD '{}'",
        "SET enable_external_access = true",
        "SELECT 1; SELECT 2",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '{}'",
        "EXPORT DATABASE '{}'",
        "SELEC 1",
        "SELECT no_such FROM spans",
        "",
    ],
)
def test_sql_reads_and_writes_no_file(log: Path, tmp_path: Path, query: str) -> None:
    target = tmp_path / "made"
    done = tracerd("sql", log, query.format(target))

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"Error: ")
    assert done.stderr.count(b"\n") == 1
    assert not target.exists()


def test_save_keeps_the_tables_that_export_writes(log: Path, tmp_path: Path) -> None:
    done = tracerd("sql", log, "SELECT count(*) AS n FROM spans", "--save", tmp_path / "saved", "--csv")
    assert (done.returncode, done.stdout) == (0, b"n\n6\n")
    assert tracerd("export", log, "--duckdb", tmp_path / "exported").returncode == 0
    with closing(connect(str(tmp_path / "saved"))) as saved, closing(connect(str(tmp_path / "exported"))) as exported:
        for table in TABLES:
            query = f"SELECT * FROM {table}"  # noqa: S608
            assert saved.execute(query).fetchall() == exported.execute(query).fetchall()


@pytest.mark.parametrize("query", ["SELECT no_such FROM spans", "COPY spans TO '/dev/null'"])
def test_nothing_is_saved_if_the_query_fails(log: Path, tmp_path: Path, query: str) -> None:
    (tmp_path / "saved").write_text("before")
    done = tracerd("sql", log, query, "--save", tmp_path / "saved")
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)
    assert (tmp_path / "saved").read_text() == "before"
    assert tracerd("sql", log, "SELECT 1", "--save", log).returncode == 1
    assert log.read_bytes() == HOSTILE


def test_what_stands_there_stays_if_a_trace_cannot_be_read(log: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"traceEvents":[')
    for option, name in (("--sqlite", "t.db"), ("--duckdb", "t.duckdb"), ("--otlp", "t.jsonl"), ("--jaeger", "t.json")):
        target = tmp_path / name
        target.write_text("before")
        done = tracerd("export", log, broken, option, target)
        assert (done.returncode, done.stderr.count(b"\n")) == (1, 1), done.stderr
        assert target.read_text() == "before"
    (tmp_path / "there").mkdir()
    for name in ("there", "new"):
        assert tracerd("export", log, broken, "--parquet", tmp_path / name).returncode == 1
    assert (tmp_path / "there").exists()
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".tracerd*"))


def test_a_log_is_never_written_over(log: Path) -> None:
    for option in ("--sqlite", "--otlp"):
        done = tracerd("export", log, option, log)
        assert done.returncode == 1
        assert log.read_bytes() == HOSTILE


def test_all_takes_every_log_of_the_directory(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text('{"ph":"X","name":"n","pid":1,"tid":1,"ts":1,"dur":1}\n')

    done = tracerd("sql", "--dir", tmp_path, "SELECT trace, line FROM spans ORDER BY 1", "--csv")
    assert done.stdout.split() == [b"trace,line", b"a,1", b"b,1"]
    done = tracerd("export", "--dir", tmp_path, "--all", "--ndjson")
    assert [(row["_trace"], row["_line"]) for row in map(json.loads, done.stdout.splitlines())] == [("a", 1), ("b", 1)]


def test_without_duckdb_a_line_says_what_to_install(log: Path) -> None:
    script = f"import sys; sys.modules['duckdb'] = None; sys.argv[1:] = ['sql', {str(log)!r}, 'SELECT 1']"
    script += "; from tracerd.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (1, b"Error: this needs DuckDB: pip install 'tracerd[sql]'\n")


def test_the_tables_are_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "export.md").read_text()
    assert all(f"`{table}`" in text for table in TABLES)
