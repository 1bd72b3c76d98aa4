"""Runs the demo's job under a private daemon, and leaves nothing but the trace.json.

Strategy: the daemon is a child of ours, not the one in the background that programs of a user share: it has to end with
the demo, however that ends. So it is asked to end with its last client, which we are, and is killed at the end.
"""

import gzip
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

import tracerd
from tracerd import trace_id
from tracerd.demo.interrupts import Interrupts
from tracerd.errors import DemoError
from tracerd.launcher import interpreter
from tracerd.trace_id import TraceId
from tracerd.trace_json.target import resolve_target

ANSWER_S = 30.0
"""How long the daemon may take to start, and to answer; it takes a fraction of a second."""

POLL_S = 0.005

LONGEST_TEMPORARY = 60
"""A longer name of the temporary directory leaves too little of the 107 bytes that a socket's path may have."""

SLOWEST = 3


@dataclass(frozen=True, slots=True)
class Step:
    """A span that contains no others."""

    name: str
    process: str
    dur_us: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What the trace.json holds."""

    processes: int
    events: int
    slowest: list[Step]


def record(output: str) -> Summary:
    """Run the job and write its trace to the file `output`.

    Raises:
        ExportError: The file cannot be written, as far as that can be checked before.
        DemoError: Something went wrong later; the message is one line.
    """
    try:
        return _record(_target(output))
    except OSError as error:
        raise DemoError(f"the demo could not be recorded: {error}") from None


def _record(target: str) -> Summary:
    with Interrupts() as interrupts, ExitStack() as stack:
        home = _temporary_directory()
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        daemon = _start_daemon(home)
        stack.callback(_end_daemon, daemon)
        with interrupts.allowed():
            connection = stack.enter_context(_connect(daemon, home))
            # However this process ends: the daemon ends with its last client.
            connection.sendall(b"DIE_WHEN_IDLE\n")
        trace = trace_id.new()
        _run_job(home, trace, interrupts)
        with interrupts.allowed():
            _emit(connection, trace, target)
            return _summary(target)


def _target(output: str) -> str:
    path = os.path.abspath(output)
    if output in ("", "-") or "\n" in path or path.endswith("\r"):
        raise DemoError(f"cannot write to {output!r}: the demo needs the name of a file")
    resolve_target(path)
    return path


# ------------------------------------------------------------------ the daemon


def _temporary_directory() -> Path:
    usual = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="tracerd-demo-", dir=usual if len(usual) <= LONGEST_TEMPORARY else "/tmp"))  # noqa: S108 (mkdtemp is safe there)


def _environment() -> dict[str, str]:
    """Ours, without what would make another tracerd of the user's part of this."""
    foreign = ("TRACERD_", "TRACE_TEF_TLDR_", "LISTEN_", "NOTIFY_SOCKET")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


def _start(
    home: Path, log: str, command: list[str], variables: dict[str, str], cwd: Path | None = None
) -> "subprocess.Popen[bytes]":
    """Start a program in a process group of its own, so that Ctrl-C reaches it through us only."""
    with (home / log).open("wb") as stderr:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=_environment() | variables,
            process_group=0,
            cwd=cwd,
        )


def _start_daemon(home: Path) -> "subprocess.Popen[bytes]":
    options = ["--socket", str(home / "s"), "--dir", str(home / "logs"), "--log-level", "warning"]
    # In the directory where this very package lies: -m looks there first, whatever the user's directory holds.
    command = [sys.executable, "-m", "tracerd", "serve", *options]
    return _start(home, "daemon", command, {}, cwd=Path(tracerd.__file__).parent.parent)


def _end_daemon(daemon: "subprocess.Popen[bytes]") -> None:
    """By force, unless it has ended: the trace is written, or not wanted any more."""
    daemon.kill()
    daemon.communicate()


def _connect(daemon: "subprocess.Popen[bytes]", home: Path) -> socket.socket:
    until_s = time.monotonic() + ANSWER_S
    while daemon.poll() is None and time.monotonic() < until_s:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(os.fsencode(home / "s"))
            connection.settimeout(ANSWER_S)
            return connection
        except OSError:
            connection.close()
        time.sleep(POLL_S)
    raise DemoError(f"the daemon did not start: {_last_line(home / 'daemon')}")


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "it printed nothing")


# ------------------------------------------------------------------ the job and its trace


def _run_job(home: Path, trace: TraceId, interrupts: Interrupts) -> None:
    """Run the job to its end, or end it with all of its processes."""
    packed = home / "packed"
    packed.mkdir()
    variables = {"TRACERD_SOCKET": str(home / "s"), "TRACERD_TRACE_ID": trace}
    process = _start(home, "job", [*interpreter("tracerd.demo.job", "main"), "build", str(packed)], variables)
    try:
        with interrupts.allowed():
            # Not reaped yet, so that the number of its group cannot become another's.
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()  # all of them hold this pipe: at its end the last one has gone
    if process.returncode:
        raise DemoError(f"the job failed: {_last_line(home / 'job')}")


def _emit(connection: socket.socket, trace: TraceId, target: str) -> None:
    """Let the daemon write the trace. The job's processes have ended: the file holds all that they wrote."""
    connection.sendall(b"OPEN %s\nEMIT_TEF %s\nFLUSH\n" % (trace.encode(), os.fsencode(target)))
    with connection.makefile("r", errors="replace") as replies:
        reply = replies.readline()
    if not reply.startswith("OK "):
        raise DemoError(reply.partition(": EMIT_TEF: ")[2].strip() or "the daemon ended without an answer")


class _Event(msgspec.Struct):
    ph: str
    name: str
    pid: int
    cat: str = ""
    dur: int = 0
    args: dict[str, object] = {}


class _Trace(msgspec.Struct):
    events: list[_Event] = msgspec.field(name="traceEvents")


def _summary(target: str) -> Summary:
    """What a reader of the file finds there."""
    data = Path(target).read_bytes()
    events = msgspec.json.decode(gzip.decompress(data) if target.endswith(".gz") else data, type=_Trace).events
    names = {event.pid: str(event.args["name"]) for event in events if event.name == "process_name"}
    steps = [
        Step(f"{event.name} {event.args.get('file', '')}".strip(), names[event.pid], event.dur)
        for event in events
        if event.ph == "X" and event.cat == "step"
    ]
    steps.sort(key=lambda step: -step.dur_us)
    return Summary(len(names), len(events), steps[:SLOWEST])
