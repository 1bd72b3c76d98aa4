"""Whole builds under `tracerd exec --all`: every process, with strace; what Perfetto shows of them."""

import os
import re
import shutil
import subprocess

import pytest

from tests.exec.builds import BUILDERS, FILES, PROCESSES, needs, needs_cc, project
from tests.exec.sandbox import TRACERD, Event, Sandbox, args
from tests.harness import PATIENCE_S, wait_until
from tests.perfetto.judge import Judge


@needs("strace")
@needs_cc
@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build[0])
def test_all_sees_every_process_of_a_build(sandbox: Sandbox, build: list[str], perfetto: Judge) -> None:
    directory = project(sandbox)
    trace = sandbox.home / "t.json"
    done = sandbox.exec("-o", trace, "--all", "--", *build, cwd=directory)
    assert (done.returncode, done.stderr) == (0, b"")
    [rows], problems = perfetto.examine(trace, PROCESSES)

    assert problems == {}
    spans = [row[1] for row in rows]
    assert spans.count("cc") == FILES + 1
    assert spans.count("as") == FILES
    assert spans.count("ar") == spans.count(build[0]) == 1
    assert [row for row in rows if row[3] != 0] == []
    assert [row[1] for row in rows if row[2] is None] == [build[0]]  # all others have somebody who started them
    assert {row[2] for row in rows if row[1] == "as"} == {"cc"}


@needs("strace")
def test_all_records_arguments_ends_and_who_started_whom(sandbox: Sandbox) -> None:
    script = (
        "(exit 3); sh -c 'kill -9 $$'; /bin/true 'a b' \"$(printf '\\377\"')\" & wait $!; sh -c 'exec false'; exit 6"
    )
    done = sandbox.sh(script, "--all", "--name", "root")
    assert done.returncode == 6
    told = {
        (str(event["name"]), str({key: value for key, value in args(event).items() if key != "cwd"}))
        for event in sandbox.events()
        if event["ph"] == "X" and event["name"] != "root"
    }
    assert ("sh (fork)", "{'exit_code': 3}") in told
    assert ("sh", "{'argv': ['sh', '-c', 'kill -9 $$'], 'signal': 'SIGKILL'}") in told
    assert ("false", "{'argv': ['false'], 'exit_code': 1}") in told
    assert any(name == "true" and "'a b', '\ufffd\"'" in args for name, args in told)


@needs("strace")
def test_all_hides_what_exec_hides(sandbox: Sandbox) -> None:
    sandbox.sh("/bin/true --token hunter2; /bin/true K_KEY=hunter2; exit 0", "--all", "--trace", "hidden")
    assert "'***'" in str(sandbox.events())
    assert "hunter2" not in (sandbox.logs / "hidden.jsonl").read_text()


@needs("strace")
def test_all_is_complete_ten_times(sandbox: Sandbox) -> None:
    script = "/bin/true & /bin/true & sh -c '/bin/true; :'; wait"
    found = [sandbox.sh(script, "--all").returncode == 0 and sorted(sandbox.spans()) for _ in range(10)]
    assert found == [["sh", "sh", "true", "true", "true"]] * 10


@needs("strace")
def test_all_with_closed_descriptors(sandbox: Sandbox) -> None:
    done = sandbox.run(
        "sh", "-c", f"'{TRACERD}' exec -o t.json --layout processes --all -- sh -c '/bin/true; exit 3' <&- >&- 2>&-"
    )
    assert (done.returncode, sandbox.spans()) == (3, ["sh", "true"])


@needs("strace")
def test_all_and_wrappers_record_each_process_once(sandbox: Sandbox) -> None:
    script = f"'{TRACERD}' exec -- true; '{TRACERD}' exec --name n -o u.json -- false; cc-like; exit 0"
    shims = sandbox.home / "shims-all"
    bin_dir = sandbox.home / "bin-all"
    bin_dir.mkdir()
    (bin_dir / "cc-like").symlink_to("/bin/true")
    environ = {**sandbox.environ, "PATH": f"{bin_dir}{os.pathsep}{sandbox.environ['PATH']}"}
    sandbox.run(TRACERD, "shim", shims, "cc-like", env=environ)
    environ["PATH"] = f"{shims}{os.pathsep}{environ['PATH']}"
    done = sandbox.sh(script, "--all", env=environ)

    assert (done.returncode, done.stderr) == (0, b"")
    # Of an exec whose command takes more than 20 ms there is the witness of signals, too.
    spans = [name for name in sandbox.spans() if name != "tracerd (fork)"]
    assert spans == ["sh", "true", "tracerd", "false", "cc-like"]


@needs("strace")
def test_all_follows_threads_and_what_they_start(sandbox: Sandbox, perfetto: Judge) -> None:
    script = (
        "import subprocess, threading\n"
        "def work(): subprocess.run(['true']); subprocess.run(['sh', '-c', 'exit 0'])\n"
        "threads = [threading.Thread(target=work) for _ in range(4)]\n"
        "for t in threads: t.start()\n"
        "for t in threads: t.join()\n"
    )
    (sandbox.home / "threads.py").write_text(script)
    done = sandbox.exec("-o", "t.json", "--all", "--", "sh", "-c", "python3 threads.py; true")
    [rows], problems = perfetto.examine(sandbox.home / "t.json", PROCESSES)

    assert (done.returncode, problems) == (0, {})
    pairs = [(str(row[1]), str(row[2])) for row in rows]
    assert pairs.count(("true", "python3")) == 4
    assert pairs.count(("sh", "python3")) == 4


def can_make_pid_namespaces() -> bool:
    command = ["unshare", "--user", "--pid", "--fork", "true"]
    return (
        shutil.which("unshare") is not None
        and subprocess.run(command, check=False, capture_output=True).returncode == 0
    )


@needs("strace")
@pytest.mark.skipif(not can_make_pid_namespaces(), reason="no pid namespaces can be made here")
def test_all_sees_into_a_sandbox_that_counts_its_processes_from_one(sandbox: Sandbox) -> None:
    inside = "unshare --user --pid --fork sh -c '/bin/true; (exit 3); sh -c \"/bin/true; :\"; :'"
    assert sandbox.sh(f"{inside}; exit 4", "--all", "--name", "root").returncode == 4

    spans = {event["pid"]: event for event in sandbox.events() if event["ph"] == "X"}
    started_by = {event["pid"]: arrow["pid"] for event, arrow in arrows(sandbox)}
    names = sorted(
        f"{spans[started_by[pid]]['name']}: {span['name']}" for pid, span in spans.items() if pid in started_by
    )
    assert names == ["root: unshare", "sh: sh", "sh: sh (fork)", "sh: true", "sh: true", "unshare: sh"]
    assert len(spans) == len(names) + 1
    assert "not seen" not in str(spans)


def arrows(sandbox: Sandbox) -> list[tuple[Event, Event]]:
    """The end of each arrow, and its begin."""
    begins = {event["id"]: event for event in sandbox.events() if event["ph"] == "s"}
    return [(event, begins[event["id"]]) for event in sandbox.events() if event["ph"] == "f"]


@needs("strace")
def test_what_outlives_the_command_goes_on_unharmed_and_is_recorded(sandbox: Sandbox) -> None:
    script = "{ cat >/dev/null; sh -c 'true; echo alive >said'; } <&3 >/dev/null & exit 3"
    with subprocess.Popen(
        [TRACERD, "exec", "--all", "--trace", "late", "--", "sh", "-c", f"exec 3<&0; {script}"],
        env=sandbox.environ,
        cwd=sandbox.home,
        stdin=subprocess.PIPE,
    ) as process:
        assert process.wait(PATIENCE_S) == 3
        assert process.stdin
        process.stdin.close()
    said = sandbox.home / "said"
    wait_until(lambda: said.exists() and said.read_text() == "alive\n", "the late process")
    log = sandbox.logs / "late.jsonl"
    span = re.compile(rb'"argv":\["sh","-c","true; echo alive >said"\],"cwd":"[^"]+","exit_code":0')
    wait_until(lambda: span.search(log.read_bytes()), "its span")


@needs("strace")
def test_nothing_holds_a_pipe_of_the_command_s_open(sandbox: Sandbox) -> None:
    """A process in the background that has closed its output does not keep the reader of that output waiting."""
    gate = sandbox.home / "gate"
    os.mkfifo(gate)
    script = "head -c 1 <>gate >/dev/null 2>&1 & echo out"
    with subprocess.Popen(
        [TRACERD, "exec", "--all", "--", "sh", "-c", script],
        env=sandbox.environ,
        cwd=sandbox.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        out, _ = process.communicate(timeout=PATIENCE_S)  # returns at the end of the pipe, while `head` still waits
        assert out == b"out\n"
        gate.write_bytes(b"x")


def test_all_without_strace(sandbox: Sandbox) -> None:
    bin_dir = sandbox.home / "no-strace"
    bin_dir.mkdir()
    (bin_dir / "sh").symlink_to("/bin/sh")
    environ = {**sandbox.environ, "PATH": str(bin_dir)}
    done = sandbox.exec("-o", "t.json", "--all", "--", "sh", "-c", "exit 4", env=environ)

    line = (
        "tracerd exec: --all: there is no strace; install it, such as with apt-get install strace; only what is wrapped"
    )
    assert (done.returncode, done.stderr.decode()) == (4, f"{line} is recorded\n")
    assert sandbox.spans() == ["sh"]


@needs("strace")
def test_all_where_strace_may_not_trace(sandbox: Sandbox) -> None:
    """As in a container without the right to: here because we are traced already."""
    script = f"'{TRACERD}' exec -o t.json --trace inner --all -- sh -c 'true; exit 4'"
    done = sandbox.run("strace", "-f", "-o", "/dev/null", "-e", "trace=none", "sh", "-c", script)

    assert done.returncode == 4
    assert done.stderr.startswith(b"tracerd exec: --all: strace does not work here: ")
    assert done.stderr.count(b"\n") == 1
    assert sandbox.spans() == ["sh"]
