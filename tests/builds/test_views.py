"""`tracerd stats` and `show` of builds whose figures are known. Times are in us."""

import json
from pathlib import Path

import pytest

from tests.builds.shown import as_json, lua, run
from tests.builds.traces import ROOT, Trace
from tests.docs.documents import code, section, tables
from tests.harness import ROOT as REPOSITORY

BUILDS_MD = (REPOSITORY / "docs/builds.md").read_text()


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


# --------------------------------------------------------------- summary


def line_of(store: Path, trace: Trace, what: str) -> str:
    """A line of the summary of a build."""
    (store / "s.jsonl").write_bytes(trace.block)
    [line] = [line for line in run(store, "summary", "s") if line.startswith(f"{what}:")]
    return line.partition(":")[2].strip()


def test_of_many_commands_of_one_name_the_longest_is_named(store: Path) -> None:
    trace = Trace()
    trace.step("make", 0, 100)
    for at in range(4):
        trace.step(f"echo {at} x", 10 * at, 10 * at + 2 + at)
        trace.step("true", 10 * at + 6, 10 * at + 7)
    slowest = line_of(store, trace, "slowest")
    assert slowest == "make 82.0 us, echo 14.0 us (4 times; pid 107 5.00 us), true 4.00 us (4 times)"


def test_of_a_long_command_that_failed_the_file_at_its_end_is_shown(store: Path) -> None:
    trace = Trace()
    trace.step("make", 0, 100, exit_code=2)
    trace.step(f"cc {'-Wall ' * 100}-c -o obj/bad.o src/bad.c", 0, 90, exit_code=1)
    failed = line_of(store, trace, "failed")
    assert failed.startswith("FAILED 1 cc bad.o: cc -Wall ")
    assert failed.endswith(" -c -o obj/bad.o src/bad.c")
    assert len(failed) < 150
    shown = run(store, "show", "s")[-1]
    assert shown.endswith(" -c -o obj/bad.o src/bad.c")
    assert len(shown) < 260


def test_what_ran_twice_has_one_figure_for_each_name(store: Path) -> None:
    trace = Trace()
    trace.step("make", 0, 100)
    for at, command in enumerate(["gen a x"] * 2 + ["gen b x"] * 3 + ["other"] * 2):
        trace.step(command, 10 * at, 10 * at + 5)
    assert line_of(store, trace, "again") == "gen 3 + 2 times (15.0 us more), other 2 times (5.00 us more)"


@pytest.mark.parametrize(
    ("steps", "user_s", "waited"), [(2, 0.00002, True), (2, 0.00015, False), (1, 0.00002, False), (2, None, False)]
)
def test_steps_that_waited_for_processors_are_told_from_too_few_steps(
    store: Path, steps: int, user_s: float | None, *, waited: bool
) -> None:
    trace = Trace()
    trace.lines.append('{"ph":"M","name":"tracerd_trace","pid":100,"args":{"cpus":2}}\n')
    trace.step("make -j2", 0, 100, pid=ROOT, parent=0, user_s=user_s, system_s=0.0)
    for number in range(steps):
        trace.step(f"cc -c {number}.c", 0, 100, pid=200 + number)
    assert ("enough steps ran, but waited" in line_of(store, trace, "cpu")) is waited


# --------------------------------------------------------------- critical


def test_short_steps_of_the_critical_path_are_folded_and_no_failure_is(store: Path) -> None:
    trace = Trace()
    trace.step("make", 0, 13000, exit_code=2)
    at = 0
    for number in range(11):
        trace.step("echo CC", at, at + 10)
        trace.step(f"cc -c -o {number}.o {number}.c", at + 11, at + 1000)
        at += 1001
    trace.step("false", at, at + 1, exit_code=1)
    trace.step("echo end", at + 2, at + 3)
    (store / "c.jsonl").write_bytes(trace.block)
    rows = run(store, "critical", "c")[3:]
    slot = "waited for a slot, which the step above had"
    assert [row[38:].split(maxsplit=2) for row in rows[:2]] == [
        ["cc", "0.o", "began with the command around it; 1 short step between (10.0 us)"],
        ["cc", "1.o", f"{slot}; 1 short step between (10.0 us)"],
    ]
    assert [row.split()[2:4] for row in rows[:2]] == [["11.0", "us"], ["12.0", "us"]]
    assert rows[11][38:].split(maxsplit=3) == ["FAILED", "1", "false", slot]
    assert rows[12].split(maxsplit=4) == ["11.0", "ms", "1.99", "ms", "the end; 1 short step between (1.00 us)"]
    assert len(rows) == 13
    everything = run(store, "critical", "c", "--all")
    assert sum("echo" in row for row in everything) == 12
    assert not any("short step" in row for row in everything)


# --------------------------------------------------------------- diff


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


def test_a_trace_of_several_commands_names_the_last_one(tmp_path: Path) -> None:
    """As a second `tracerd exec` into one trace makes it."""
    trace = Trace()
    trace.step("make -j2", 0, 100)
    trace.step("cc -c a.c", 10, 20)
    trace.step("make install", 200, 300, parent=0, exit_code=2)
    trace.lines.pop()  # the arrow
    (tmp_path / "a.jsonl").write_bytes(trace.block)
    assert (
        run(tmp_path, "show", "a")[0]
        == "a: 300 us, 3 processes, make install FAILED 2 after 1 other command, with 100 us between"
    )


def test_a_trace_of_steps_alone_has_no_command(tmp_path: Path) -> None:
    """As a program makes it that is traced and starts `tracerd exec` for each step."""
    trace = Trace()
    trace.step("cc -c a.c", 0, 10, parent=4711)
    trace.step("cc -c b.c", 20, 30, parent=4711)
    (tmp_path / "a.jsonl").write_bytes(trace.block)
    assert run(tmp_path, "show", "a")[0] == "a: 30.0 us, 2 processes, whose command is not recorded"
