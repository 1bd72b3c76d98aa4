"""`tracerd stats`, `diff` and `show` of builds whose figures are known. Times are in us."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.builds.traces import ROOT, Trace
from tests.docs.documents import code, section, tables
from tests.harness import ROOT as REPOSITORY
from tracerd.cli import main

BUILDS_MD = (REPOSITORY / "docs/builds.md").read_text()


def lua(*, lvm: int = 60, temporary: str = "ccAAAAAA", target: str = "lapi") -> Trace:
    """A build with a wrapper around each compiler, and parts in one of them; only compilers work for long."""
    trace = Trace()
    trace.step("make -j2", 0, 100)
    shell = trace.step("sh -c gcc", 0, lvm)
    gcc = trace.step("gcc -c -o lvm.o lvm.c", 0, lvm, parent=shell)
    trace.step(f"/usr/lib/cc1 lvm.c -o /tmp/{temporary}.s", 1, lvm - 5, parent=gcc)
    trace.step(f"gcc -c -o {target}.o {target}.c", 0, 30)
    trace.step("gcc -c -o bad.o bad.c", 40, 50, exit_code=1)
    trace.step("ar rcs liblua.a lvm.o", 70, 90)
    return trace


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "a.jsonl").write_bytes(lua().block)
    return tmp_path


def called(store: Path, *arguments: str) -> Result:
    done = CliRunner().invoke(main, [*arguments, "-d", str(store)])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert done.stderr == ""
    return done


def run(store: Path, *arguments: str) -> list[str]:
    done = called(store, *arguments)
    assert done.exit_code == 0
    return done.stdout.splitlines()


def as_json(store: Path, *arguments: str) -> dict[str, Any]:
    [line] = run(store, *arguments, "--json")
    return dict(json.loads(line))


# --------------------------------------------------------------- stats


def test_a_moment_of_work_counts_once_by_program_and_by_step(store: Path) -> None:
    stats = as_json(store, "stats", "a")
    by_program = {row["program"]: (row["count"], row["work_us"], row["failed"]) for row in stats["programs"]}
    # make worked from 60 to 70 and from 90 on; its shell never did, and cc1 is a part of gcc.
    assert by_program == {"gcc": (3, 100, 1), "make": (1, 20, 0), "ar": (1, 20, 0), "sh": (1, 0, 0)}
    assert [(row["step"], row["work_us"]) for row in stats["targets"]][:3] == [
        ("gcc lvm.o", 60),
        ("gcc lapi.o", 30),
        ("ar liblua.a", 20),
    ]
    assert (stats["at_once"]["peak"], stats["at_once"]["mean"]) == (2, 1.4)
    assert sum(stats["at_once"]["over_time"]) / 60 == pytest.approx(1.4, abs=0.01)


def test_processor_time_and_memory_are_shown_where_each_step_has_them(store: Path) -> None:
    assert " cpu " not in " ".join(run(store, "stats", "a"))
    trace = Trace()
    trace.step("make", 0, 100, user_s=3.0, system_s=1.0, peak_memory_bytes=30_000_000)
    trace.step("cc -c a.c", 0, 90, user_s=2.5, system_s=0.5, peak_memory_bytes=30_000_000)
    (store / "shims.jsonl").write_bytes(trace.block)
    [line] = [line for line in run(store, "stats", "shims") if line.startswith("cc a.o")]
    assert line.split()[2:] == ["1", *["90.0", "us"] * 3, "3.00", "s", "30.0", "MB"]


def test_what_processes_write_by_themselves_is_beside_the_steps(store: Path) -> None:
    own = '{"ph":"X","name":"parse","pid":103,"tid":103,"ts":5,"dur":7}\n'
    (store / "b.jsonl").write_bytes(lua().block + own.encode())
    assert [(group["name"], group["total_us"]) for group in as_json(store, "stats", "b")["spans"]] == [("parse", 7)]
    assert run(store, "show", "b")[-1].split()[-1] == "parse"
    assert not any("parse" in line for line in run(store, "stats", "a"))


def test_one_command_is_no_build(store: Path) -> None:
    trace = Trace()
    trace.step("sleep 1", 0, 100)
    (store / "one.jsonl").write_bytes(trace.block)
    assert run(store, "stats", "one") == run(store, "stats", "one", "--by", "name")
    assert run(store, "show", "one") == run(store, "show", "one", "--where", "true")


def test_spans_of_a_build_are_there_if_asked_for(store: Path) -> None:
    assert as_json(store, "stats", "a", "--by", "name")["groups"][0]["name"] == "gcc"
    assert as_json(store, "diff", "a", "a", "--where", "true")["by"] == "name"
    assert json.loads(run(store, "show", "a", "--where", "true", "--json")[0])["type"] == "process"


# --------------------------------------------------------------- diff


def test_two_builds_of_one_tree_differ_in_times_only(store: Path) -> None:
    (store / "b.jsonl").write_bytes(lua(lvm=90, temporary="ccBBBBBB").block)
    diff = as_json(store, "diff", "a", "b")
    assert (diff["new"], diff["gone"], diff["slower"], diff["faster"]) == ([], [], ["gcc lvm.o"], ["make"])
    changed = {group["step"]: group["change"] for group in diff["groups"] if group["change"]}
    assert changed == {"gcc lvm.o": 0.5, "make": -0.5}
    lines = run(store, "diff", "a", "b")
    assert "steps: none new, none gone; 1 slower, 1 faster" in lines
    assert [line.split()[-2:] for line in lines if line.startswith("gcc lvm.o")] == [["us", "+50.0%"]]
    assert lines[-2:] == [
        "critical path of A: gcc lvm.o -> ar liblua.a: 80.0 us",
        "critical path of B: gcc lapi.o -> gcc bad.o -> ar liblua.a: 60.0 us",
    ]


def test_steps_that_are_new_or_gone_are_named(store: Path) -> None:
    changed = lua(target="lcode")
    changed.step("gcc -c -o lvm.o lvm.c", 91, 95)
    (store / "b.jsonl").write_bytes(changed.block)
    diff = as_json(store, "diff", "a", "b")
    assert (diff["new"], diff["gone"]) == (["gcc lcode.o"], ["gcc lapi.o"])
    assert any(line.startswith("gcc lvm.o (1 -> 2 times)") for line in run(store, "diff", "a", "b"))


def test_what_has_grown_too_much_makes_diff_fail(store: Path) -> None:
    (store / "b.jsonl").write_bytes(lua(lvm=90).block)
    done = called(store, "diff", "a", "b", "--fail-over", "20%")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (1, "over 20%: gcc lvm.o +50.0%")
    assert called(store, "diff", "a", "b", "--fail-over", "20%", "--min-total", "1ms").exit_code == 0
    assert called(store, "diff", "a", "a", "--fail-over", "0%").exit_code == 0


# --------------------------------------------------------------- show


def shown(store: Path, *options: str) -> list[str]:
    return [json.loads(line)["name"] for line in run(store, "show", "a", *options, "--json")]


def test_show_is_a_tree_of_command_lines_and_exit_codes(store: Path) -> None:
    lines = run(store, "show", "a")
    assert lines[0] == "a: 100 us, 7 processes, ended well"
    assert [line[37:] for line in lines[3:]] == [
        "  make -j2",
        "    sh -c gcc",
        "      gcc -c -o lvm.o lvm.c",
        "        /usr/lib/cc1 lvm.c -o /tmp/ccAAAAAA.s",
        "    gcc -c -o lapi.o lapi.c",
        "    [exit 1] gcc -c -o bad.o bad.c",
        "    ar rcs liblua.a lvm.o",
    ]


def test_show_leaves_out_what_is_not_asked_for(store: Path) -> None:
    assert shown(store, "--errors") == ["make", "gcc bad.o"]
    assert shown(store, "--min-dur", "50us") == ["make", "sh: gcc", "gcc lvm.o", "cc1 lvm.c"]
    assert shown(store, "--depth", "0") == ["make"]
    assert shown(store, "--pid", str(ROOT + 1)) == ["make", "sh: gcc", "gcc lvm.o", "cc1 lvm.c"]
    assert run(store, "show", "a", "--errors")[-1] == "5 other processes not shown"


def test_errors_are_shown_of_any_trace(store: Path) -> None:
    spans = '{"ph":"X","name":"%s","pid":7,"tid":7,"ts":5,"dur":7,"args":{"exit_code":%d}}\n'
    (store / "b.jsonl").write_text(spans % ("good", 0) + (spans % ("bad", 1)).replace('"ts":5', '"ts":50'))
    rows = [json.loads(line) for line in run(store, "show", "b", "--errors", "--json")]
    assert [row["name"] for row in rows if row["type"] == "span"] == ["bad"]


# --------------------------------------------------------------- documents


def keys(heading: str, number: int) -> list[str]:
    """The keys that a table of docs/builds.md names."""
    return [code(key) for row in tables(section(BUILDS_MD, heading))[number] for key in row[0].split(", ")]


def test_keys_are_documented(store: Path) -> None:
    stats = as_json(store, "stats", "a")
    assert list(stats) == keys("## Figures", 0)
    assert list(stats["targets"][0]) == keys("## Figures", 1)
    diff = as_json(store, "diff", "a", "a")
    assert [key for key in diff if key not in ("fail_over", "over")] == keys("## What changed", 0)
    assert json.loads(run(store, "show", "a", "--json")[0]).keys() == set(keys("## Processes", 0))
