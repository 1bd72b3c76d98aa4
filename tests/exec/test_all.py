"""`tracerd exec --all`: what processes become, what they cannot become, and what cannot be traced."""

import json
import os
import shutil
import subprocess

import pytest

from tests.exec.sandbox import TRACERD, Event, Sandbox, args
from tests.perfetto.judge import Judge

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def marks(sandbox: Sandbox) -> list[Event]:
    """The instants."""
    return [event for event in sandbox.events() if event["ph"] == "i"]


# ------------------------------------------------------------------ what a process becomes


def test_a_process_has_a_span_for_each_program_that_it_becomes(sandbox: Sandbox, perfetto: Judge) -> None:
    script = "sh -c 'sleep 0.05; exec env -i sleep 0.03'; true"
    assert sandbox.sh(script, "--all").returncode == 0
    rows, problems = perfetto.examine(
        sandbox.home / "t.json",
        "select s.name, s.ts, s.dur, s.depth from slice s join thread_track t on s.track_id = t.id "
        "join thread using (utid) join process p using (upid) where p.name = 'sleep 0.03' order by s.ts",
    )

    assert problems == {}
    assert [(row[0], row[3]) for row in rows[0]] == [("sh", 0), ("env", 0), ("sleep", 0)]
    starts, lengths = [int(str(row[1])) for row in rows[0]], [int(str(row[2])) for row in rows[0]]
    assert starts[0] + lengths[0] == starts[1]
    assert starts[1] + lengths[1] == starts[2]
    assert lengths[0] >= 50_000_000
    assert lengths[2] >= 30_000_000
    assert sandbox.args("env")["became"] == "sleep"
    assert "exit_code" not in sandbox.args("env")


def test_what_the_command_itself_becomes_is_marked(sandbox: Sandbox) -> None:
    sandbox.sh("exec env sleep 0", "--all")
    assert sandbox.spans() == ["sh"]
    assert [mark["name"] for mark in marks(sandbox)] == ["becomes env", "becomes sleep"]
    assert args(marks(sandbox)[1])["argv"] == ["sleep", "0"]


def test_no_more_is_recorded_of_programs_than_args_allows(sandbox: Sandbox) -> None:
    sandbox.sh("sh -c 'exec env no-such'; exec sleep 0", "--all", "--args", "none")
    text = (sandbox.home / "t.json").read_text()
    assert "sleep" not in text
    assert "no-such" not in text
    assert [mark["name"] for mark in marks(sandbox)] == ["execve command", "becomes command"]


# ------------------------------------------------------------------ what a process calls itself

NAMES_ITSELF = """
import os, socket
def say(name):
    at = '"pid":%d,"tid":%d' % (os.getpid(), os.getpid())
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.connect(os.environ["TRACERD_SOCKET"])
        daemon.sendall(b"OPEN " + os.environ["TRACERD_TRACE_ID"].encode() + b"\\n")
        daemon.sendall(b'{"ph":"M","name":"process_name",%s,"args":{"name":"%s"}}\\n' % (at.encode(), name))
        daemon.sendall(b'{"ph":"X","name":"own",%s,"ts":1,"dur":1}\\n' % at.encode())
say(b"python of its own")
if not os.fork():
    say(b"part of its own")
    os._exit(0)
os.wait()
"""


def test_a_process_that_names_itself_is_called_so_by_every_reader(sandbox: Sandbox, perfetto: Judge) -> None:
    """A program is named when it begins, a part of one when it has ended: here before and after the own name."""
    (sandbox.home / "program.py").write_text(NAMES_ITSELF)
    assert sandbox.sh("python3 program.py; true", "--all", "--trace", "t").returncode == 0
    names = ["part of its own", "python of its own"]

    def rows(*words: str) -> list[dict[str, object]]:
        return [json.loads(line) for line in sandbox.run(TRACERD, *words).stdout.splitlines()]

    tree = rows("show", "t", "--json")
    assert sorted(str(row["process"]) for row in tree if row["type"] == "process" and row["spans"] == 1) == names
    [stats] = rows("stats", "t", "--json")
    assert {*names} <= {target["step"] for target in stats["targets"]}  # type: ignore[attr-defined]  # a list
    [counts] = rows("query", "t", 'count() by process where name == "own"', "--json")
    assert [*counts["metrics"].values()] == [dict.fromkeys(names, 1)]  # type: ignore[attr-defined]  # of one metric
    shown = sandbox.run(TRACERD, "tail", "-n", "99", "t").stdout.decode().splitlines()
    assert sorted(line[17:32] for line in shown if " own  " in line) == [name[:15] for name in names]

    sandbox.run(TRACERD, "get-tef", "t", "-o", "t.json")
    called = "select p.name from slice s join thread_track t on s.track_id = t.id join thread using (utid) "
    called += "join process p using (upid) where s.name = 'own' order by 1"
    assert perfetto.examine(sandbox.home / "t.json", called) == ([[[name] for name in names]], {})


# ------------------------------------------------------------------ what could not be started


def test_a_failed_execve_is_recorded(sandbox: Sandbox) -> None:
    """Once for each program, however many folders PATH has, and not if it was found in the last one."""
    script = "env no-such 1 2; env true; (exec /etc/passwd); sh -c 'exec /etc/passwd'; /no/such; true"
    sandbox.sh(script, "--all")
    found = [(mark["name"], args(mark)["argv"], args(mark)["error"]) for mark in marks(sandbox)]
    denied = ("execve /etc/passwd", ["/etc/passwd"], "Permission denied")
    missing = "No such file or directory"
    assert found == [
        ("execve no-such", ["no-such", "1", "2"], missing),
        denied,
        denied,
        ("execve /no/such", ["/no/such"], missing),
    ]


def test_what_failed_to_start_a_program_is_called_by_it(sandbox: Sandbox) -> None:
    """A shell forks before it looks for a program; a part of a script that fails otherwise stays what it is."""
    sandbox.sh("/no/such 1; (cd /tmp && ./missing; exit 3); (exit 4); true", "--all")
    spans = {str(event["name"]): args(event) for event in sandbox.events() if event["ph"] == "X"}
    missing = "No such file or directory"
    tried = {"argv": ["/no/such", "1"], "cwd": str(sandbox.home), "error": missing, "exit_code": 127}
    assert spans["such"] == tried
    assert spans["missing"] == tried | {"argv": ["./missing"], "cwd": "/tmp"}
    assert spans["sh (fork)"] in ({"exit_code": 3}, {"exit_code": 4})


def test_a_failed_execve_of_the_command_itself_is_recorded(sandbox: Sandbox) -> None:
    """It was found, but its interpreter is missing."""
    script = sandbox.home / "lame"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    for way in ("--all", "--no-start"):
        done = sandbox.exec("-o", "t.json", way, "--", script)
        assert done.returncode in (126, 127)
        errors = [args(event).get("error") for event in sandbox.events() if event["ph"] in ("i", "X")]
        assert "No such file or directory" in errors


# ------------------------------------------------------------------ what cannot be traced

UNTRACED = r"""
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    int status;
    long pid = syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, 0, 0, 0);
    if (!pid)
        _exit(0);
    waitpid(pid, &status, 0);
    return 0;
}
"""
TRACES_ITSELF = r"""
#include <sys/ptrace.h>
int main(void) { return ptrace(PTRACE_TRACEME, 0, 0, 0) ? 7 : 0; }
"""


def compiled(sandbox: Sandbox, text: str) -> str:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    (sandbox.home / "program.c").write_text(text)
    subprocess.run([compiler, "-o", sandbox.home / "program", sandbox.home / "program.c"], check=True)
    return "./program"


@pytest.mark.parametrize("text", [UNTRACED, TRACES_ITSELF], ids=["CLONE_UNTRACED", "PTRACE_TRACEME"])
@pytest.mark.parametrize("script", ["{}; true", "exec {}"])
def test_a_program_that_strace_breaks_is_reported(sandbox: Sandbox, text: str, script: str) -> None:
    program = compiled(sandbox, text)
    done = sandbox.exec("--all", "--", "sh", "-c", script.format(program))
    line = "--all: program may have failed: under strace it cannot trace processes or start untraced ones; use --shim"
    assert done.stderr.decode() == f"tracerd exec: {line} instead\n"


def test_other_programs_are_not_reported(sandbox: Sandbox) -> None:
    done = sandbox.exec("--all", "--", "sh", "-c", "(true) & python3 -c 'import os; os.fork()'; wait")
    assert (done.returncode, done.stderr) == (0, b"")


# ------------------------------------------------------------------ what is still running


def test_what_runs_is_seen_as_begun_and_nothing_else(sandbox: Sandbox) -> None:
    export = 'tracerd get-tef "$TRACERD_TRACE_ID" -o now.json --layout processes'
    script = f"cat fifo >/dev/null & (sh -c 'exec env sleep 0'); {export}; echo >fifo; wait"
    os.mkfifo(sandbox.home / "fifo")
    assert sandbox.sh(script, "--all").returncode == 0

    begun = [event for event in sandbox.events("now.json") if event.get("cat") == "unfinished"]
    assert {str(event["name"]) for event in begun} == {"sh", "cat", "tracerd"}
    names = [args(event)["name"] for event in sandbox.events("now.json") if event["name"] == "process_name"]
    assert "cat fifo" in names or "cat" in names
    assert not [event for event in sandbox.events() if event.get("cat") == "unfinished" or "begin" in event]
