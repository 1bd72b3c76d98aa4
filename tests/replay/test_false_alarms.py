"""What `check` says of times, pids, tids and units is said of no trace that is right."""

import gzip
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.client_programs import run as run_client
from tests.exec.sandbox import TRACERD, own_sandbox
from tests.harness import ROOT, Daemon, tracerd
from tests.pytest_plugin.test_pytest_plugin import PROJECT
from tests.pytest_plugin.test_pytest_plugin import run as run_pytest
from tests.replay.test_replay import findings
from tracerd.rows.source import find_trace

GUESSES = {"coarse-time", "no-pid", "pid-reused", "tid-zero", "units"}
"""The kinds that are a guess about what the writer of a trace meant."""

CAPTURES = sorted(path for path in (ROOT / "tests/captures").rglob("*") if path.suffix in (".bin", ".jsonl", ".gz"))


def alarms(log: bytes) -> list[str]:
    return [f"{found.line_no} {found.kind.name}" for found in findings(log) if found.kind.name in GUESSES]


def alarms_of(path: Path) -> list[str]:
    """Of a log or a document, as `check` reads it."""
    log = b"".join(find_trace(path.parent, str(path)).blocks())
    assert log.count(b"\n") > 1
    return alarms(log)


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_recorded_traces(path: Path) -> None:
    text = path.read_bytes()
    if path.suffix == ".gz":
        document = json.loads(gzip.decompress(text))
        text = b"".join(json.dumps(event).encode() + b"\n" for event in document["traceEvents"])
    assert alarms(text) == []


PROGRAM = """
import os, threading
import tracerd.client as trace

def work(depth=2):
    with trace.span("work", depth=depth):
        trace.counter("depth", depth)
        trace.flow("calls", depth, "start")
        trace.metric("speed", 0.5, unit="m/s")
        if depth:
            thread = threading.Thread(target=work, args=(depth - 1,))
            thread.start()
            thread.join()

work()
if not os.fork():
    with trace.async_span("request"):
        work()
    os._exit(0)
os.wait()
trace.span("never ends").start()
"""


def test_a_program_with_the_python_client(daemon: Daemon) -> None:
    assert run_client(PROGRAM, daemon.socket).stderr == ""
    assert alarms_of(daemon.dir / "t.jsonl") == []


def test_a_run_of_pytest(daemon: Daemon) -> None:
    home = daemon.dir.parent
    run_pytest(home, daemon.socket, PROJECT, "--tracerd=trace.json", "-n", "2")
    assert alarms_of(home / "trace.json") == []
    assert [alarms_of(log) for log in daemon.dir.glob("*.jsonl")] == [[]]


def test_the_demo(tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    assert tracerd("demo", "-o", path).returncode == 0
    assert alarms_of(path) == []


BUILD = f"for i in 1 2 3; do '{TRACERD}' exec -- sh -c '/bin/true & wait; exec sleep 0' & done; wait"
"""Nested execs, processes that outlive nothing, and one that becomes another program."""


@pytest.mark.parametrize("all_processes", [False, True])
def test_a_build(all_processes: bool) -> None:
    if all_processes and shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    with own_sandbox() as sandbox:
        sandbox.serve()
        done = sandbox.exec("-o", "t.json", *["--all"] * all_processes, "--", "sh", "-c", BUILD)
        assert (done.returncode, done.stderr) == (0, b"")
        assert alarms_of(sandbox.home / "t.json") == []
        assert [alarms_of(log) for log in sandbox.logs.glob("*.jsonl")] == [[]]


# ------------------------------------------------------------------ any trace that is right

DAY_US = 24 * 3600 * 10**6
NOW_US = 1_795_317_493_244_295
BOOTED_US = 40 * DAY_US  # that a machine has run for
SMALL_US = 2**52 // 1000  # below, a double has decimals

CLOCK = {"monotonic_us": BOOTED_US, "boottime_us": BOOTED_US, "realtime_us": NOW_US, "boot_id": "b"}

PIDS = st.integers(1, 4)
LATER = st.integers(0, 3600 * 10**6)
DURATIONS = st.integers(0, 10**6)
EVENTS = st.lists(st.tuples(st.sampled_from("XBEiCbnesftM"), PIDS, st.integers(0, 2), LATER, DURATIONS), max_size=30)


def event(phase: str, pid: int, thread: int, ts: float, dur: int) -> dict[str, object]:
    """An event as its phase needs it; the first thread of a process has its number."""
    made: dict[str, object] = {
        "ph": phase,
        "name": "n",
        "cat": "process",
        "pid": pid,
        "tid": 10 * thread or pid,
        "ts": ts,
    }
    match phase:
        case "X":
            made["dur"] = dur
        case "C":
            made["args"] = {"value": 1}
        case "M":
            made |= {"name": "process_name", "args": {"name": "p"}}
        case "b" | "n" | "e" | "s" | "t" | "f":
            made["id"] = 1
        case _:
            pass
    return made


@given(
    events=EVENTS,
    start_us=st.sampled_from([0, BOOTED_US, NOW_US]),
    has_clock=st.booleans(),
    has_decimals=st.booleans(),
    only_thread=st.sampled_from([None, 0, 1]),
)
def test_any_trace_that_is_right(
    events: list[tuple[str, int, int, int, int]],
    start_us: int,
    has_clock: bool,
    has_decimals: bool,
    only_thread: int | None,
) -> None:
    """Microseconds of one clock, with decimals where a double holds them; a tid 0 only where no other is the pid."""
    has_decimals = has_decimals and start_us < SMALL_US
    made = [
        event(phase, pid, at, start_us + later + 0.125 * has_decimals, dur) for phase, pid, at, later, dur in events
    ]
    if only_thread is not None:
        made = [each | {"tid": only_thread or 0} for each in made if only_thread == 0 or each["pid"] != 1]
    clock = [{"ph": "M", "name": "tracerd_clock", "args": CLOCK}] * has_clock
    log = b"".join(json.dumps(each, separators=(",", ":")).encode() + b"\n" for each in [*clock, *made])
    assert alarms(log) == []


LIVES = st.lists(st.tuples(PIDS, st.integers(0, 1000), st.integers(0, 1000)), max_size=12)


@given(lives=LIVES)
def test_processes_that_become_others(lives: list[tuple[int, int, int]]) -> None:
    """A process has one end; what it was before, the programs that it became, and its children's pids are no second."""
    made: dict[int, dict[str, object]] = {}
    for pid, start, dur in lives:
        made[pid] = event("X", pid, 0, start, dur) | {"args": {"exit_code": 0}}
    before = [
        event("X", pid, 0, start, dur) | {"args": {"became": "cc"}} for pid, start, dur in lives if start + dur < 500
    ]
    log = b"".join(json.dumps(each).encode() + b"\n" for each in [*before, *made.values()])
    assert alarms(log) == []
