"""`tracerd export --clickhouse` and `--engine`, with two real servers that are one cluster."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.exporters.clickhouse_servers import PASSWORD, PROGRAM, Server, running_servers
from tests.exporters.relay import relay
from tests.harness import tracerd
from tracerd.exporters.tables import Tables
from tracerd.rows.columns import Relation, columns_of
from tracerd.rows.source import find_trace

pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(PROGRAM is None, reason="needs clickhouse-server: apt-get install clickhouse-server"),
]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    with running_servers(tmp_path_factory.mktemp("clickhouse")) as running:
        yield running


def lines_of(count: int, start: int = 0, text: str = "a\n") -> bytes:
    events: list[dict[str, object]] = []
    for at in range(start, start + count):
        pid = "p'1" if at % 7 == 0 else at % 3
        where = {"pid": pid, "tid": 1, "ts": 10 * at}
        events.append(
            {"ph": "X", "name": f"n{at % 5} é'\\", "cat": "c", "dur": 5.5, **where, "args": {"i": at, "t": text}}
        )
        if at % 10 == 0:
            events.append({"ph": "C", "name": "m", **where, "args": {"value": at, "other": 0.5}})
            events.append(
                {"ph": "i", "cat": "log", "name": "l", **where, "args": {"level": "error", "message": "é \0"}}
            )
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def rows_there(server: Server, trace: str, relation: str, database: str = "tracerd") -> list[tuple[object, ...]]:
    names = list(columns_of(Relation(relation)))
    query = f"SELECT {', '.join(names)} FROM {relation} WHERE trace = '{trace}' ORDER BY line"  # noqa: S608
    order = ", name" if relation == "points" else ""
    answer = server.ask(f"{query}{order} FORMAT JSONCompact", database)
    found: Any = json.loads("\n".join("\t".join(row) for row in answer))
    return [tuple(row) for row in found["data"]]


def rows_expected(path: Path, relation: str) -> list[tuple[object, ...]]:
    names = list(columns_of(Relation(relation)))
    rows = list(Tables(find_trace(path.parent, str(path))).plain_rows(Relation(relation)))
    if relation == "points":
        rows.sort(key=lambda row: (row[names.index("line")], row[names.index("name")]))
    texts = {
        name for name in names if name in ("line", "time", "depth", "parent")
    }  # JSON of the server has them as texts
    return [
        tuple(
            str(value) if name in texts and value is not None else value for name, value in zip(names, row, strict=True)
        )
        for row in rows
    ]


def check_all_there(server: Server, path: Path, database: str = "tracerd") -> None:
    for relation in Relation:
        assert rows_there(server, path.stem, relation.value, database) == rows_expected(path, relation.value)


def test_what_is_written_is_what_rows_are(servers: list[Server], tmp_path: Path) -> None:
    paths = [tmp_path / f"rows-{at}.jsonl" for at in range(8)]
    for at, path in enumerate(paths):
        path.write_bytes(lines_of(50 + at))

    done = tracerd("export", "-d", tmp_path, "--all", "--clickhouse", servers[0].url())
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    assert done.stderr.startswith(b"8 traces: ")

    for path in paths:
        check_all_there(servers[1], path)
    shards = [int(server.ask("SELECT count() FROM events", "tracerd_shard")[0][0]) for server in servers]
    assert min(shards) > 0
    done = tracerd("export", "-d", tmp_path, "--all", "--clickhouse", servers[1].url())
    assert done.stderr == b"8 traces, 8 of them were there: 0 rows written\n"


def test_a_log_that_grows_and_one_that_is_begun_anew(servers: list[Server], tmp_path: Path) -> None:
    path = tmp_path / "grows.jsonl"
    begin = b'{"ph":"B","name":"whole","pid":1,"tid":9,"ts":1}\n'
    path.write_bytes(begin + lines_of(20))
    assert tracerd("export", path, "--clickhouse", servers[0].url()).returncode == 0
    assert servers[0].ask("SELECT dur_us FROM spans WHERE trace = 'grows' AND line = 1") == [["\\N"]]

    path.write_bytes(begin + lines_of(20) + b'{"ph":"E","pid":1,"tid":9,"ts":1000}\n' + lines_of(5, 30))
    assert tracerd("export", path, "--clickhouse", servers[0].url()).returncode == 0
    assert servers[0].ask("SELECT dur_us FROM spans WHERE trace = 'grows' AND line = 1") == [["999"]]
    check_all_there(servers[0], path)

    path.write_bytes(lines_of(3))
    assert tracerd("export", path, "--clickhouse", servers[0].url()).returncode == 0
    counts = servers[0].ask("SELECT count() FROM events WHERE trace = 'grows' GROUP BY log ORDER BY count()")
    assert [int(count) for [count] in counts] == [5, 33]


@pytest.mark.parametrize("what", ["before", "after"])
@pytest.mark.parametrize("number", [1, 3, 4, 6, 8, 9])
def test_a_killed_export_goes_on_and_writes_no_row_twice(
    servers: list[Server], tmp_path: Path, what: str, number: int
) -> None:
    path = tmp_path / f"killed-{what}-{number}.jsonl"
    path.write_bytes(lines_of(700, text=30_000 * "x"))  # more than two blocks of events, and of spans
    inserts: list[str] = []

    def decide(request: str) -> str:
        if "INSERT" not in request:
            return ""
        inserts.append(request)
        return what if len(inserts) == number else ""

    child: list[subprocess.Popen[bytes]] = []
    with relay(servers[0].port, decide, lambda: child[0].pid) as port:
        url = f"http://127.0.0.1:{port}/tracerd"
        child.append(subprocess.Popen([sys.executable, "-m", "tracerd", "export", str(path), "--clickhouse", url]))
        assert child[0].wait() == -9

        before = len(inserts)
        done = tracerd("export", path, "--clickhouse", url)
        assert (done.returncode, len(done.stderr.splitlines())) == (0, 1), done.stderr
        assert len(inserts) > before or (what, number) == ("after", 9)
    for relation in Relation:
        table = "span_versions" if relation is Relation.SPANS else relation.value
        counts = servers[1].ask(f"SELECT count(), uniqExact(line) FROM {table} WHERE trace = '{path.stem}'")  # noqa: S608
        rows = rows_expected(path, relation.value)
        lines = {row[1] for row in rows}
        assert counts == [[str(len(rows)), str(len(lines))]]


def test_two_shards_give_what_one_gives(servers: list[Server], tmp_path: Path) -> None:
    for at in range(6):
        (tmp_path / f"shards-{at}.jsonl").write_bytes(lines_of(200 + at))
    for database in ("tracerd", "single"):
        url = servers[0].url(database)
        assert tracerd("export", "-d", tmp_path, "--all", "--clickhouse", url).returncode == 0
    for metric in (
        "count() by name",
        'count() by pid where dur_us > 5 && name ~ "n[12]*"',
        "min(ts_us) by name, process",
        'max(ts_us / 3) by trace where !error && trace ~ "shards-*"',
    ):
        names = [f"shards-{at}" for at in range(6)]
        done = tracerd("query", "-d", tmp_path, *names, metric, "--json")
        for database in ("tracerd", "single"):
            asked = tracerd(
                "query", *names, metric, "--json", "--engine", servers[1 if database == "tracerd" else 0].url(database)
            )
            assert (asked.returncode, asked.stderr) == (0, b"")
            assert json.loads(asked.stdout) == json.loads(done.stdout)
    query = """SELECT name, count() AS n, sum(dur_us) AS s, quantileExact(0.95)(ts_us) FROM spans
        WHERE trace LIKE 'shards-%' GROUP BY name ORDER BY name"""
    answers = [
        tracerd("sql", "--engine", servers[0].url(database), query, "--csv").stdout
        for database in ("tracerd", "single")
    ]
    assert answers[0] == answers[1]
    assert len(answers[0].splitlines()) == 1 + 5


def test_sql_asks_and_writes_nothing(servers: list[Server]) -> None:
    url = servers[0].url().replace("http://", "clickhouse://")
    done = tracerd("sql", "--engine", url, "SELECT 'é' AS t, toInt64(-5) AS i, 2.0 AS f, NULL AS n", "--json")
    assert done.stdout.decode() == '{"t":"é","i":-5,"f":2.0,"n":null}\n'
    for query in (
        "CREATE TABLE x (a Int8) ENGINE = Memory",
        "DROP TABLE events",
        "SELEC 1",
        "SELECT 1; SELECT 2",
        "SELECT 1 FORMAT CSV",
    ):
        done = tracerd("sql", "--engine", url, query)
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.startswith(b"Error: ")
        assert done.stderr.count(b"\n") == 1
    assert int(servers[0].ask("EXISTS TABLE events")[0][0]) == 1


def test_passwords(servers: list[Server], tmp_path: Path) -> None:
    url = servers[0].url().replace("//", "//writer@")
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    path.chmod(0o600)
    assert tracerd("sql", "--engine", url, "SELECT 1", "--password-file", path).returncode == 0
    with_variable = tracerd(
        "sql", "--engine", url, "SELECT 1", env=os.environ | {"TRACERD_CLICKHOUSE_PASSWORD": PASSWORD}
    )
    assert with_variable.returncode == 0
    done = tracerd("sql", "--engine", url, "SELECT 1", env=os.environ | {"TRACERD_CLICKHOUSE_PASSWORD": "wrong"})
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert b"answers 401" in done.stderr
    path.chmod(0o644)
    done = tracerd("sql", "--engine", url, "SELECT 1", "--password-file", path)
    assert done.stderr == f"Error: others may read or write {path}: chmod 600 {path}\n".encode()
    done = tracerd("sql", "--engine", url.replace("@", ":secret@"), "SELECT 1")
    assert done.returncode == 1
    assert b"seen by other users" in done.stderr
    assert b"secret" not in done.stderr


def test_a_server_without_the_tables(servers: list[Server], tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(lines_of(1))
    for database, reason in (("nowhere", b"nowhere"), ("default", b"trace_versions")):
        done = tracerd("export", path, "--clickhouse", servers[0].url(database))
        assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
        assert reason in done.stderr
