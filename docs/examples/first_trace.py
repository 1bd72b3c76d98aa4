"""Make a trace.json of something like a build: six processes, recorded by a tracerd of their own.

`first_trace.py [FILE]` writes FILE, `trace.json` if not given. It uses a private directory under /tmp and disturbs no
other tracerd. Run it with the Python that tracerd is installed for.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from worker import Trace

PATIENCE_S = 30.0
WORKER = Path(__file__).with_name("worker.py")
UNITS = ("parser.c", "printer.c", "solver.c", "main.c")


def start_daemon(home: str) -> "subprocess.Popen[bytes]":
    """A daemon that listens where the environment now says; this process and its children will find it there."""
    os.environ["TRACERD_SOCKET"] = f"{home}/tracerd.socket"
    os.environ["TRACERD_DIR"] = f"{home}/logs"
    os.environ["TRACERD_TRACE_ID"] = "first-trace"
    return subprocess.Popen([sys.executable, "-m", "tracerd", "serve", "--log-level", "warning"])


def connect(daemon: "subprocess.Popen[bytes]") -> Trace:
    """This process's own connection, as soon as the daemon listens."""
    until_s = time.monotonic() + PATIENCE_S
    while daemon.poll() is None and time.monotonic() < until_s:
        try:
            return Trace()
        except OSError:
            time.sleep(0.01)
    sys.exit("tracerd did not start; is it installed for this Python?")


def build(trace: Trace) -> None:
    """Start the other processes: four that compile, side by side, then one that links."""
    trace.name_process("build")
    with trace.span("build"):
        with trace.span("compile all"):
            compilers = [
                subprocess.Popen([sys.executable, WORKER, f"compile {unit}", "parse", "optimise", "write"])
                for unit in UNITS
            ]
            for compiler in compilers:
                compiler.wait()
        with trace.span("link all"):
            subprocess.run([sys.executable, WORKER, "link", "read", "resolve", "write"], check=True)


def give_up(_signal: int, _frame: object) -> None:
    """End in order: the directory is removed, the daemon ends."""
    sys.exit(1)


def main(target: str = "trace.json") -> None:
    """Record the build and write the trace."""
    path = os.path.abspath(target)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, give_up)
    with tempfile.TemporaryDirectory(prefix="tracerd-", dir="/tmp") as home:
        daemon = start_daemon(home)
        try:
            trace = connect(daemon)
            # However this process ends: the daemon ends when its last client has gone.
            trace.send("DIE_WHEN_IDLE")
            build(trace)
            trace.send(f"EMIT_TEF {path}")
            trace.send("FLUSH")
            answer = trace.socket.makefile().readline().split()
            trace.socket.close()
            daemon.wait(PATIENCE_S)
        finally:
            daemon.kill()
            daemon.wait()
    if answer[:1] != ["OK"]:
        sys.exit(f"no trace was written: {' '.join(answer)}")
    print(f"{path} holds a build of {len(UNITS) + 2} processes; open it in https://ui.perfetto.dev")


if __name__ == "__main__":
    main(*sys.argv[1:])
