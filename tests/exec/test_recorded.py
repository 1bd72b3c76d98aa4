"""What `tracerd exec` records of a command: its name, its words, its end, and those inside it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.exec.sandbox import TRACERD, Sandbox, args
from tests.harness import PATIENCE_S, wait_until
from tests.perfetto.judge import Judge


def test_a_span_tells_of_its_command(sandbox: Sandbox) -> None:
    burn = "t=b'x' * 50_000_000\nfor _ in range(2_000_000): pass"
    sandbox.exec("-o", "t.json", "--", sys.executable, "-c", burn)
    [span] = sandbox.spans()
    args = sandbox.args(span)

    assert span == Path(sys.executable).name
    assert args["argv"] == [sys.executable, "-c", burn]
    assert args["cwd"] == os.path.realpath(sandbox.home)
    assert args["exit_code"] == 0
    assert float(str(args["user_s"])) > 0.01
    assert float(str(args["system_s"])) > 0
    assert 50_000_000 < int(str(args["peak_memory_bytes"])) < 500_000_000
    assert len(str(args["span"])) == 16


@pytest.mark.parametrize(
    ("command", "process"),
    [
        (["true"], "true"),
        (["sleep", "0"], "sleep 0"),
        (["sh", "-c", "true; true"], "sh"),
        (["true", "-c", "src/a.c", "-o", "obj/a.o"], "true a.o"),
        (["true", "a", "b"], "true"),
        (["true", "-B", "-c", "main(['/a/b'])"], "true"),
    ],
)
def test_processes_are_named(sandbox: Sandbox, command: list[str], process: str) -> None:
    sandbox.exec("-o", "t.json", *command)
    [named] = [event["args"] for event in sandbox.events() if event["ph"] == "M" and event["name"] == "process_name"]
    assert named == {"name": process}


def test_a_name_can_be_chosen(sandbox: Sandbox) -> None:
    sandbox.exec("-o", "t.json", "--name", "nightly", "true")
    assert sandbox.spans() == ["nightly"]
    assert {args(event)["name"] for event in sandbox.events() if event["name"] == "tracerd_trace"} == {"nightly"}


SECRET = "hunter2"  # noqa: S105 (a password for a test of passwords)


@pytest.mark.parametrize("shown", ["full", "name", "none"])
def test_what_is_recorded_of_a_command_line(sandbox: Sandbox, shown: str) -> None:
    words = ["sh", "-c", "exec true", "--password", SECRET, f"API_KEY={SECRET}"]
    sandbox.exec("-o", "t.json", "--trace", f"a-{shown}", "--args", shown, *words, env={**sandbox.environ, "X": SECRET})
    [span] = sandbox.spans()
    args = sandbox.args(span)

    if shown == "full":
        assert args["argv"] == ["sh", "-c", "exec true", "--password", "***", "API_KEY=***"]
    else:
        assert "argv" not in args
        assert "cwd" not in args
        assert span == ("sh" if shown == "name" else "command")
    assert SECRET not in (sandbox.logs / f"a-{shown}.jsonl").read_text()


def test_nested_execs_record_no_more_than_the_outermost(sandbox: Sandbox) -> None:
    sandbox.sh(f"'{TRACERD}' exec -- true", "--args", "name")
    assert sandbox.spans() == ["sh", "true"]
    assert "argv" not in sandbox.args("true")


def test_a_very_long_command_line_is_cut(sandbox: Sandbox) -> None:
    done = sandbox.exec("-o", "t.json", "--", "true", *["x" * 1000] * 200)
    args = sandbox.args("true")

    assert done.returncode == 0
    assert str(args["argv"]) == str(["true", *["x" * 1000] * 65])
    assert args["argv_left_out"] == 201 - 66


def test_bytes_that_are_no_text_are_recorded(sandbox: Sandbox) -> None:
    sandbox.exec("-o", "t.json", "--", "true", "\udcff", '"\\\n\x1b', "\u00e9\U0001f600")
    assert sandbox.args("true")["argv"] == ["true", "\ufffd", '"\\\n\x1b', "\u00e9\U0001f600"]


def test_five_nested_execs_draw_five_levels(sandbox: Sandbox, perfetto: Judge) -> None:
    command = [*[str(TRACERD), "exec", "--"] * 4, "true"]
    sandbox.exec("-o", "t.json", "--", *command)
    rows, problems = perfetto.examine(
        sandbox.home / "t.json",
        "select p.name, s.name from slice s join thread_track t on s.track_id = t.id "
        "join thread using (utid) join process p using (upid) order by s.ts",
        "select a.ts < b.ts from flow f join slice a on f.slice_out = a.id join slice b on f.slice_in = b.id "
        "order by a.ts",
        "select count(*) from process where name is not null",
    )

    assert problems == {}
    assert b"nothing to fix" in sandbox.run(TRACERD, "check", "latest").stdout
    assert [row[1] for row in rows[0]] == ["tracerd"] * 4 + ["true"]
    assert rows[1] == [[1]] * 4  # each begins an arrow to the next
    assert rows[2] == [[5]]


@pytest.mark.parametrize("times", [10, pytest.param(100, marks=pytest.mark.long)])
def test_the_file_is_complete_each_time(sandbox: Sandbox, times: int) -> None:
    """Each process that ended before the outermost command is in the file when exec returns: the promise is 100 times.

    Ten times in a usual run; `-m long` has all hundred.
    """
    script = f"for i in 1 2; do '{TRACERD}' exec --name $i -- true & done; wait"
    runs = [sandbox.sh(script).returncode == 0 and sorted(sandbox.spans()) for _ in range(times)]
    assert runs == [["1", "2", "sh"]] * times


def test_late_processes_refresh_the_file(sandbox: Sandbox) -> None:
    late = f"'{TRACERD}' exec --name late -- cat"
    with subprocess.Popen(
        [
            TRACERD,
            "exec",
            "--follow",
            "-o",
            "f.json",
            "--",
            "sh",
            "-c",
            f"exec 3<&0; {late} <&3 & echo $TRACERD_PARENT",
        ],
        env=sandbox.environ,
        cwd=sandbox.home,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as process:
        assert process.wait(PATIENCE_S) == 0
        assert sandbox.spans("f.json") == ["sh"]
        assert process.stdin
        process.stdin.close()
        wait_until(lambda: sandbox.spans("f.json") == ["sh", "late"], "the file to be written again")
