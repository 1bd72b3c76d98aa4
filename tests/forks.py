"""Commands without the start of Python, which takes ten times as long as all that most tests ask of them.

A process imports what commands need, and then makes a copy of itself for each. Such a command is a process of its own
as any other: it has its own memory, signals, descriptors and user. What it has not is a command line. As another user
it may be one who has no right to read the Python that the tests run with.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from tempfile import TemporaryFile
from typing import IO, Final

SERVER: Final = """
import ctypes, difflib, importlib, json, os, pkgutil, signal, socket, sys  # difflib: click imports it late

def with_modules(*names):
    for name in names:
        package = importlib.import_module(f"tracerd.{name}")
        for module in pkgutil.iter_modules(getattr(package, "__path__", []), f"{package.__name__}."):
            importlib.import_module(module.name)

with_modules(
    "builds", "catalog", "cli", "core", "daemon", "exporters", "launcher", "query", "rows", "service", "store",
    "trace_json",
)
from tracerd.cli import main

asked = socket.socket(fileno=int(sys.argv[1]))
while True:
    request, fds, _, _ = socket.recv_fds(asked, 65536, 2)
    if not request:
        sys.exit()
    wish = json.loads(request)
    if "wait" in wish:
        asked.send(b"%d" % os.waitstatus_to_exitcode(os.waitpid(wish["wait"], 0)[1]))
        continue
    if wish["arguments"][0] == "web" and "tracerd.web" not in sys.modules:
        with_modules("web", "web.pages")  # a second, which most tests do without
    pid = os.fork()
    if not pid:
        break
    for fd in fds:
        os.close(fd)
    asked.send(b"%d" % pid)
asked.close()
for at, fd in enumerate(fds, 1):
    os.dup2(fd, at)
    os.close(fd)
os.chdir(wish["cwd"])
os.environ.clear()
os.environ.update(wish["environ"])
if (uid := wish["uid"]) is not None:
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
if wish["held"]:
    ctypes.CDLL(None).prctl(0x59616d61, ctypes.c_ulong(-1))  # PR_SET_PTRACER: strace is no process around this one
    os.kill(os.getpid(), signal.SIGSTOP)
sys.argv = ["tracerd", *wish["arguments"]]
main(prog_name="tracerd")
"""


class Fork:
    """A process that was made so; as `subprocess.Popen`, as far as daemons need that.

    Attributes:
        pid: Its pid; it stays until `wait` or `poll` has seen the end.
        returncode: How it ended; None: that was not seen yet.
    """

    def __init__(self, server: "_Server", pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._server = server
        self._end = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """How it ended; None: it runs."""
        if self.returncode is None and select.select([self._end], [], [], 0)[0]:
            self.returncode = self._server.ask({"wait": self.pid})
            os.close(self._end)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: It takes more seconds.
        """
        if self.returncode is None and not select.select([self._end], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("tracerd", timeout or 0)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class _Server:
    """The process that makes copies of itself; it ends with this one."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-c", SERVER, str(theirs.fileno())]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        theirs.close()

    def ask(self, wish: Mapping[str, object], fds: "list[int] | None" = None) -> int:
        """A number, for a wish."""
        socket.send_fds(self._socket, [json.dumps(wish).encode()], fds or [])
        answer = self._socket.recv(100)
        assert answer, "the server of copies has ended"
        return int(answer)

    def close(self) -> None:
        """End it; what it has made goes on."""
        self._socket.close()
        self._process.wait()


@cache
def _server() -> _Server:
    server = _Server()
    atexit.register(server.close)
    return server


def start(
    arguments: Sequence[str],
    stdout: IO[bytes],
    stderr: IO[bytes],
    uid: int | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    held: bool = False,
) -> Fork:
    """Start `tracerd`, in the directory of this process.

    Args:
        arguments: Of the command line.
        stdout: Where its output goes.
        stderr: Where its messages go.
        uid: Another user to be; only root can.
        environ: Its environment.
        held: Whether it stops, as by SIGSTOP, before it does anything, so that strace can see all of it.
    """
    server = _server()
    wish = {"arguments": arguments, "cwd": os.getcwd(), "environ": dict(environ), "uid": uid, "held": held}
    return Fork(server, server.ask(wish, [stdout.fileno(), stderr.fileno()]))


def run(
    arguments: Sequence[str], timeout_s: float, uid: int | None = None, environ: Mapping[str, str] = os.environ
) -> "subprocess.CompletedProcess[bytes]":
    """As `start`, and wait for its end; what it has printed.

    Raises:
        subprocess.TimeoutExpired: It takes longer; it is killed.
    """
    with TemporaryFile() as stdout, TemporaryFile() as stderr:
        fork = start(arguments, stdout, stderr, uid, environ)
        try:
            code = fork.wait(timeout_s)
        finally:
            fork.kill()
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess([*arguments], code, stdout.read(), stderr.read())
