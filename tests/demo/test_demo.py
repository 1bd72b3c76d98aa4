"""`tracerd demo`: a trace that has something of everything, which Perfetto shows without a complaint."""

import gzip
import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.demo.demos import Demo, Recorded, demo, events_of, processes_of, tid_of
from tests.harness import ROOT, Daemon, short_dir, tracerd, wait_until
from tests.perfetto.judge import Judge, Unavailable
from tests.perfetto.screenshot import README_PICTURE, show


def test_demo_writes_a_trace_says_what_it_holds_and_leaves_nothing_else(recorded_demo: Recorded) -> None:
    assert (recorded_demo.code, recorded_demo.err) == (0, "")
    assert recorded_demo.left_nothing
    assert list(recorded_demo.files) == ["trace.json"]
    assert recorded_demo.strangers == []
    document = json.loads(recorded_demo.files["trace.json"])
    events = document["traceEvents"]
    processes = {event["pid"] for event in events}
    assert document["metadata"] | {"refused": 0, "left_out": 0, "complete": True} == document["metadata"]
    first, title, *steps, how, keys = recorded_demo.out.splitlines()
    summary = rf"trace.json: {len(processes)} processes, {len(events)} events, recorded in [0-9.]+ s"
    assert re.fullmatch(summary, first)
    assert title == "The slowest steps:"
    millis = [float(step.split()[0]) for step in steps]
    assert len(millis) == 3
    assert millis == sorted(millis, reverse=True)
    assert millis[0] == max(round(e["dur"] / 1000, 1) for e in events if e["ph"] == "X" and e["cat"] == "step")
    assert "https://ui.perfetto.dev" in how
    assert "`build`" in keys


def test_demo_has_something_of_everything(demo_trace: Path) -> None:
    events = events_of(demo_trace)
    names = processes_of(events)
    threads = {(event["pid"], tid_of(event)) for event in events if event["name"] == "thread_name"}
    logs = [event for event in events if event.get("cat") == "log"]

    assert len(names) >= 8
    assert {event["pid"] for event in events} == set(names)
    assert {(event["pid"], tid_of(event)) for event in events if tid_of(event)} == threads
    assert {event["ph"] for event in events} == set("MXCisf")
    assert all(event["ph"] == "i" and event["args"]["level"] for event in logs)
    assert len(logs) == len(names)


def test_processes_of_the_demo_run_side_by_side(demo_trace: Path) -> None:
    waits = [e for e in events_of(demo_trace) if e["ph"] == "X" and e["cat"] == "process" and tid_of(e) != e["pid"]]

    overlaps = [(a, b) for a in waits for b in waits if tid_of(a) < tid_of(b) and a["ts"] < b["ts"] + b["dur"]]
    assert any(b["ts"] < a["ts"] + a["dur"] for a, b in overlaps)


def test_perfetto_reads_the_demo_without_a_problem(perfetto: Judge, demo_trace: Path) -> None:
    processes = "select pid, name from process where pid > 0"
    arrows = """select f.name, pi.pid from flow join slice o on o.id = slice_out join slice f on f.id = slice_in
        join thread_track ti on ti.id = f.track_id join thread using (utid) join process pi using (upid)"""
    [named, bound], problems = perfetto.examine(demo_trace, processes, arrows)

    assert problems == {}
    assert all(name for _, name in named)
    # Each process but the first has an arrow from where it was started; each that packed has one to the check.
    assert len(bound) == sum(event["ph"] == "s" for event in events_of(demo_trace)) == 2 * (len(named) - 2) + 1
    assert {pid for _, pid in bound} == {pid for pid, name in named if name != "build"}


@pytest.mark.tools
def test_perfetto_shows_the_demo_with_all_processes_named_and_no_complaint(demo_trace: Path) -> None:
    try:
        shown = show(demo_trace)
    except Unavailable as why:
        pytest.skip(str(why))

    processes = [f"{name} {pid}" for pid, name in processes_of(events_of(demo_trace)).items()]
    assert shown["shown"]
    assert (shown["complaints"], shown["import_errors"], shown["badge"]) == ([], 0, [])
    assert sorted(shown["tracks"]) == sorted(processes)
    assert shown["tracks"][0].startswith("build ")


@pytest.mark.tools
@pytest.mark.parametrize(
    ("content", "is_shown", "complaint", "badge"),
    [
        ("garbage", False, "error box: Cannot open this file", 0),
        ('[{"ph":"X","ts":1,"dur":5,"pid":1,"tid":1},{"ph":"X","ts":3,"dur":5,"pid":1,"tid":1}]', True, None, 1),
    ],
    ids=["error box", "badge"],
)
def test_a_bad_trace_would_be_noticed(
    content: str, is_shown: bool, complaint: str | None, badge: int, tmp_path: Path
) -> None:
    (tmp_path / "t.json").write_text(content)
    try:
        shown = show(tmp_path / "t.json")
    except Unavailable as why:
        pytest.skip(str(why))

    assert shown["shown"] == is_shown
    assert len(shown["badge"]) == badge
    assert not complaint or any(text.startswith(complaint) for text in shown["complaints"])


def test_picture_of_the_readme_is_small() -> None:
    assert README_PICTURE.read_bytes().startswith(b"\x89PNG")
    assert README_PICTURE.stat().st_size < 300_000


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("/no/such/dir/t.json", "there is no directory /no/such/dir; make it first"),
        ("/dev/null", "/dev/null is not a regular file"),
        ("-", "cannot write to '-': the demo needs the name of a file"),
        ("", "cannot write to '': the demo needs the name of a file"),
        ("a\nb", r"cannot write to 'a\nb': the demo needs the name of a file"),
        # What only shows when the daemon writes.
        ("/proc/t.json", "cannot write /proc/t.json: No such file or directory"),
    ],
)
def test_output_errors_are_one_line(output: str, message: str) -> None:
    with demo("-o", output) as running:
        assert running.finish() == (1, "", f"Error: {message}\n")
        assert running.left_nothing()


def test_output_needs_a_value() -> None:
    assert tracerd("demo", "-o").returncode == 2


BUILD, PACK = "demo.job import main; main() build", "demo.job import main; main() pack"
MOMENTS = ["tracerd serve", BUILD, PACK]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 128 + 2, ""), (signal.SIGTERM, 128 + 15, ""), (signal.SIGHUP, 128 + 1, "")],
)
def test_signals_leave_nothing(number: int, code: int, said: str, moment: str) -> None:
    with demo() as running:
        running.wait_for(moment)
        os.killpg(running.process.pid, number)  # as a terminal does: to the whole foreground

        assert running.finish() == (code, "", said)
        assert running.left_nothing()
        assert list(running.cwd.iterdir()) == []


def test_kill_leaves_no_process() -> None:
    with demo() as running:
        running.wait_for(PACK)
        running.process.kill()
        running.process.wait()

        wait_until(lambda: not running.running(), "daemon and job to end by themselves")


@pytest.mark.parametrize("victim", MOMENTS)
def test_what_dies_ends_the_demo_with_one_line(victim: str) -> None:
    with demo() as running:
        running.wait_for(PACK)
        with suppress(ProcessLookupError):
            os.kill(running.wait_for(victim), signal.SIGKILL)
        code, out, err = running.finish()

        assert (code, out) == (1, "")
        assert re.fullmatch("Error: .*\n", err)
        assert running.left_nothing()


def test_daemon_that_does_not_start_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "trio.py").write_text("raise RuntimeError('no trio today')\n")
    with demo(PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}") as running:
        expected = "Error: the daemon did not start: RuntimeError: no trio today\n"
        assert running.finish() == (1, "", expected)
        assert running.left_nothing()


# ------------------------------------------------------------------ all that could be in its way, in one run


class Awkward(NamedTuple):
    """A demo that has run in an awkward place."""

    running: Demo
    code: int
    err: str
    status: dict[str, object]
    """Of the user's own daemon."""
    logs: list[str]
    """Those of that daemon."""
    leftovers: list[str]
    """What is left in the temporary directory, which has a name of 100 letters: no socket could be in there."""


@pytest.fixture(scope="module")
def awkward(shared_daemon: Daemon) -> Iterator[Awkward]:
    with short_dir() as home:
        long = home / ("x" * 100)
        long.mkdir()
        users = {"TRACERD_SOCKET": str(shared_daemon.socket), "TRACERD_DIR": str(shared_daemon.dir)}
        files: dict[str, str] = dict.fromkeys(("tracerd.py", "json.py"), "raise SystemExit('not this one')\n")
        with demo("-o", "a.json", "-o", "b.json.gz", files=files, TMPDIR=str(long), **users) as running:
            code, _, err = running.finish()
            with shared_daemon.connect() as client:
                status = client.status()
            logs = [path.name for path in shared_daemon.dir.glob("*.jsonl")]
            yield Awkward(running, code, err, status, logs, [path.name for path in long.iterdir()])


def test_demo_takes_its_own_code_whatever_lies_in_the_current_directory(awkward: Awkward) -> None:
    assert (awkward.code, awkward.err) == (0, "")


def test_last_output_counts_and_gz_compresses(awkward: Awkward) -> None:
    assert sorted(path.name for path in awkward.running.cwd.iterdir()) == ["b.json.gz", "json.py", "tracerd.py"]
    assert json.loads(gzip.decompress((awkward.running.cwd / "b.json.gz").read_bytes()))["traceEvents"]


def test_demo_does_not_disturb_a_running_daemon(awkward: Awkward) -> None:
    totals = {"stored": 0, "repaired": 0, "refused": 0, "lost": 0}
    assert (awkward.status["clients"], awkward.status["totals"], awkward.logs) == (1, totals, [])


def test_long_temporary_directory_is_no_obstacle(awkward: Awkward) -> None:
    assert (awkward.code, awkward.leftovers) == (0, []), awkward.err
