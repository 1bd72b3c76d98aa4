"""The command runs in any case: where a process lacks what recording needs, and whatever a step of it raises."""

import resource
import shutil
import signal
import subprocess
import sys

import pytest

from tests.exec.sandbox import TRACERD, Sandbox

COMMAND = ("sh", "-c", "cat; exit 5")
ALL = pytest.param("--all", marks=pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"))


def runs(done: "subprocess.CompletedProcess[bytes]", lines: int) -> str:
    """The command has had its input and its exit code, beside at most so many lines; those."""
    assert (done.returncode, done.stdout) == (5, b"in"), done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") <= lines, done.stderr
    return done.stderr.decode()


# ------------------------------------------------------------------ what a process may lack


@pytest.mark.parametrize("way", ["--follow", "--all", "--shim=cat"])
@pytest.mark.parametrize("limit", [*range(5, 17), 20, 30])
def test_few_descriptors(sandbox: Sandbox, way: str, limit: int) -> None:
    """Four are too few for Python to start."""
    if way == "--all" and shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    done = sandbox.exec(
        *("--trace", f"few{way}{limit}", "-o", f"few{way}{limit}.json", way, "--", *COMMAND),
        input=b"in",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),
    )
    warning = runs(done, lines=1)
    assert warning or "sh" in sandbox.spans(f"few{way}{limit}.json")  # --follow may write a file again, and late


@pytest.mark.parametrize("way", ["--no-start", ALL])
@pytest.mark.parametrize("limit", range(20, 30, 2))
def test_few_descriptors_beside_those_of_the_command(sandbox: Sandbox, way: str, limit: int) -> None:
    """With --all they travel past strace, which takes as many again."""
    passed = " ".join(f"{fd}</dev/null" for fd in range(3, 13))
    script = f"ulimit -n {limit}; exec '{TRACERD}' exec {way} -- sh -c 'cat; exit 5' {passed}"
    runs(sandbox.run("bash", "-c", script, input=b"in"), lines=1)


@pytest.mark.parametrize("way", ["--no-start", ALL])
def test_the_highest_descriptors_are_handed_on(sandbox: Sandbox, way: str) -> None:
    """A few that are left do not matter, but their numbers may be the last that the limit allows."""
    script = f"exec '{TRACERD}' exec {way} -- bash -c 'cat <&63; exit 5' 62</dev/null 63<&0"
    done = sandbox.run("bash", "-c", f"ulimit -n 64; {script}", input=b"in")
    assert runs(done, lines=0) == ""


@pytest.mark.parametrize("way", ["--follow", ALL])
def test_an_ignored_sigchld(sandbox: Sandbox, way: str) -> None:
    """Also where a daemon has to be started: the kernel would reap all children itself."""
    sandbox.stop()
    done = sandbox.exec(
        *("-o", f"child{way}.json", way, "--", *COMMAND),
        input=b"in",
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
    )
    assert runs(done, lines=0) == ""
    assert "sh" in sandbox.spans(f"child{way}.json")
    assert sandbox.args("sh", f"child{way}.json")["exit_code"] == 5


@pytest.mark.parametrize("way", ["--follow", ALL])
def test_no_proc(sandbox: Sandbox, way: str) -> None:
    mount = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]
    if sandbox.run(*mount, "true").returncode:
        pytest.skip("only root can hide /proc")
    done = sandbox.run(*mount, TRACERD, "exec", "-o", f"proc{way}.json", way, "--", *COMMAND, input=b"in")
    warning = runs(done, lines=1)
    assert warning in ("", "tracerd exec: --all: there is no /proc; only what is wrapped is recorded\n")
    assert sandbox.spans(f"proc{way}.json") == ["sh"]


@pytest.mark.parametrize("way", ["--follow", ALL])
def test_a_removed_directory(sandbox: Sandbox, way: str) -> None:
    script = (
        f"mkdir gone; cd gone; rmdir ../gone; "
        f"exec '{TRACERD}' exec -o '{sandbox.home}/gone{way}.json' {way} -- /bin/cat /dev/stdin /no/such"
    )
    done = sandbox.run("sh", "-c", script, input=b"in")
    assert (done.returncode, done.stdout) == (1, b"in")
    assert done.stderr == b"/bin/cat: /no/such: No such file or directory\n"
    assert sandbox.spans(f"gone{way}.json") == ["cat"]


# ------------------------------------------------------------------ whatever a step raises


RAISING = """
import importlib, sys
module, path = sys.argv[1:3]
del sys.argv[1:3]
import tracerd.exec.run, tracerd.exec.process_tracer, tracerd.exec.shims, tracerd.exec.descriptors
*owners, name = path.split(".")
owner = importlib.import_module(module)
for part in owners:
    owner = getattr(owner, part)
def fail(*_, **options):
    raise MemoryError
setattr(owner, name, fail)
from tracerd.__main__ import main
main()
"""

STEPS = [
    ("tracerd.exec.run", "TraceContext.__init__"),
    ("tracerd.exec.run", "event.CommandLabel.__init__"),
    ("tracerd.exec.run", "absolute"),
    ("tracerd.exec.event", "os.urandom"),
    ("tracerd.exec.run", "connect"),
    ("tracerd.exec.run", "exported"),
    ("tracerd.exec.event", "span_id"),
    ("tracerd.exec.run", "event.process_name"),
    ("tracerd.exec.run", "event.span"),
    ("tracerd.exec.run", "Command.__init__"),
    ("tracerd.exec.command", "os.pipe"),
    ("tracerd.exec.command", "_Witness.__init__"),
    ("tracerd.exec.command", "signal.sigwaitinfo"),
    ("tracerd.exec.command", "Command.unblock_signals"),
    ("tracerd.exec.programs", "Ended.args"),
    ("tracerd.exec.daemon_socket", "DaemonSocket.write"),
    ("tracerd.exec.daemon_socket", "DaemonSocket.acknowledged"),
    ("tracerd.exec.daemon_socket", "DaemonSocket.close"),
    ("tracerd.exec.process_tracer", "ProcessTracer.__init__"),
    ("tracerd.exec.process_tracer", "ProcessTracer.command"),
    ("tracerd.exec.process_tracer", "ProcessTracer.finish"),
    ("tracerd.exec.process_tracer", "_probe"),
    ("tracerd.exec.process_tracer", "_follow"),
    ("tracerd.exec.descriptors", "send"),
    ("tracerd.exec.shims", "Shims.__init__"),
]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize(("module", "path"), STEPS, ids=[".".join(step) for step in STEPS])
def test_whatever_a_step_raises(sandbox: Sandbox, module: str, path: str) -> None:
    command = ["sh", "-c", "cat; sleep 0.05; exit 5"]  # long enough for every step
    words = ["exec", "--all", "--shim", "cat", "-o", "t.json", "--", *command]
    done = sandbox.run(sys.executable, "-c", RAISING, module, path, *words, input=b"in")
    runs(done, lines=1)
    assert not list(sandbox.temporary.iterdir())


def test_a_warning_that_cannot_be_made_printable_is_ascii(sandbox: Sandbox) -> None:
    words = ["tracerd.text", "printable", "exec", "--no-start", "--", "sh", "-c", "exit 5"]
    environ = {**sandbox.environ, "TRACERD_SOCKET": str(sandbox.home / "\x1b[2J.socket")}
    done = sandbox.run(sys.executable, "-c", RAISING, *words, env=environ)

    assert done.returncode == 5
    assert b"\x1b" not in done.stderr
    assert b"no daemon is running on " in done.stderr
