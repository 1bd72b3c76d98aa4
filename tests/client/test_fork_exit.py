"""The child of a fork that ends without a word, as `os._exit` and a signal end it, keeps what it recorded."""

import pytest

from tests.client.client_programs import events, named, run
from tests.harness import Daemon

PROGRAM = """
import os, signal
import tracerd.client as trace

def child(depth):
    with trace.span("child"):
        trace.instant("before a fork")
        if depth:
            wait(os.fork() or child(depth - 1))
    {end}

def wait(pid):
    os.waitpid(pid, 0)

with trace.span("parent"):
    trace.instant("waits in the parent")
    for _ in range(3):
        wait(os.fork() or child(depth=2))
"""


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_child_that_ends_at_once_keeps_what_it_recorded(end: str, daemon: Daemon) -> None:
    done = run(PROGRAM.format(end=end), daemon.socket)
    assert (done.returncode, done.stderr) == (0, "")

    found = events(daemon)
    counts = {name: len(named(found, name)) for name in ("child", "before a fork", "parent", "waits in the parent")}
    assert counts == {"child": 9, "before a fork": 9, "parent": 1, "waits in the parent": 1}
    assert len({event["pid"] for event in named(found, "child")}) == 9
