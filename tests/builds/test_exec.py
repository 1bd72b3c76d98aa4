"""Builds that `tracerd exec` has recorded, from the command to what the readers show."""

import gzip
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exec.sandbox import TRACERD, Sandbox, own_sandbox
from tests.perfetto.judge import Judge
from tracerd.exec.after import RETENTION

ROWS = (
    "select p.pid, t.tid, t.name, s.name from slice s join thread_track k on s.track_id = k.id "
    "join thread t using (utid) join process p using (upid) order by t.tid, s.ts, s.depth"
)

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with own_sandbox() as made:
        made.serve()
        yield made


def record(sandbox: Sandbox, script: str, *options: str) -> int:
    """Record a script as a person would, into `t.json`; its exit code."""
    done = sandbox.run(TRACERD, "exec", "-o", "t.json", *options, "--", "sh", "-c", script)
    assert b"tracerd" not in done.stderr
    return done.returncode


def rows(sandbox: Sandbox, perfetto: Judge, name: str = "t.json") -> dict[str, list[str]]:
    """The names of the spans on each row; all of them of one process, and Perfetto has nothing to complain of."""
    [found], problems = perfetto.examine(sandbox.home / name, ROWS)
    assert problems == {}
    assert len({pid for pid, *_ in found}) == 1
    shown: dict[str, list[str]] = {}
    for _, _, row, span in found:
        shown.setdefault(str(row), []).append(str(span))
    return shown


@needs_strace
def test_the_file_of_exec_is_on_lanes(sandbox: Sandbox, perfetto: Judge) -> None:
    assert record(sandbox, "sleep 0.1 & sleep 0.6 & wait; /bin/true", "--all") == 0
    shown = rows(sandbox, perfetto)
    assert list(shown) == ["critical path", "job 1", "job 2", "command"]
    assert sorted([*shown["job 1"], *shown["job 2"]]) == ["sleep 0.1", "sleep 0.6", "true"]
    assert shown["critical path"] == ["sleep 0.6", "true"]
    document = json.loads((sandbox.home / "t.json").read_bytes())
    assert document["metadata"]["events"] == len(document["traceEvents"])


def test_a_failure_is_named_and_has_a_row_at_the_top(sandbox: Sandbox, perfetto: Judge) -> None:
    script = f"'{TRACERD}' exec -- sh -c 'exit 3' || '{TRACERD}' exec -- sh -c 'kill -SEGV $$'"
    assert record(sandbox, script) == 128 + signal.SIGSEGV
    shown = rows(sandbox, perfetto)
    assert next(iter(shown)) == "failed"
    assert shown["failed"] == ["FAILED 3 sh: exit 3", "SIGSEGV sh: kill -SEGV $$"]


def test_exec_ends_as_its_command_though_the_file_cannot_be_laid_out(sandbox: Sandbox) -> None:
    # What lays it out cannot start: the file stays as the daemon has written it.
    options = "Options(['sh', '-c', 'exit 7'], output='t.json')"
    environ = "{**os.environb, b'PYTHONHOME': b'/nonexistent'}"
    imports = "import os; from tracerd.exec.options import Options; from tracerd.exec.run import Run"
    done = sandbox.run(sys.executable, "-c", f"{imports}; Run({options}, {environ}).run()")
    assert done.returncode == 7
    assert b"t.json has a row for each process, for it could not be laid out" in done.stderr
    assert [event["ph"] for event in sandbox.events()] == ["M", "M", "X", "M"]


@pytest.mark.parametrize("options", [("--layout", "processes"), ("--follow",)])
def test_a_row_for_each_process_where_it_is_asked_for(sandbox: Sandbox, options: tuple[str, ...]) -> None:
    name = f"rows{options[0]}.json"  # --follow may write it again, and late
    sandbox.run(TRACERD, "exec", "-o", name, *options, "--", "sh", "-c", f"'{TRACERD}' exec -- true")
    assert len({str(event["pid"]) for event in sandbox.events(name) if event["ph"] == "X"}) == 2


def test_a_compressed_file_is_on_lanes_and_keeps_its_mode(sandbox: Sandbox) -> None:
    file = sandbox.home / "t.json.gz"
    file.touch()
    file.chmod(0o600)
    sandbox.run(TRACERD, "exec", "-o", file.name, "--", "sh", "-c", f"'{TRACERD}' exec -- sleep 0.3; exit 0")
    events = json.loads(gzip.decompress(file.read_bytes()))["traceEvents"]
    assert [event["name"] for event in events if event["ph"] == "X" and event["tid"] != event["pid"]] == [
        "sleep 0.3"
    ] * 2
    assert file.stat().st_mode & 0o777 == 0o600


def test_get_tef_and_the_file_of_exec_are_the_same(sandbox: Sandbox) -> None:
    record(sandbox, f"'{TRACERD}' exec -- true; exit 0")
    done = sandbox.run(TRACERD, "get-tef", "latest")
    [laid_out, raw] = [json.loads(text)["traceEvents"] for text in (done.stdout, get_raw(sandbox))]
    assert laid_out == sandbox.events()
    assert len({event["pid"] for event in raw if event["ph"] == "X"}) == 2


def get_raw(sandbox: Sandbox) -> bytes:
    return sandbox.run(TRACERD, "get-tef", "latest", "--layout", "processes").stdout


def test_a_laid_out_file_answers_what_its_log_answers(sandbox: Sandbox) -> None:
    record(sandbox, f"'{TRACERD}' exec -- sleep 0.1; '{TRACERD}' exec -- sh -c 'exit 2'")
    of_log, of_file = (
        json.loads(sandbox.run(TRACERD, "summary", "--json", name).stdout) for name in ("latest", "./t.json")
    )
    assert of_log.pop("trace_id") != of_file.pop("trace_id")
    assert of_log == of_file
    assert [step["name"] for step in of_file["failed"]] == ["sh: exit 2"]
    assert of_file["cpu_s"] > 0


def test_exec_prints_a_summary(sandbox: Sandbox) -> None:
    done = sandbox.run(TRACERD, "exec", "--summary", "--", "sh", "-c", "exit 5")
    assert done.returncode == 5
    lines = done.stderr.decode().splitlines()
    assert len(lines) <= 10
    assert "FAILED 5" in lines[0]
    assert lines[-1].startswith("open it:       tracerd open tr-")


def test_exec_says_on_a_terminal_how_to_see_its_trace_unless_somebody_knows(sandbox: Sandbox) -> None:
    def said(*words: str) -> bytes:
        command = shlex.join([str(TRACERD), "exec", *words, "true"])
        return sandbox.run("script", "-qec", command, "/dev/null", stdin=subprocess.DEVNULL).stdout

    how, retention = said().splitlines()
    assert how.startswith(b"tracerd exec: `tracerd open tr-")
    assert RETENTION.encode() in retention  # once
    assert said().count(b"\n") == 1
    for known in (["--trace", "known"], ["-o", "t.json"]):
        assert said(*known) == b""
    adds = b"tracerd exec: adds to the trace known, last written "
    assert said("--trace", "known").startswith(adds)
    assert sandbox.exec("--trace", "known", "true").stderr == b""
    os.utime(sandbox.logs / "known.jsonl", (0, 0))
    [note, wall, *_] = sandbox.exec("--trace", "known", "--summary", "true").stderr.splitlines()
    assert re.fullmatch(adds + rb"\d+ days ago; a new name for --trace keeps them apart", note)
    assert re.search(rb"^wall: .* ended well after 3 other commands, with .* between; ", wall)
    assert sandbox.run(TRACERD, "exec", "true").stderr == b""  # as a script would see it


# ------------------------------------------------------------------ list


def listed(sandbox: Sandbox) -> dict[str, object]:
    """What `list --json` says of the newest trace."""
    lines = sandbox.run(TRACERD, "list", "--json").stdout.splitlines()
    found: dict[str, object] = json.loads(lines[-1])
    return found


def test_list_says_which_build_a_log_is(sandbox: Sandbox) -> None:
    sandbox.exec("--args", "full", "sh", "-c", "exit 4")
    found = listed(sandbox)
    assert (found["command"], found["exit_code"], found["signal"]) == ("sh -c 'exit 4'", 4, None)
    assert isinstance(found["dur_us"], int)
    assert found["begun_by"] == "exec"


@needs_strace
def test_list_knows_the_number_of_processes(sandbox: Sandbox) -> None:
    sandbox.exec("--all", "sh", "-c", "/bin/true; /bin/true; exit 0")
    assert listed(sandbox)["processes"] == 3


@pytest.mark.parametrize(
    ("words", "environ"),
    [(["--trace", "x1"], {}), (["-o", "t.json"], {}), ([], {"TRACERD_KEEP": "all"}), ([], {"TRACERD_TRACE_ID": "x2"})],
)
def test_a_log_that_others_may_know_is_not_exec_s_own(
    sandbox: Sandbox, words: list[str], environ: dict[str, str]
) -> None:
    sandbox.run(TRACERD, "exec", *words, "true", env=sandbox.environ | environ)
    assert listed(sandbox)["begun_by"] is None


@pytest.mark.parametrize(("shown", "command"), [("full", "sh -c 'PASSWORD=*** true'"), ("name", "sh"), ("none", None)])
def test_the_command_of_list_has_no_more_than_the_span(sandbox: Sandbox, shown: str, command: str | None) -> None:
    sandbox.exec("--args", shown, "sh", "-c", "PASSWORD=hunter2 true")
    assert listed(sandbox)["command"] == command


def test_a_trace_is_found_by_its_command(sandbox: Sandbox) -> None:
    sandbox.exec("sh", "-c", "exit 0 # first of mine")
    sandbox.exec("sh", "-c", "exit 0 # second of mine")
    one = sandbox.run(TRACERD, "summary", "first of mine")
    two = sandbox.run(TRACERD, "summary", "of mine")
    assert b"exit 0 # first of mine" in one.stdout
    assert one.stderr == b""
    assert b"exit 0 # second of mine" in two.stdout
    assert b"is the newest of 2 traces with 'of mine' in their command" in two.stderr
    none = sandbox.run(TRACERD, "summary", "of yours")
    assert none.returncode == 1
    assert b"no trace 'of yours'" in none.stderr
    assert sandbox.run(TRACERD, "clear", "--yes", "of mine").returncode == 1


def test_in_a_pipe_list_prints_paths(sandbox: Sandbox) -> None:
    lines = sandbox.run(TRACERD, "list").stdout.decode().splitlines()
    assert all(Path(line).is_file() and os.path.isabs(line) for line in lines)
