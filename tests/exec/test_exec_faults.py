"""`tracerd exec` where recording does not work: the command runs all the same, and one line says what is missing."""

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exec.sandbox import TRACERD, Sandbox, own_sandbox
from tests.harness import PATIENCE_S, wait_until


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with own_sandbox() as made:
        yield made


COMMAND = ("sh", "-c", "cat; exit 5")


def runs_all_the_same(done: "subprocess.CompletedProcess[bytes]", line: str) -> None:
    """The command has had its input and its exit code, and there is one line beside it."""
    assert (done.returncode, done.stdout) == (5, b"in")
    assert done.stderr.decode().startswith(f"tracerd exec: {line}"), done.stderr
    assert done.stderr.count(b"\n") == 1


# ------------------------------------------------------------------ no daemon


def test_a_daemon_is_started_if_there_is_none(sandbox: Sandbox) -> None:
    done = sandbox.exec("-o", "t.json", "--", *COMMAND, input=b"in")

    assert (done.returncode, done.stdout, done.stderr) == (5, b"in", b"")
    assert sandbox.spans() == ["sh"]
    assert sandbox.daemon_pid()


def test_the_socket_of_a_dead_daemon_is_replaced(sandbox: Sandbox) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(sandbox.socket))
    done = sandbox.exec("-o", "t.json", "--", *COMMAND, input=b"in")

    assert (done.returncode, done.stdout, done.stderr) == (5, b"in", b"")
    assert sandbox.spans() == ["sh"]


@pytest.mark.parametrize("dead_socket", [False, True])
def test_without_a_daemon_and_not_to_start_one(sandbox: Sandbox, dead_socket: bool) -> None:
    if dead_socket:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
            dead.bind(str(sandbox.socket))
    done = sandbox.exec("--no-start", "-o", "t.json", "--", *COMMAND, input=b"in")

    line = f"no daemon is running on {sandbox.socket}; `tracerd serve` starts one; the command runs unrecorded; "
    runs_all_the_same(done, f"{line}there will be no t.json\n")
    assert not sandbox.daemon_pid()


def test_a_daemon_that_cannot_start(sandbox: Sandbox) -> None:
    sandbox.logs.write_text("a file where the directory of logs should be")
    done = sandbox.exec("--", *COMMAND, input=b"in")

    runs_all_the_same(done, "the daemon did not start: ")
    assert b"; the command runs unrecorded\n" in done.stderr


def test_what_is_nested_says_nothing_more_and_ocaml_is_not_told_of_a_daemon(sandbox: Sandbox) -> None:
    script = f"'{TRACERD}' exec -- sh -c 'cat; exit 5'; code=$?; env | grep -c TRACE_TEF >&2; exit $code"
    done = sandbox.exec("--no-start", "--", "sh", "-c", script, input=b"in")

    first, second = done.stderr.splitlines()
    assert (done.returncode, done.stdout, second) == (5, b"in", b"0")
    assert first.startswith(b"tracerd exec: no daemon is running")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's daemon")
def test_the_daemon_of_another_user_is_told_nothing(sandbox: Sandbox) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as others:
        os.chmod(sandbox.home, 0o777)  # noqa: S103 (for the other user)
        os.seteuid(1234)
        try:
            others.bind(str(sandbox.socket))
            others.listen()
        finally:
            os.seteuid(0)
        done = sandbox.exec("--", *COMMAND, input=b"in")
        runs_all_the_same(
            done, f"cannot connect to the daemon on {sandbox.socket}: the daemon there belongs to another"
        )


@pytest.mark.parametrize("number", [40, pytest.param(200, marks=pytest.mark.long)])
def test_many_at_once_start_one_daemon(sandbox: Sandbox, number: int) -> None:
    """The promise is two hundred, with `-m long`; a usual run has forty, on two processors a crowd too."""
    sandbox.environ["TRACERD_TRACE_ID"] = "rush"
    starter = f"for i in $(seq {number}); do '{TRACERD}' exec -- true & done; wait"
    done = sandbox.run("bash", "-c", starter)
    log = (sandbox.home / "state/tracerd/tracerd.log").read_text()

    assert done.returncode == 0
    # In such a crowd its answer may take more than the second that exec waits; what was sent is stored all the same.
    assert {*done.stderr.splitlines()} <= {b"tracerd exec: the daemon did not answer, does it hang?"}
    assert log.count("listening on") == 1
    wait_until(lambda: (sandbox.logs / "rush.jsonl").read_bytes().count(b'"ph":"X"') == number, "all of them")


def test_a_daemon_that_is_just_starting_is_waited_for(sandbox: Sandbox) -> None:
    """Somebody else has begun to start it: it holds the lock of the socket, and does not listen yet."""
    with subprocess.Popen([TRACERD, "serve"], env=sandbox.environ, stderr=subprocess.PIPE) as daemon:
        done = sandbox.exec("-o", "t.json", "--", *COMMAND, input=b"in")
        assert (done.returncode, done.stderr) == (5, b"")
        assert sandbox.spans() == ["sh"]
        daemon.terminate()


# ------------------------------------------------------------------ a daemon that does not do its part


@pytest.fixture
def served(sandbox: Sandbox) -> Sandbox:
    sandbox.serve()
    return sandbox


@pytest.mark.parametrize("output", [(), ("-o", "t.json")], ids=["plain", "-o"])
def test_a_daemon_that_hangs_is_reported_and_loses_nothing(served: Sandbox, output: tuple[str, ...]) -> None:
    pid = served.daemon_pid()
    assert pid
    os.kill(pid, signal.SIGSTOP)
    done = served.exec("--trace", "hung", *output, "--", *COMMAND, input=b"in")
    os.kill(pid, signal.SIGCONT)

    runs_all_the_same(done, "the daemon did not answer, does it hang?")
    log = served.logs / "hung.jsonl"
    wait_until(lambda: log.exists() and b'"ph":"X"' in log.read_bytes(), "what was written meanwhile")


@pytest.mark.parametrize("way", ["", "--all"])
def test_a_full_disk(served: Sandbox, way: str) -> None:
    """The log cannot be written either, and the daemon says that first."""
    if way and shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    pid = served.daemon_pid()
    assert pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    waits = "events from here on wait in memory until the log can be written: File too large\n"
    runs_all_the_same(served.exec("--", *COMMAND, input=b"in"), waits)
    done = served.exec("-o", "t.json", *filter(None, [way]), "--", *COMMAND, input=b"in")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    why = f"cannot write {served.home}/t.json: File too large"
    runs_all_the_same(done, f"t.json was not written: {why}; {waits}")
    assert not [*served.home.glob("*t.json*")]


def test_a_file_of_a_log_that_could_not_be_written(served: Sandbox) -> None:
    """The file alone fits, for it is compressed."""
    pid = served.daemon_pid()
    assert pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    done = served.exec("-o", "t.json.gz", "--", *COMMAND, "x" * 4096, input=b"in")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    why = "the log cannot be written: File too large"
    runs_all_the_same(done, f"t.json.gz is written, but incomplete: {why}; events from here on wait in memory until")


@pytest.mark.parametrize("output", ["/no/such/dir/t.json", "/dev/null", "logs/t.json"])
def test_an_output_that_cannot_be_written(served: Sandbox, output: str) -> None:
    done = served.exec("-o", output, "--", *COMMAND, input=b"in")
    runs_all_the_same(done, "")
    assert os.path.dirname(output).encode() in done.stderr


def test_a_current_directory_that_was_removed(served: Sandbox) -> None:
    """Where a relative path leads nowhere."""
    gone = served.home / "gone"
    script = f"mkdir '{gone}'; cd '{gone}'; rmdir '{gone}'; exec '{TRACERD}' exec -o t.json -- /bin/sh -c 'cat; exit 5'"
    done = served.run("sh", "-c", script, input=b"in")
    line = b"tracerd exec: there will be no t.json: the current directory was removed\n"
    assert (done.returncode, done.stdout) == (5, b"in")
    assert done.stderr.startswith(line)
    assert b"Traceback" not in done.stderr

    done = served.run("sh", "-c", script, input=b"in", env={**served.environ, "TRACERD_SOCKET": "s"})
    assert (done.returncode, done.stdout) == (5, b"in")
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("way", ["", "--all"])
def test_a_daemon_that_dies_meanwhile(served: Sandbox, way: str) -> None:
    if way and shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    pid = served.daemon_pid()
    assert pid
    # Its first thread may have ended while another one still holds the sockets.
    gone = f"grep -q Z /proc/{pid}/stat && test $(ls /proc/{pid}/task | wc -l) = 1"
    script = f"kill -9 {pid}; until ! kill -0 {pid} 2>&- || {{ {gone}; }}; do sleep 0.01; done; cat; exit 5"
    done = served.exec("-o", "t.json", *filter(None, [way]), "--", "sh", "-c", script, input=b"in")
    runs_all_the_same(done, "the daemon ended while the command ran: the end of the trace is missing, and there is no")


def test_a_daemon_that_is_started_anew_meanwhile(served: Sandbox) -> None:
    script = f"'{TRACERD}' stop --now; '{TRACERD}' serve --daemonize 2>/dev/null; cat; exit 5"
    done = served.exec("-o", "t.json", "--", "sh", "-c", script, input=b"in")
    runs_all_the_same(done, "the daemon was started anew while the command ran: the trace may lack processes")
    assert served.spans() == ["sh"]


ALONE = """
import os, resource, sys
import tracerd.exec.options, tracerd.exec.run, tracerd.launcher, tracerd.text
from tracerd.__main__ import main
if not os.geteuid():  # the limit does not hold for root
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
main()
"""


def test_no_room_for_another_process(served: Sandbox) -> None:
    done = served.run(sys.executable, "-c", ALONE, "exec", "--no-start", "--", "printf", "in")
    assert (done.returncode, done.stdout) == (0, b"in")
    assert done.stderr.startswith(b"tracerd exec: ")
    assert done.stderr.count(b"\n") == 1


def test_exec_that_is_killed_leaves_its_command_alone(served: Sandbox) -> None:
    with subprocess.Popen(
        [TRACERD, "exec", "--", "sh", "-c", "read word; echo $word >said"],
        env=served.environ,
        cwd=served.home,
        stdin=subprocess.PIPE,
    ) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        wait_until(children.read_text, "the command to start")
        process.kill()
        process.wait(PATIENCE_S)
        assert process.stdin
        process.stdin.write(b"on\n")
    wait_until(lambda: (served.home / "said").exists() and (served.home / "said").read_text() == "on\n", "the command")


def test_a_directory_that_is_not_there_is_reported_before_the_command_runs(sandbox: Sandbox) -> None:
    done = sandbox.exec("-o", "absent/t.json", "--", "sh", "-c", "echo ran >&2; exit 4")
    warning = f"tracerd exec: there is no directory {sandbox.home}/absent; there will be no absent/t.json"
    assert done.returncode == 4
    assert done.stderr.decode() == f"{warning} unless the command makes it\nran\n"
    done = sandbox.exec("-o", "absent/t.json", "--", "mkdir", "absent")
    assert done.stderr.count(b"\n") == 1
    assert sandbox.spans("absent/t.json") == ["mkdir"]
