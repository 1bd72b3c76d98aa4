"""What runs now, and what was killed: steps whose begin is in the trace, and not their end."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.builds.traces import ROOT, Trace, document
from tests.exec.sandbox import TRACERD, Sandbox, own_sandbox
from tests.harness import wait_until
from tests.perfetto.judge import Judge
from tests.web.servers import serving
from tracerd.builds.critical import critical_path
from tracerd.builds.layout import laid_out
from tracerd.builds.reader import Reader
from tracerd.builds.steps import Build
from tracerd.exec import event
from tracerd.trace_json.begin_marks import resolved
from tracerd.view.tail import LONG_S, LastLines, Output

OF_BUILDS = ("summary", "critical")

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def begun(trace: Trace, process: str, start: int, *, pid: int = 7, parent: int | None = ROOT) -> None:
    """Add a process that has begun, as exec marks it."""
    mark = f"{len(trace.lines):016x}"
    trace.lines.append(event.process_name(pid, process))
    trace.lines.append(event.begin(pid, process.split()[0], start, mark, parent))


def build_of(trace: Trace, until_us: int | None = None) -> Build:
    reader = Reader(only_steps=True)
    for block in resolved([trace.block]):
        reader.feed(block)
    build = reader.build(None if until_us is None else until_us * 1000)
    assert build is not None
    return build


def killed() -> Trace:
    """A build that was killed after 90 us, in the midst of a compile."""
    trace = Trace(next_pid=ROOT + 1)
    trace.lines.append(event.trace(ROOT, "make -j2", None, 0, 0, is_ours=True))
    begun(trace, "make", 0, pid=ROOT, parent=None)
    begun(trace, "gcc lvm.o", 8)
    trace.step("gcc -c -o a.o a.c", 10, 90)
    return trace


def test_what_has_not_ended_lasts_to_the_last_event_or_until_now() -> None:
    for until_us, end in ((None, 90), (500, 500)):
        build = build_of(killed(), until_us)
        assert [(step.title, step.end // 1000, step.is_open) for step in build.steps] == [
            ("UNFINISHED make", end, True),
            ("UNFINISHED gcc lvm.o", end, True),
            ("gcc a.o", 90, False),
        ]
        assert [step.parent is build.root for step in build.steps[1:]] == [True, True]
        assert build.root
        assert build.root.command == "make -j2"


def test_a_process_whose_pid_is_used_again_has_ended() -> None:
    trace = killed()
    trace.step("cc -c b.c", 60, 80, pid=7)
    assert [(step.title, step.end // 1000) for step in build_of(trace).steps if step.pid == 7] == [
        ("gcc lvm.o", 60),
        ("cc b.o", 80),
    ]


def test_the_lanes_of_a_killed_build_can_be_read_again(perfetto: Judge, tmp_path: Path) -> None:
    trace = killed()
    lanes = b"".join(laid_out(resolved([trace.block]), None))
    reader = Reader(only_steps=True)
    reader.feed(lanes)
    again = reader.build()
    assert again is not None
    assert [step.title for step in again.steps] == [step.title for step in build_of(trace).steps]
    (tmp_path / "t.json").write_bytes(document([lanes]))
    [slices], problems = perfetto.examine(tmp_path / "t.json", "select distinct name from slice order by name")
    assert slices == [["UNFINISHED gcc lvm.o"], ["UNFINISHED make"], ["gcc a.o"]]
    assert problems == {}


# ------------------------------------------------------------------ for people


def test_what_still_runs_when_the_command_has_ended_did_not_hold_it_up() -> None:
    """A server that the build has started: at the end of the trace it has not ended."""
    trace = Trace()
    trace.step("sh run", 0, 100)
    begun(trace, "server", 1, pid=7)
    trace.step("client", 2, 99)
    assert [link.step.name for link in critical_path(build_of(trace))] == ["client"]


def test_what_was_killed_with_the_command_is_the_end_of_the_path() -> None:
    trace = Trace()
    begun(trace, "sh", 0, pid=ROOT, parent=None)
    trace.step("client", 2, 50, pid=8)
    begun(trace, "hangs", 51, pid=7)
    assert [link.step.name for link in critical_path(build_of(trace, 100))] == ["client", "hangs"]


@contextmanager
def hung(sandbox: Sandbox) -> Generator[str]:
    """A build whose compile hangs; the name of its trace."""
    command = [str(TRACERD), "exec", "--all", "--trace", "hung", "--", "sh", "-c", "true; sh -c 'sleep 600 & wait'"]
    log = sandbox.logs / "hung.jsonl"
    with subprocess.Popen(command, env=sandbox.environ, cwd=sandbox.home, start_new_session=True) as process:
        try:
            wait_until(lambda: log.exists() and b"sleep 600" in log.read_bytes(), "the step that hangs")
            yield "hung"
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@needs_strace
def test_one_command_names_what_hangs() -> None:
    with own_sandbox() as sandbox:
        sandbox.serve()
        with hung(sandbox) as trace:
            before_us = time.monotonic_ns() // 1000
            summary, critical = (json.loads(sandbox.run(TRACERD, verb, trace, "--json").stdout) for verb in OF_BUILDS)
            with serving(sandbox.logs) as server:
                page = server.get(f"/api/public/traces/{trace}/build")
            lines = sandbox.run(TRACERD, "show", trace, "--running", "--json").stdout.splitlines()
            rows = [row for row in map(json.loads, lines) if row["type"] == "step"]
            followed = subprocess.Popen(
                [TRACERD, "tail", "-f", "-n", "0", trace], env=sandbox.environ, stdout=subprocess.PIPE, text=True
            )
            with followed:
                assert followed.stdout
                begins = [followed.stdout.readline().split() for _ in range(3)]
                followed.kill()

    assert [(row["name"], row["depth"]) for row in rows] == [
        ("sh: true; sh -c 'sleep 600 & wait'", 0),
        ("sh", 1),
        ("sleep 600", 2),
    ]
    assert all(row["age_us"] > 0 and row["dur_us"] is None for row in rows)
    # What runs lasts until now for all readers: a build that hangs is not over with its last event.
    walls = [found["wall_us"] for found in (summary, critical, page)]
    assert before_us - rows[0]["start_us"] < walls[0] < walls[1] < walls[2]
    assert [line[-3] for line in begins] == ["begin"] * 3
    assert ["sleep", "600", str(rows[-1]["pid"])] in [line[1:4] for line in begins]  # in the order of strace's reports


def test_what_runs_for_long_is_printed_once_while_events_are_followed() -> None:
    output = Output(None, as_json=True, with_trace=False, colour=False, warn=pytest.fail)
    log = LastLines("t", 0, None)
    trace = Trace()
    begun(trace, "cc a.o", 1, pid=7)
    begun(trace, "cc b.o", 2, pid=8)
    assert {json.loads(line)["event"]["name"] for line in output.of(log, trace.block).splitlines()} == {"process_name"}
    assert output.running(10.0) == b""  # from here on it is known
    ended = b'{"ph":"X","name":"cc","pid":8,"tid":8,"ts":2,"dur":1,"begin":"%016x"}\n' % 2
    output.of(log, ended)
    assert output.running(10.0 + LONG_S / 2) == b""
    [line] = output.running(10.0 + LONG_S).splitlines()
    assert json.loads(line)["event"]["pid"] == 7
    assert output.running(10.0 + 2 * LONG_S) == b""
