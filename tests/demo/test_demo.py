"""`tracerd demo`: a trace that has something of everything, which Perfetto shows without a complaint."""

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.demo.demos import demo, events_of, processes_of, tid_of
from tests.demo.demos import trace as trace
from tests.harness import ROOT, Daemon, tracerd, wait_until
from tests.perfetto.judge import Judge, Unavailable
from tests.perfetto.screenshot import README_PICTURE, show


def test_demo_writes_a_trace_says_what_it_holds_and_leaves_nothing_else(tmp_path: Path) -> None:
    users = {"TRACERD_SOCKET": str(tmp_path / "s"), "TRACERD_DIR": str(tmp_path / "logs")}
    with demo(**users) as running:
        code, out, err = running.finish()
        assert (code, err) == (0, "")
        assert running.left_nothing()
        document = json.loads((running.cwd / "trace.json").read_bytes())
        assert [path.name for path in running.cwd.iterdir()] == ["trace.json"]

    assert list(tmp_path.iterdir()) == []
    events = document["traceEvents"]
    processes = {event["pid"] for event in events}
    assert document["metadata"] | {"refused": 0, "left_out": 0, "complete": True} == document["metadata"]
    first, title, *steps, how, keys = out.splitlines()
    summary = rf"trace.json: {len(processes)} processes, {len(events)} events, recorded in [0-9.]+ s"
    assert re.fullmatch(summary, first)
    assert title == "The slowest steps:"
    millis = [float(step.split()[0]) for step in steps]
    assert len(millis) == 3
    assert millis == sorted(millis, reverse=True)
    assert millis[0] == max(round(e["dur"] / 1000, 1) for e in events if e["ph"] == "X" and e["cat"] == "step")
    assert "https://ui.perfetto.dev" in how
    assert "`build`" in keys


def test_demo_has_something_of_everything(trace: Path) -> None:
    events = events_of(trace)
    names = processes_of(events)
    threads = {(event["pid"], tid_of(event)) for event in events if event["name"] == "thread_name"}
    logs = [event for event in events if event.get("cat") == "log"]

    assert len(names) >= 8
    assert {event["pid"] for event in events} == set(names)
    assert {(event["pid"], tid_of(event)) for event in events if tid_of(event)} == threads
    assert {event["ph"] for event in events} == set("MXCisf")
    assert all(event["ph"] == "i" and event["args"]["level"] for event in logs)
    assert len(logs) == len(names)


def test_processes_of_the_demo_run_side_by_side(trace: Path) -> None:
    waits = [e for e in events_of(trace) if e["ph"] == "X" and e["cat"] == "process" and tid_of(e) != e["pid"]]

    overlaps = [(a, b) for a in waits for b in waits if tid_of(a) < tid_of(b) and a["ts"] < b["ts"] + b["dur"]]
    assert any(b["ts"] < a["ts"] + a["dur"] for a, b in overlaps)


def test_perfetto_reads_the_demo_without_a_problem(perfetto: Judge, trace: Path) -> None:
    processes = "select pid, name from process where pid > 0"
    arrows = """select f.name, pi.pid from flow join slice o on o.id = slice_out join slice f on f.id = slice_in
        join thread_track ti on ti.id = f.track_id join thread using (utid) join process pi using (upid)"""
    [named, bound], problems = perfetto.examine(trace, processes, arrows)

    assert problems == {}
    assert all(name for _, name in named)
    # Each process but the first has an arrow from where it was started; each that packed has one to the check.
    assert len(bound) == sum(event["ph"] == "s" for event in events_of(trace)) == 2 * (len(named) - 2) + 1
    assert {pid for _, pid in bound} == {pid for pid, name in named if name != "build"}


def test_perfetto_shows_the_demo_with_all_processes_named_and_no_complaint(trace: Path) -> None:
    try:
        shown = show(trace)
    except Unavailable as why:
        pytest.skip(str(why))

    processes = [f"{name} {pid}" for pid, name in processes_of(events_of(trace)).items()]
    assert shown["shown"]
    assert (shown["complaints"], shown["import_errors"], shown["badge"]) == ([], 0, [])
    assert sorted(shown["tracks"]) == sorted(processes)
    assert shown["tracks"][0].startswith("build ")


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


def test_last_output_counts_and_gz_compresses(tmp_path: Path) -> None:
    done = tracerd("demo", "-o", tmp_path / "a.json", "-o", tmp_path / "b.json.gz")

    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["b.json.gz"]
    assert json.loads(gzip.decompress((tmp_path / "b.json.gz").read_bytes()))["traceEvents"]


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


def test_demo_takes_its_own_code_whatever_lies_in_the_current_directory() -> None:
    with demo("--help") as running:
        assert running.finish()[0] == 0
        (running.cwd / "tracerd.py").write_text("raise SystemExit('not this one')\n")
        (running.cwd / "json.py").write_text("raise SystemExit('not this one')\n")
        environ = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-P", "-m", "tracerd", "demo"]
        done = subprocess.run(command, cwd=running.cwd, env=environ, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_demo_does_not_disturb_a_running_daemon(daemon: Daemon, tmp_path: Path) -> None:
    environ = os.environ | {"TRACERD_SOCKET": str(daemon.socket), "TRACERD_DIR": str(daemon.dir)}
    done = tracerd("demo", "-o", tmp_path / "t.json", env=environ)

    assert done.returncode == 0, done.stderr
    with daemon.connect() as client:
        status = client.status()
    assert (status["clients"], status["totals"]) == (1, {"stored": 0, "repaired": 0, "refused": 0, "lost": 0})
    assert not list(daemon.dir.glob("*.jsonl"))


def test_long_temporary_directory_is_no_obstacle(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    done = tracerd("demo", "-o", tmp_path / "t.json", env=os.environ | {"TMPDIR": str(long)})

    assert done.returncode == 0, done.stderr
    shutil.rmtree(long)
