"""`tracerd check`, as a person types it."""

import json
import re
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.docs.documents import code, section, tables
from tests.harness import ROOT, Daemon
from tests.replay.lines import x
from tests.replay.replay_cases import ROWS
from tracerd.replay.kinds import KINDS

CHECK = (ROOT / "docs/check.md").read_text()

OVERLAPPING = x(1, 9) + "\n" + x(5, 9) + "\n"
UNENDED = '{"ph":"B","pid":1,"tid":1,"ts":1,"name":"b"}\n'


def check(log: str, directory: Path, *options: str) -> tuple[int, list[str]]:
    (directory / "t.jsonl").write_text(log)
    done = invoke("check", "t", "-d", directory, *options)
    assert done.stderr == b""
    return done.returncode, done.stdout.decode().splitlines()


def test_clean_trace_is_one_line_and_exits_0(tmp_path: Path) -> None:
    assert check(x(1, 9) + "\n", tmp_path) == (0, ["t: 1 line, nothing to fix"])
    assert check(x(1, 9) + "\n", tmp_path, "--json") == (0, [])
    assert check("", tmp_path) == (0, ["t: 0 lines, nothing to fix"])


def test_error_is_one_line_and_exits_1(tmp_path: Path) -> None:
    code, [finding, summary] = check(OVERLAPPING, tmp_path)

    assert code == 1
    assert finding.startswith(
        'line 2: error: "x" begins inside "x" of line 1 and ends 4 us after it: it is dropped; fix: '
    )
    assert summary == "t: 2 lines, 1 error"


def test_warnings_alone_exit_0(tmp_path: Path) -> None:
    code, [finding, summary] = check(UNENDED, tmp_path)

    assert code == 0
    assert finding.startswith('line 1: warning: B "b" is never ended')
    assert summary == "t: 1 line, 1 warning"


def test_first_20_of_a_kind_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    log = "\n" * 25 + OVERLAPPING

    _code, shown = check(log, tmp_path)
    _code, everything = check(log, tmp_path, "--all")
    _code, as_json = check(log, tmp_path, "--json")

    assert len(shown) == 20 + 1 + 2
    assert shown[-2:] == ["and 5 more of blank-line; --all shows them", "t: 27 lines, 1 error, 25 warnings"]
    assert len(everything) == 25 + 1 + 1
    assert everything[0:20] == shown[0:20]
    assert len(as_json) == 26


def test_json_has_the_documented_keys_for_every_kind(tmp_path: Path) -> None:
    documented = [code(row[0]) for row in tables(section(CHECK, "## For scripts"))[0]]
    seen: set[str] = set()
    log = "\n".join(line for row in ROWS for line in row[1])

    _code, lines = check(log, tmp_path, "--json")

    for line in lines:
        entry = json.loads(line)
        assert list(entry) == documented
        kind = KINDS[entry["kind"]]
        assert (entry["level"], entry["perfetto"], entry["fix"]) == (kind.level, kind.perfetto, kind.fix)
        assert "\n" not in entry["reason"]
        seen.add(entry["kind"])
    assert len(seen) > 30


def test_every_kind_is_documented_as_it_is() -> None:
    [rows] = tables(section(CHECK, "## Kinds"))

    assert [code(row[0]) for row in rows] == list(KINDS)
    for (_name, level, perfetto, _means, fix), kind in zip(rows, KINDS.values(), strict=True):
        assert level == kind.level
        assert perfetto == (f"`{kind.perfetto}`" if kind.perfetto else "-")
        assert fix == kind.fix


def test_what_the_daemon_recorded_is_checked_while_it_runs(daemon: Daemon) -> None:
    with daemon.connect() as client:
        client.send(b"OPEN t\n" + OVERLAPPING.encode() + b'{"ph":"X","ts":1}\n')
        client.flush()
        done = invoke("check", "latest", "-d", daemon.dir, "--json")

    found = [(entry["line"], entry["kind"]) for entry in map(json.loads, done.stdout.splitlines())]
    assert found == [(3, "overlap"), (4, "left-out")]  # the first line is the daemon's clock
    assert done.returncode == 1


def test_names_from_a_client_do_no_harm_to_a_terminal(tmp_path: Path) -> None:
    log = UNENDED.replace('"b"', '"\\u001b[31m\\u202e"') + '{"ph":"\\ud800","ts":1}\n'

    for options in ([], ["--json"]):
        _code, lines = check(log, tmp_path, *options)
        assert not re.search("[\x1b\u202e]", "".join(lines)) or options
        assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing", "-d", "/tmp"], "Error: no trace 'nothing' in /tmp"),
        (["./nothing.jsonl"], "Error: there is no log ./nothing.jsonl"),
        (["latest", "-d", "/no/such/dir"], "Error: there are no traces in /no/such/dir yet"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], message: str) -> None:
    done = invoke("check", *arguments)

    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.decode().startswith(message)
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [[], ["a", "b"], ["t", "-d"], ["t", "--json", "x"], ["t", "--all", "x"], ["t", "--nonsense"]],
)
def test_misuse_exits_2(arguments: list[str]) -> None:
    done = invoke("check", *arguments)

    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.count(b"Error:") == 1


def test_options_given_twice_are_as_given_once(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(UNENDED)

    done = invoke("check", "t", "-d", "/no/such/dir", "-d", tmp_path, "--json", "--json", "--all", "--all")

    assert done.returncode == 0
    assert json.loads(done.stdout)["kind"] == "never-ended"


def test_unreadable_log_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").mkdir()

    done = invoke("check", tmp_path / "d.jsonl")

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.count(b"\n") == 1
