"""Who has just installed tracerd, or has mistyped, is told by the error itself what to do."""

import shlex
import sys
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.harness import on_a_terminal
from tracerd.cli.commands import COMMANDS
from tracerd.errors import ExportError
from tracerd.store.snapshot import Snapshot
from tracerd.trace_json.export import log_blocks

FIRST = "`tracerd exec CMD` records one"

IN_AN_EMPTY_HOME = {
    "check latest": FIRST,
    "critical latest": FIRST,
    "diff latest latest": FIRST,
    "export --all --sqlite x.sqlite": FIRST,
    "export latest --ndjson": FIRST,
    "get-tef latest": FIRST,
    "metrics": FIRST,
    "open": FIRST,
    "query latest 'count()'": FIRST,
    "search text": FIRST,
    "show latest": FIRST,
    "sql 'SELECT 1'": FIRST,
    "stats latest": FIRST,
    "summary latest": FIRST,
    "tail": FIRST,
    "watch latest --once": FIRST,
    "show build-42": "`tracerd list` shows what is there",
    "clear build-42 --yes": "`tracerd list` shows what is there",
    "show ./build-42.jsonl": "`tracerd list` shows those that there are",
    "status": "`tracerd serve` starts one",
    "stop": "`tracerd serve` starts one",
    "demo -o missing/trace.json": "make it first",
    "import missing.json": "missing.json: No such file or directory",
    "query latest --tracker missing.tracker": "missing.tracker: No such file or directory",
    "shim shims no-such-program": "there is no no-such-program in PATH",
}

MISTYPED = {
    "get-tif latest": "Did you mean 'get-tef'?",
    "-d logs list": "'-d' goes behind the command: tracerd list -d ...",
    "--json --dir=logs show t": "'--json' goes behind the command: tracerd show --json ...",
    "--versoin": "Did you mean '--version'?",
    "xyz": "Try 'tracerd --help' for help.",
    "show latest --depht 1": "Did you mean '--depth'?",
    "show": "Missing argument 'TRACE'",
    "export latest": "give one of --ndjson",
    "query": "give a TRACE and an EXPR",
    "span nap": "give NAME -- COMMAND...",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without anything."""
    monkeypatch.chdir(tmp_path)
    for name in ("TRACERD_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TRACERD_SOCKET", str(tmp_path / "s"))
    return tmp_path


@pytest.mark.parametrize("words", list(IN_AN_EMPTY_HOME))
def test_where_nothing_is_the_error_names_the_next_step(words: str, home: Path) -> None:
    done = invoke(*shlex.split(words))

    assert done.returncode == 1
    assert IN_AN_EMPTY_HOME[words] in (done.stdout + done.stderr).decode()
    assert list(home.rglob("*.sqlite")) == []


@pytest.mark.parametrize("words", list(MISTYPED))
def test_what_is_mistyped_is_named_with_what_was_meant(words: str, home: Path) -> None:
    done = invoke(*shlex.split(words))

    assert (done.returncode, done.stdout) == (2, b"")
    assert MISTYPED[words] in done.stderr.decode()
    assert list(home.iterdir()) == []


def test_a_list_of_nothing_says_so_on_a_terminal(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert on_a_terminal(sys.executable, "-m", "tracerd", "list", "-d", str(home)) == b""
    assert FIRST in capfd.readouterr().err


WRONG_SQL = {
    "SELECT nme FROM spans": 'Candidate bindings: "name"',
    "SELECT count(*) FROM span": "does not exist; the tables are traces, events, spans",
    "SELEC 1": "Parser Error",
}


@pytest.mark.parametrize("query", list(WRONG_SQL))
def test_sql_that_is_wrong_is_named_with_what_there_is(query: str, home: Path) -> None:
    (home / "build-42.jsonl").write_text('{"ph":"X","name":"a","pid":1,"tid":1,"ts":1,"dur":1}\n')
    done = invoke("sql", "-d", str(home), query)

    assert done.returncode == 1
    assert WRONG_SQL[query] in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


def test_a_list_that_finds_nothing_says_so_on_a_terminal(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (home / "build-42.jsonl").write_text('{"ph":"i","ts":1}\n')
    words = (sys.executable, "-m", "tracerd", "list", "-d", str(home), "--name", "nightly")

    assert on_a_terminal(*words) == b""
    assert "`tracerd list` without conditions shows all" in capfd.readouterr().err


def test_a_reason_of_the_system_is_one_without_its_number(home: Path) -> None:
    (home / "logs").mkdir()
    (home / "logs/build-42.jsonl").write_text('{"ph":"i","ts":1,"name":"a","s":"g"}\n')
    name = "x" * 300
    done = invoke("get-tef", "-d", "logs", "build-42", "-o", name)

    assert (done.returncode, done.stderr.decode()) == (1, f"Error: cannot write {name}: File name too long\n")


def test_a_log_that_cannot_be_read_is_named(home: Path) -> None:
    path = home / ("x" * 300 + ".jsonl")

    with pytest.raises(ExportError) as raised:
        list(log_blocks(Snapshot(path, "x", 1, 0)))
    assert str(raised.value) == f"cannot read {path}: File name too long"


def test_each_command_that_reads_traces_is_here() -> None:
    readers = {name for name in COMMANDS if "TRACE" in invoke(name, "--help").stdout.decode().partition("\n")[0]}

    assert readers <= {words.split()[0] for words in IN_AN_EMPTY_HOME} | {"list"}
