"""Whole builds under `tracerd exec`: with shims, and with strace; what Perfetto shows of them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exec import c_project
from tests.exec.sandbox import TRACERD, Event, Sandbox, own_sandbox
from tests.harness import PATIENCE_S, wait_until
from tests.perfetto.judge import Judge

FILES = 30
PROCESSES = """
select p.name, s.name, parent.name, extract_arg(s.arg_set_id, 'args.exit_code')
from slice s join thread_track t on s.track_id = t.id join thread using (utid) join process p using (upid)
left join flow f on f.slice_in = s.id left join slice parent on parent.id = f.slice_out
"""

needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler is installed")


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


BUILDERS = [pytest.param(["make", "-j4"], marks=needs("make")), pytest.param(["ninja", "-j4"], marks=needs("ninja"))]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with own_sandbox() as made:
        made.serve()
        yield made


def project(sandbox: Sandbox, files: int = FILES, work: int = 3) -> Path:
    """A fresh project."""
    directory = sandbox.home / "project"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    c_project.write(directory, files, work)
    return directory


# ------------------------------------------------------------------ shims


@needs_cc
@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build[0])
def test_a_build_has_a_row_for_each_compiler(sandbox: Sandbox, build: list[str], perfetto: Judge) -> None:
    directory = project(sandbox)
    trace = sandbox.home / "t.json"
    done = sandbox.exec("-o", trace, "--shim", "cc,ar", "--", *build, cwd=directory)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (directory / "program").exists()
    [rows], problems = perfetto.examine(trace, PROCESSES)

    builder = build[0]
    objects = {f"{name}.o" for name in ["main", *(f"part_{number:02}" for number in range(1, FILES))]}
    assert problems == {}
    expected: set[tuple[object, ...]] = {(f"cc {name}", "cc", builder, 0) for name in objects | {"program"}}
    expected |= {(builder, builder, None, 0), ("ar", "ar", builder, 0)}
    assert len(rows) == len(expected) == FILES + 3
    assert {tuple(row) for row in rows} == expected
    pids = {str(event["pid"]) for event in sandbox.events() if event["ph"] == "X"}
    assert len(pids) == FILES + 3
    assert list(sandbox.temporary.iterdir()) == []  # the shims were removed


@needs_cc
@needs("make")
def test_a_folder_of_shims(sandbox: Sandbox) -> None:
    directory = project(sandbox, 3)
    shims = sandbox.home / "my shims"
    done = sandbox.run(TRACERD, "shim", shims, "cc", "ar")
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.decode() == f"put them first in PATH: export PATH='{shims}':\"$PATH\"\n"
    environ = {**sandbox.environ, "PATH": f"{shims}{os.pathsep}{sandbox.environ['PATH']}"}

    untraced = sandbox.run("make", cwd=directory, env=environ)
    assert (untraced.returncode, untraced.stderr) == (0, b"")

    project(sandbox, 3)
    done = sandbox.exec("-o", sandbox.home / "t.json", "make", cwd=directory, env=environ)
    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(sandbox.spans()) == ["ar", "cc", "cc", "cc", "cc", "make"]


def test_shims_pass_on_everything(sandbox: Sandbox) -> None:
    real = sandbox.home / "bin"
    real.mkdir()
    tool = real / "my-tool"
    tool.write_text('#!/bin/sh\necho "$0" "$@"; cat; echo oops >&2; exit ${CODE:-0}\n')
    tool.chmod(0o755)
    for name in ("one", "two"):
        environ = {**sandbox.environ, "PATH": f"{real}{os.pathsep}{sandbox.environ['PATH']}"}
        assert sandbox.run(TRACERD, "shim", sandbox.home / name, "my-tool", env=environ).returncode == 0
    first = [str(sandbox.home / name) for name in ("one", "two", "bin")]
    environ = {**sandbox.environ, "PATH": os.pathsep.join([*first, sandbox.environ["PATH"]]), "CODE": "9"}

    for trace in ({}, {"TRACERD_TRACE_ID": "shimmed"}):
        done = sandbox.run("my-tool", "a b", "*", env={**environ, **trace}, input=b"in\xff\n")
        assert (done.returncode, done.stdout) == (9, os.fsencode(tool) + b" a b *\nin\xff\n")
        assert done.stderr == b"oops\n"
    sandbox.exec("--trace", "shimmed", "true")  # acknowledged: what was written before it is in the log too
    assert (sandbox.logs / "shimmed.jsonl").read_bytes().count(b'{"ph":"X","name":"my-tool","cat"') == 1


WRAPPER = """#!/bin/sh
echo wrapped >>"$0.count"
test "$(wc -l <"$0.count")" -lt 9 || exit 99
IFS=:
for folder in $PATH; do
    test "$folder/tool" -ef "$0" || ! test -x "$folder/tool" || exec "$folder/tool" "$@"
done
"""


@pytest.mark.parametrize("kind", ["script", "link"])
def test_a_wrapper_that_looks_for_its_own_name_does_not_find_the_shim(sandbox: Sandbox, kind: str) -> None:
    """As ccache: in a folder before the compiler's, with its name."""
    wrappers, real = sandbox.home / f"wrappers-{kind}", sandbox.home / f"real-{kind}"
    for directory in (wrappers, real):
        directory.mkdir()
    script = wrappers / ("tool" if kind == "script" else "wrapper")
    script.write_text(WRAPPER)
    script.chmod(0o755)
    if kind == "link":
        (wrappers / "tool").symlink_to("wrapper")
    (real / "tool").symlink_to("/bin/echo")
    environ = {**sandbox.environ, "PATH": f"{wrappers}{os.pathsep}{real}{os.pathsep}{sandbox.environ['PATH']}"}

    done = sandbox.sh("tool a; exit 4", "--shim", "tool", env=environ)
    assert (done.returncode, done.stdout, done.stderr) == (4, b"a\n", b"")
    assert (wrappers / "tool.count").read_text() == "wrapped\n"
    assert sandbox.spans() == ["sh", "tool"]
    assert sandbox.run(TRACERD, "shim", sandbox.home / f"shims-{kind}", "tool", env=environ).returncode == 0
    environ["PATH"] = f"{sandbox.home / f'shims-{kind}'}{os.pathsep}{environ['PATH']}"
    assert sandbox.run("tool", "b", env=environ).stdout == b"b\n"


def test_shims_without_a_daemon_only_run_their_programs(sandbox: Sandbox) -> None:
    sandbox.run(TRACERD, "shim", sandbox.home / "quiet", "true")
    environ = {**sandbox.environ, "TRACERD_SOCKET": str(sandbox.home / "none"), "TRACERD_TRACE_ID": "t"}
    done = sandbox.run(sandbox.home / "quiet/true", env=environ)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_shim_whose_program_has_gone(sandbox: Sandbox) -> None:
    sandbox.run(TRACERD, "shim", sandbox.home / "lost", "true")
    done = sandbox.run(sandbox.home / "lost/true", env={**sandbox.environ, "PATH": str(sandbox.home / "lost")})
    assert (done.returncode, done.stderr) == (127, b"tracerd shim: there is no other true in PATH\n")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["no-such-program"], "there is no no-such-program in PATH; a shim would pretend that there is"),
        (["/usr/bin/cc"], "'/usr/bin/cc' is not the name of a program; give names such as cc, not paths"),
        ([""], "'' is not the name of a program; give names such as cc, not paths"),
        (["sh"], "{directory}/sh exists and is not a shim; choose another folder"),
    ],
)
def test_shims_that_cannot_be_made(sandbox: Sandbox, names: list[str], message: str) -> None:
    directory = sandbox.home / "not"
    directory.mkdir(exist_ok=True)
    (directory / "sh").write_text("mine")
    done = sandbox.run(TRACERD, "shim", directory, *names)

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == f"Error: {message.format(directory=directory)}\n"
    assert [path.name for path in directory.iterdir()] == ["sh"]
    assert (directory / "sh").read_text() == "mine"


@pytest.mark.parametrize(("names", "line"), [("true,no-such", "no no-such in PATH"), ("a/b", "'a/b' is not the name")])
def test_exec_with_shims_that_cannot_be_made_runs_all_the_same(sandbox: Sandbox, names: str, line: str) -> None:
    done = sandbox.exec("--shim", names, "--", "sh", "-c", "true; exit 4")
    assert done.returncode == 4
    assert done.stderr.decode().startswith(f"tracerd exec: --shim: {line}")
    assert done.stderr.count(b"\n") == 1


def test_shims_in_a_folder_that_path_cannot_name(sandbox: Sandbox) -> None:
    """They would never be found, and a build without them looks as if it had no compilers."""
    directory = sandbox.home / "a:b"
    directory.mkdir()
    done = sandbox.sh("true; exit 4", "--shim", "sleep", env={**sandbox.environ, "TMPDIR": str(directory)})
    assert done.returncode == 4
    assert done.stderr.startswith(f"tracerd exec: --shim: {directory}/tracerd-shims-".encode())
    assert b" cannot stand in PATH, where a colon ends a name" in done.stderr
    assert not list(directory.iterdir())
    done = sandbox.run(TRACERD, "shim", directory, "sleep")
    assert (done.returncode, list(directory.iterdir())) == (1, [])


# ------------------------------------------------------------------ --all


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
        (str(event["name"]), str(event["args"]))
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
    assert sandbox.spans() == ["sh", "true", "tracerd", "false", "cc-like"]


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
    wait_until(lambda: b'"argv":["sh","-c","true; echo alive >said"],"exit_code":0' in log.read_bytes(), "its span")


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
