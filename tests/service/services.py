"""What a service manager does, for tests: it keeps a listening socket, starts daemons on it and hears from them."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.harness import PATIENCE_S

# What a service manager does: it puts the sockets at 3, 4 and so on, says so, and becomes the daemon.
BECOME_DAEMON = """
import fcntl, os, sys

spare = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in sys.argv[1].split(",")]
for number, fd in enumerate(spare, 3):
    os.dup2(fd, number)
    os.close(fd)
os.environ.setdefault("LISTEN_FDS", str(len(spare)))
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, "-m", "tracerd", "serve", *sys.argv[2:]])
"""


def passing(*passed: socket.socket, options: list[str | Path], **process: object) -> "subprocess.Popen[bytes]":
    """`tracerd serve` with these sockets, as a service manager starts it."""
    fds = [sock.fileno() for sock in passed]
    command = [sys.executable, "-c", BECOME_DAEMON, ",".join(map(str, fds)), *map(str, options)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=fds, **process)  # type: ignore[call-overload, no-any-return]  # the caller's business


class Manager:
    """A service manager's ear: the socket that NOTIFY_SOCKET names."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))
        self._socket.settimeout(PATIENCE_S)

    def message(self) -> list[str]:
        """The next message, its lines."""
        return self._socket.recv(4096).decode().split("\n")

    def close(self) -> None:
        self._socket.close()


class Service:
    """A listening socket that outlives its daemons; one runs at a time."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / "s"
        self.logs = home / "logs"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.fsencode(self.path))
        self.listener.listen(4096)
        self.manager = Manager(str(home / "notify"))
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> "subprocess.Popen[bytes]":
        """Start a daemon and wait for its READY=1: a connect would succeed without one."""
        with (self.home / "stderr").open("ab") as stderr:
            environ = os.environ | {"NOTIFY_SOCKET": self.manager.address}
            process = passing(self.listener, options=["-d", self.logs], stderr=stderr, env=environ)
        self._processes.append(process)
        assert self.manager.message()[0] == "READY=1"
        return process

    def stop(self) -> None:
        self._processes[-1].send_signal(signal.SIGTERM)
        self.ended()

    def ended(self) -> None:
        """The daemon received a signal to stop: it stops, and reports that."""
        assert self._processes[-1].wait(PATIENCE_S) == 0, (self.home / "stderr").read_text()
        assert self.manager.message()[0] == "STOPPING=1"
        assert self.path.is_socket()

    def numbers(self, trace_id: str) -> list[int]:
        """The numbers of the events in the log, without the daemons' own lines."""
        lines = map(json.loads, (self.logs / f"{trace_id}.jsonl").read_bytes().splitlines())
        return [line["ts"] for line in lines if "ts" in line]

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self.listener.close()
        self.manager.close()
