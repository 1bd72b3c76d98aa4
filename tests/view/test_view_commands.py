"""`tracerd show`, `stats` and `diff`, as a person types them."""

import gzip
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.harness import Daemon
from tests.view.commands import BUILD, COMMANDS, names, rows, run, stats
from tests.view.commands import store as store


def test_show_leaves_out_what_it_is_told_to(store: Path) -> None:
    everything = ["make", "build", "compile", "link", "cc", "parse", "lost"]
    assert names(store) == everything
    assert names(store, "--depth", "0") == ["make", "cc"]
    assert names(store, "--depth", "1") == ["make", "build", "cc", "parse"]
    assert names(store, "--depth", "9") == everything
    assert names(store, "--min-dur", "2ms") == ["make", "build", "compile", "cc", "parse"]
    assert names(store, "--min-dur", "1.5ms", "--pid", "2") == ["cc", "parse", "lost"]
    assert names(store, "--min-dur", "0") == everything
    assert run("show", store, "--min-dur", "2001us")[-1] == "3 shorter spans not shown"


def test_stats_groups_and_limits(store: Path) -> None:
    assert [group["name"] for group in stats(store)["groups"]] == ["build", "compile", "parse", "link", "lost"]
    [first, second] = stats(store, "--by", "process")["groups"]
    assert (first["pid"], first["process"], first["total_us"]) == (1, "make", 12500)
    assert (second["pid"], second["count"], second["unfinished"]) == (2, 1, 1)
    assert [group["cat"] for group in stats(store, "--by", "cat")["groups"]] == [""]
    one = stats(store, "--top", "1")
    assert (len(one["groups"]), len(one["processes"]), one["spans"]) == (1, 1, 5)
    assert "and 4 more; --top 5 shows them" in run("stats", store, "--top", "1")


def test_options_given_twice_count_as_given_last(store: Path) -> None:
    assert names(store, "--depth", "0", "--depth", "1") == ["make", "build", "cc", "parse"]
    assert names(store, "--min-dur", "1s", "--min-dur", "2ms", "--json") == [
        "make",
        "build",
        "compile",
        "cc",
        "parse",
    ]
    assert names(store, "--pid", "2", "--pid", "2") == ["cc", "parse", "lost"]
    assert names(store, "--pid", "1", "--pid", "2") == names(store), "any of them, as for tail"
    assert stats(store, "--by", "cat", "--by", "name", "--top", "1", "--top", "2")["groups"][1]["name"] == "compile"
    once = run("diff", store, "--fail-over", "10%", "--min-total", "1ms")
    assert (
        run("diff", store, "--fail-over", "5", "--fail-over", "10%", "--min-total", "1s", "--min-total", "1ms") == once
    )


@pytest.mark.parametrize(
    "arguments",
    [
        *([command] for command in COMMANDS),
        ["show", "a", "b"],
        ["stats", "a", "b"],
        ["diff", "a"],
        ["diff", "a", "b", "c"],
        *([command, "a", "a", "--json", "--nonsense"] for command in COMMANDS),
        *(["show", "a", option] for option in ("-d", "--depth", "--min-dur", "--pid")),
        *(["stats", "a", option] for option in ("--by", "--top")),
        *(["diff", "a", "b", option] for option in ("--by", "--top", "--fail-over", "--min-total")),
        ["show", "a", "--depth", "-1"],
        ["show", "a", "--depth", "x"],
        ["show", "a", "--min-dur", "5"],
        ["show", "a", "--min-dur", "5 years"],
        ["stats", "a", "--by", "colour"],
        ["stats", "a", "--top", "0"],
        ["diff", "a", "b", "--fail-over", "ten"],
        ["diff", "a", "b", "--fail-over", "-1%"],
        ["diff", "a", "b", "--fail-over", "nan"],
    ],
)
def test_misuse_exits_2(arguments: list[str]) -> None:
    done = invoke(*arguments)

    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.count(b"Error:") == 1


@pytest.fixture
def slower(store: Path) -> Path:
    """A second build, whose compile takes 20 % longer."""
    (store / "build-2.jsonl").write_bytes(BUILD.replace(b'"dur":3000', b'"dur":3600').replace(b'"parse"', b'"scan"'))
    return store


def test_diff_exits_1_for_what_has_grown_by_more(slower: Path) -> None:
    done = invoke("diff", "build-1", "build-2", "-d", slower, "--fail-over", "10%", "--json")

    assert (done.returncode, done.stderr) == (1, b"")
    found = json.loads(done.stdout)
    assert found["over"] == [{"name": "compile", "change": 0.2}]
    groups = {group["name"]: group for group in found["groups"]}
    assert groups["compile"]["change"]["total"] == 0.2
    assert groups["build"]["change"] == dict.fromkeys(groups["build"]["change"], 0.0) | {"self": round(-600 / 5500, 6)}
    assert (groups["scan"]["a"], groups["parse"]["b"]) == (None, None)
    assert groups["scan"]["change"]["count"] is None


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--fail-over", "20%"],
        ["--fail-over", "25"],
        ["--fail-over", "10%", "--min-total", "4ms"],
        ["--fail-over", "10%", "--by", "cat"],
    ],
)
def test_diff_exits_0_otherwise(slower: Path, options: list[str]) -> None:
    assert invoke("diff", "build-1", "build-2", "-d", slower, *options).returncode == 0


def test_diff_exits_1_if_the_trace_lasts_longer(slower: Path) -> None:
    (slower / "build-3.jsonl").write_bytes(BUILD + b'{"ph":"X","name":"new","pid":1,"tid":9,"ts":10000,"dur":2000}\n')

    done = invoke("diff", "build-1", "build-3", "-d", slower, "--fail-over", "10%")

    assert done.returncode == 1
    assert done.stdout.decode().splitlines()[-1] == "over 10%: the whole trace +22.2%"


def test_diff_puts_processes_of_one_name_together(slower: Path) -> None:
    (slower / "many.jsonl").write_bytes(BUILD.replace(b'"pid":1', b'"pid":77') + BUILD.replace(b'"pid":2', b'"pid":88'))

    done = invoke("diff", "build-1", "many", "-d", slower, "--by", "process", "--json")

    groups = {
        group["process"]: (group["a"]["count"], group["b"]["count"]) for group in json.loads(done.stdout)["groups"]
    }
    assert groups == {"make": (3, 6), "cc": (1, 2)}


def test_a_trace_json_is_read_as_its_log(store: Path, tmp_path: Path) -> None:
    for name in ("t.json", "t.json.gz"):
        invoke("get-tef", "build-1", "-d", store, "-o", tmp_path.parent / name)
    array = tmp_path / "array.json"
    array.write_text(json.dumps([json.loads(line) for line in BUILD.splitlines()], indent=2))

    shutil.copy(tmp_path.parent / "t.json.gz", tmp_path / "compressed.json")
    figures, tree = stats(store), rows(store)
    for path in (tmp_path.parent / "t.json", tmp_path.parent / "t.json.gz", tmp_path / "compressed.json", array):
        assert stats(store, trace=path) | {"trace_id": "build-1"} == figures
        assert rows(store, trace=path) == tree


def test_a_trace_is_read_while_it_is_recorded(daemon: Daemon) -> None:
    with daemon.connect() as client:
        client.send(b"OPEN t\n" + BUILD)
        client.flush()
        assert stats(daemon.dir, trace="latest")["events"] == 7


def test_bad_lines_are_left_out_and_told(store: Path) -> None:
    (store / "torn.jsonl").write_bytes(BUILD + b'\n{"ph":"X","ts":1}\nnonsense\n{"ph":"X","na')

    for command in COMMANDS:
        done = invoke(command, "torn", *(["torn"] if command == "diff" else []), "-d", store)
        assert done.returncode == 0
        told = b"torn: 4 lines are left out; `tracerd check` says why\n"
        assert done.stderr == told * (2 if command == "diff" else 1)
    done = invoke("stats", "torn", "-d", store, "--json")
    assert json.loads(done.stdout)["left_out"] == 4


@pytest.fixture
def bad(store: Path) -> Path:
    (store / "build-2.jsonl").write_bytes(BUILD)
    (store / "empty.jsonl").write_bytes(b"")
    (store / "garbage.jsonl").write_bytes(os.urandom(1000).replace(b"\n", b"") + b"\n\x00\n")
    (store / "directory.jsonl").mkdir()
    (store / "bad.json").write_text('{"traceEvents":[{"ph":"X"')
    (store / "other.json").write_text('{"events":[]}')
    (store / "strange.json").write_text('[1, {"ph":7}]')
    (store / "none.json").write_text('{"traceEvents":[]}')
    os.mkfifo(store / "pipe.json")
    (store / "torn.json.gz").write_bytes(gzip.compress(b'{"traceEvents":[]}')[:20])
    return store


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        ("nothing", "no trace 'nothing' in "),
        ("build", "'build' fits 2 traces (build-1, build-2 ...); give more of the id"),
        ("empty", "the trace empty has no events\n"),
        ("garbage", "the trace garbage has no event that Perfetto reads; `tracerd check` says why"),
        ("./nothing.jsonl", "there is no log ./nothing.jsonl"),
        ("{}/directory.jsonl", "there is no log {}/directory.jsonl"),
        ("{}/bad.json", "cannot read {}/bad.json: it is cut off before the end of a first event\n"),
        ("{}/other.json", "the trace other.json has no event that Perfetto reads; `tracerd check` says why\n"),
        ("{}/strange.json", "the trace strange.json has no event that Perfetto reads; `tracerd check` says why\n"),
        ("{}/none.json", "the trace {}/none.json has no events\n"),
        ("{}/torn.json.gz", "cannot read {}/torn.json.gz: "),
        ("{}/pipe.json", "there is no log {}/pipe.json"),
        ("{}/nothing.json", "there is no log {}/nothing.json"),
        ("\x1b[31m", "no trace '\\x1b[31m' in "),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(bad: Path, trace: str, message: str) -> None:
    for command in COMMANDS:
        other = ["build-1"] if command == "diff" else []
        done = invoke(command, *other, trace.format(bad), "-d", bad)

        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.decode().startswith("Error: " + message.format(bad))
        assert done.stderr.count(b"\n") == 1
        assert b"\x1b" not in done.stderr


def test_an_unknown_process_is_one_line(store: Path) -> None:
    done = invoke("show", "build-1", "-d", store, "--pid", "7")

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"Error: there is no process 7 in this trace, but 1, 2\n"
