"""`pytest --tracerd=FILE`, in processes of their own, with and without workers."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec import Raw

from tests.client.client_programs import Event, named
from tests.client.test_border import NOBODY, listener_of
from tests.commands import invoke
from tests.harness import PATIENCE_S, Daemon, needs_root, running_daemon, short_dir, tracerd, wait_until
from tests.perfetto.judge import Judge
from tracerd.rows.error_events import is_error

PROJECT = """
import subprocess, sys
import pytest
import tracerd.client as trace

@pytest.fixture(scope="module")
def database():
    yield "database"

@pytest.fixture
def table(database):
    yield "table"
    trace.instant("dropped")

def test_passes(table):
    with trace.span("my own"):
        pass

def test_fails(table):
    assert False

@pytest.mark.parametrize("number", range(4))
def test_starts_a_process(number):
    program = "import tracerd.client as trace, sys; trace.instant('child', number=sys.argv[1])"
    subprocess.run([sys.executable, "-c", program, str(number)], check=True)

@pytest.mark.skip
def test_is_skipped():
    pass

@pytest.mark.xfail
def test_fails_as_expected():
    assert False
"""

CONNECTS = """
import tracerd.client as trace

def test_connects_to_a_trace_of_its_own():
    trace.connect("another")

def test_after_that():
    pass
"""

UNTRACED = """
import os, sys

def test_nothing_is_there():
    assert not any(name.startswith("tracerd.client") for name in sys.modules)
    assert "TRACERD_TRACE_ID" not in os.environ
"""


FEW_PLUGINS = ("-p", "no:cacheprovider", "-p", "xdist", "-p", "pytest_timeout", "-p", "tracerd.pytest_plugin")
"""Named ones: to load all that are installed here takes a second."""


def run(
    home: Path, socket: Path, source: str, *options: str, loads_all: bool = False
) -> "subprocess.CompletedProcess[str]":
    """Run the tests of a file.

    Args:
        home: Where the file is written and the tests run.
        socket: Of the daemon.
        source: Of the file.
        options: Of pytest.
        loads_all: Load all plugins that are installed, as pytest does; ours is one of them.
    """
    (home / "test_project.py").write_text(source)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("TRACERD_", "PYTEST_"))}
    if not loads_all:
        environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        options = (*FEW_PLUGINS, *options)
    command = [sys.executable, "-m", "pytest", "-q"]
    return subprocess.run(
        [*command, "-c", os.devnull, "--rootdir", ".", "-W", "error", *options, "test_project.py"],
        cwd=home,
        env=environ | {"TRACERD_SOCKET": str(socket), "TRACERD_DIR": str(home / "logs")},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def spans(home: Path) -> list[Event]:
    document: dict[str, list[Event]] = json.loads((home / "trace.json").read_bytes())
    return document["traceEvents"]


class Run(NamedTuple):
    """A run of the tests of `PROJECT`."""

    workers: int
    done: "subprocess.CompletedProcess[str]"
    trace: Path
    found: list[Event]


@pytest.fixture(scope="module", params=[0, 2], ids=["alone", "2 workers"])
def recorded_run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """One run for several tests; alone it loads our plugin by its entry point."""
    workers: int = request.param
    with running_daemon() as daemon:
        home = daemon.dir.parent
        done = run(home, daemon.socket, PROJECT, "--tracerd=trace.json", "-n", str(workers), loads_all=not workers)
        yield Run(workers, done, home / "trace.json", spans(home))


def test_all_processes_of_a_run_are_in_one_file(recorded_run: Run, perfetto: Judge) -> None:
    workers, done, trace, found = recorded_run

    assert done.returncode == 1, done.stderr
    assert "1 failed, 5 passed, 1 skipped, 1 xfailed" in done.stdout
    assert "tracerd: wrote trace.json, of the trace tr-" in done.stdout
    tests = {str(event["name"]): event["args"] for event in found if event.get("cat") == "test"}
    assert tests == {
        "test_project.py::test_passes": {"outcome": "passed"},
        "test_project.py::test_fails": {"outcome": "failed"},
        **{f"test_project.py::test_starts_a_process[{number}]": {"outcome": "passed"} for number in range(4)},
        "test_project.py::test_is_skipped": {"outcome": "skipped"},
        "test_project.py::test_fails_as_expected": {"outcome": "xfailed"},
    }
    assert [len(named(found, phase)) for phase in ("setup", "call", "teardown")] == [8, 7, 8]
    errors = [
        str(event["name"]) for event in found if "args" in event and is_error(Raw(json.dumps(event["args"]).encode()))
    ]
    assert sorted(errors) == ["call", "test_project.py::test_fails"]  # not what was skipped, or failed as expected
    assert len(named(found, "fixture table")) == len(named(found, "remove table")) == 2
    assert 1 <= len(named(found, "fixture database")) == len(named(found, "remove database")) <= max(workers, 1)
    assert len(named(found, "my own")) == 1
    assert len(named(found, "child")) == 4
    assert len(named(found, "run")) == 1
    assert {str(event["name"]) for event in found if str(event["name"]).startswith("worker")} == {
        f"worker gw{number}" for number in range(workers)
    }
    sql = (
        "select distinct p.name from slice s join thread_track t on s.track_id = t.id"
        " join thread using (utid) join process p using (upid) where s.cat = 'pytest'"
    )
    [names], problems = perfetto.examine(trace, sql)
    assert problems == {}
    assert sorted(str(name) for [name] in names) == ["pytest", *(f"pytest gw{number}" for number in range(workers))]


def test_the_removal_of_a_fixture_takes_as_long_as_it_takes(recorded_run: Run) -> None:
    dropped = [event["ts"] for event in named(recorded_run.found, "dropped")]
    removals = [(event["ts"], event["dur"]) for event in named(recorded_run.found, "remove table")]
    assert len(dropped) == len(removals) == 2
    for at_us, (begin_us, dur_us) in zip(dropped, removals, strict=True):
        assert isinstance(at_us, int)
        assert isinstance(begin_us, int)
        assert isinstance(dur_us, int)
        assert begin_us <= at_us <= begin_us + dur_us


def test_a_test_that_connects_elsewhere_does_not_end_the_record(daemon: Daemon) -> None:
    home = daemon.dir.parent
    assert run(home, daemon.socket, CONNECTS, "--tracerd=trace.json").returncode == 0

    found = spans(home)
    assert [event["args"] for event in found if event.get("cat") == "test"] == [{"outcome": "passed"}] * 2
    assert [event["ph"] for event in found if event["name"] == "run"] == ["X"]


def test_without_the_option_nothing_is_imported(daemon: Daemon) -> None:
    done = run(daemon.dir.parent, daemon.socket, UNTRACED, loads_all=True)

    assert done.returncode == 0, done.stdout
    assert list(daemon.dir.glob("*.jsonl")) == []


def test_a_daemon_is_started_if_there_is_none() -> None:
    with short_dir() as home:
        environ = os.environ | {"TRACERD_SOCKET": str(home / "s"), "XDG_STATE_HOME": str(home)}
        try:
            done = run(home, home / "s", PROJECT, "--tracerd=trace.json")
            assert done.returncode == 1, done.stderr
            assert len(named(spans(home), "run")) == 1
        finally:
            tracerd("stop", env=environ)


def test_a_daemon_that_cannot_be_started_is_one_line() -> None:
    with short_dir() as home:
        done = run(home, Path("/proc/none/s"), PROJECT, "--tracerd=trace.json")

    assert done.returncode == 4
    assert done.stderr.startswith("ERROR: --tracerd: no daemon is running, and /proc/none cannot be used: ")
    assert len(done.stderr.strip().splitlines()) == 1


CRASHES = """
import os

def test_done():
    pass

def test_crashes():
    os._exit(3)
"""


def test_tests_before_a_crash_are_in_the_trace(daemon: Daemon) -> None:
    home = daemon.dir.parent
    done = run(home, daemon.socket, CRASHES, "--tracerd=trace.json", "-n", "1")

    assert "worker 'gw0' crashed while running 'test_project.py::test_crashes'" in done.stdout
    assert [event["args"] for event in named(spans(home), "test_project.py::test_done")] == [{"outcome": "passed"}]


@needs_root
def test_another_users_daemon_is_no_run() -> None:
    with short_dir() as home, listener_of(NOBODY, home / "s"):
        done = run(home, home / "s", PROJECT, "--tracerd=trace.json")
        error = f"cannot connect to the daemon on {home}/s: it is served by another user (uid {NOBODY})"

    assert (done.returncode, done.stderr.strip()) == (4, f"ERROR: --tracerd: {error}")


def test_a_file_that_cannot_be_written_is_told_and_changes_no_result(daemon: Daemon) -> None:
    done = run(daemon.dir.parent, daemon.socket, PROJECT, "--tracerd=none/trace.json")

    assert done.returncode == 1
    assert "1 failed, 5 passed, 1 skipped, 1 xfailed" in done.stdout
    assert "tracerd: no whole trace in none/trace.json: ERROR " in done.stdout


def begun(log: Path) -> list[str]:
    """The names of what never ended."""
    document: dict[str, list[Event]] = json.loads(invoke("get-tef", log).stdout)
    return [str(event["name"]) for event in document["traceEvents"] if event.get("cat") == "unfinished"]


ENDS_ITSELF = """
import os, time

def test_before():
    pass

def test_culprit():
    {then}
"""


@pytest.mark.parametrize("then", ["os._exit(1)", "os.kill(os.getpid(), 9)"])
def test_a_test_that_ends_its_process_is_named(then: str, daemon: Daemon) -> None:
    run(daemon.dir.parent, daemon.socket, ENDS_ITSELF.format(then=then), "--tracerd=trace.json")

    names = ["run", "test_project.py", "test_project.py::test_culprit", "call"]
    wait_until(lambda: [begun(log) for log in daemon.dir.glob("*.jsonl")] == [names], "all that was sent")
    [log] = daemon.dir.glob("*.jsonl")
    assert b'"name":"test_project.py::test_before","cat":"test","args":{"outcome":"passed"}' in log.read_bytes()


def test_a_test_that_crashes_its_worker_is_named_in_the_file(daemon: Daemon) -> None:
    source = ENDS_ITSELF.format(then="os._exit(1)") + "\ndef test_other():\n    pass\n"
    run(daemon.dir.parent, daemon.socket, source, "--tracerd=trace.json", "-n", "1")

    found = spans(daemon.dir.parent)
    names = [str(event["name"]) for event in found if event.get("cat") == "unfinished"]
    assert [name for name in names if "::" in name] == ["test_project.py::test_culprit"]
    ended = {str(event["name"]) for event in found if event.get("cat") == "test"}
    assert ended == {"test_project.py::test_before", "test_project.py::test_other"}


def test_a_test_that_hangs_until_a_timeout_ends_the_run_is_named(daemon: Daemon) -> None:
    source = ENDS_ITSELF.format(then="time.sleep(600)")
    run(daemon.dir.parent, daemon.socket, source, "--tracerd=trace.json", "--timeout=2", "--timeout-method=thread")

    [log] = daemon.dir.glob("*.jsonl")
    assert begun(log) == ["run", "test_project.py", "test_project.py::test_culprit", "call"]


def test_a_run_without_such_tests_has_no_begin_marks_in_its_file(recorded_run: Run) -> None:
    assert not [event for event in recorded_run.found if event.get("cat") == "unfinished" or "begin" in event]
