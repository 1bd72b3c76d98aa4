"""Programs that use tracerd.client, as processes of their own, and what arrived of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.harness import PATIENCE_S, Daemon
from tracerd.core.own_prefixes import BEGIN_NAME

Event = dict[str, object]

DEVELOPMENT = "1" if sys.version_info >= (3, 11, 7) else ""
"""Of PYTHONDEVMODE: in that mode 3.11.2 crashes by itself, now and then, if a thread ends as the interpreter does."""

WARNED = "always,ignore:This process:DeprecationWarning"
"""Of PYTHONWARNINGS: all but that of Python 3.12 on a fork beside threads, which is a program's own affair."""


def environment(socket: Path, trace_id: str = "t", **more: str) -> dict[str, str]:
    """In which a program finds its daemon and its trace."""
    return os.environ | {"TRACERD_SOCKET": str(socket), "TRACERD_TRACE_ID": trace_id} | more


def run(source: str, socket: Path, trace_id: str = "t", **more: str) -> "subprocess.CompletedProcess[str]":
    """Run a program that uses the client to its end, from a file: `spawn` starts it anew by name."""
    directory = socket.parent
    script = directory / "program.py"
    script.write_text(source)
    return subprocess.run(
        [sys.executable, str(script)],
        env=environment(socket, trace_id, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def events(daemon: Daemon, trace_id: str = "t") -> list[Event]:
    """What is in the log, without what the library adds: names of processes, begin marks; nothing was refused."""
    with daemon.connect() as client:  # whose answer comes after everything that others had written before
        client.send(f"OPEN {trace_id}\nEMIT_TEF {daemon.dir.parent}/all.json\n".encode())
        client.flush()
    assert daemon.rejects(trace_id) == []
    found: list[Event] = [json.loads(line) for line in daemon.events(trace_id)]
    return [event for event in found if event["ph"] != "M" or ("ts" in event and event["name"] != BEGIN_NAME)]


def named(found: list[Event], name: str) -> list[Event]:
    """The events of that name."""
    return [event for event in found if event["name"] == name]
