"""A home for `tracerd exec` in tests: a socket and logs of its own, the real command, and what it recorded."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.harness import PATIENCE_S, Client, short_dir, wait_until
from tracerd.store.lock import holder

TRACERD = Path(sys.executable).parent / "tracerd"
"""The command as it is installed: `python -m` takes longer to start."""

UNTIL_A_SIGNAL_ENDS_IT = """
signals, writer = os.pipe()
os.set_blocking(writer, False)
signal.set_wakeup_fd(writer)
while True:
    os.read(signals, 1)
"""
"""How a program waits for signals. `signal.pause` would miss one that comes after the check for it and before the call;
this leaves a byte to read. The program imports `os` and `signal`."""

Event = dict[str, "str | int | float | dict[str, object]"]


def args(event: Event) -> dict[str, object]:
    """The args of an event."""
    found = event["args"]
    assert isinstance(found, dict)
    return found


class Sandbox:
    """Where nothing of the user's own is found, and the daemon is stopped at the end."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.socket = home / "s"
        self.logs = home / "logs"
        own = ("TRACERD_", "TRACE_TEF_", "TRACEPARENT", "GIT_")
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        self.temporary = home / "tmp"  # of its own, for other execs on this machine have shims in theirs
        self.temporary.mkdir()
        self.environ |= {
            "TMPDIR": str(self.temporary),
            "TRACERD_SOCKET": str(self.socket),
            "TRACERD_DIR": str(self.logs),
            "XDG_STATE_HOME": str(home / "state"),
            "PATH": f"{TRACERD.parent}{os.pathsep}{os.environ['PATH']}",
        }

    def exec(self, *words: str | Path, **options: object) -> "subprocess.CompletedProcess[bytes]":
        """Run `tracerd exec` with these words.

        A file of `-o` has a row for each process, unless they say otherwise.
        """
        layout = ("--layout", "processes") if "-o" in words and "--layout" not in words else ()
        return self.run(TRACERD, "exec", *layout, *words, **options)

    def run(self, *words: str | Path, **options: object) -> "subprocess.CompletedProcess[bytes]":
        """Run any program; never raises for its exit code."""
        chosen = {"env": self.environ, "cwd": self.home, "capture_output": True, "timeout": PATIENCE_S} | options
        return subprocess.run([*map(str, words)], check=False, **chosen)  # type: ignore[call-overload, no-any-return]  # the caller's business

    def sh(self, script: str, *options: str, **process: object) -> "subprocess.CompletedProcess[bytes]":
        """Record a shell script; the trace is in `t.json`."""
        return self.exec("-o", "t.json", *options, "--", "sh", "-c", script, **process)

    def serve(self) -> None:
        """Start the daemon."""
        done = self.run(TRACERD, "serve", "--daemonize")
        assert done.returncode == 0, done.stderr

    def daemon_pid(self) -> int | None:
        """The pid of the daemon, if one runs."""
        return holder(Path(f"{self.socket}.lock"))

    def stop(self) -> None:
        """Stop the daemon, if one runs."""
        if pid := self.daemon_pid():
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: self.daemon_pid() is None, "the daemon to stop")

    def wait_for_others(self, trace: str) -> None:
        """Wait until the log has what other processes of a trace sent: none of them waits for the daemon."""
        with Client(self.socket) as client:
            client.send(f"OPEN {trace}\nEMIT_TEF {self.home}/others.json\n".encode())
            assert client.flush() == (0, 0, 0)

    def events(self, name: str = "t.json") -> list[Event]:
        """The events of a trace.json."""
        events: list[Event] = json.loads((self.home / name).read_bytes())["traceEvents"]
        return events

    def spans(self, name: str = "t.json") -> list[str]:
        """The names of the spans, in the order in which they began."""
        found = [event for event in self.events(name) if event["ph"] == "X"]
        return [str(event["name"]) for event in sorted(found, key=lambda event: float(str(event["ts"])))]

    def args(self, span: str, name: str = "t.json") -> dict[str, object]:
        """What is told of the only span of this name."""
        [args] = [event["args"] for event in self.events(name) if event["ph"] == "X" and event["name"] == span]
        assert isinstance(args, dict)
        return args


@contextmanager
def own_sandbox() -> Generator[Sandbox]:
    """A place whose daemon is stopped at the end; its log must have no bug to report."""
    with short_dir() as home:
        made = Sandbox(home)
        try:
            yield made
        finally:
            made.stop()
        log = home / "state/tracerd/tracerd.log"
        assert not log.exists() or "Traceback" not in log.read_text()
