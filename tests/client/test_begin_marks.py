"""Spans of a Python program that never end: it is killed, or hangs, and they are seen as begun."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.client.client_programs import Event, environment, events, run
from tests.client.test_client_lines import Writes
from tests.client.test_client_lines import writes as writes
from tests.commands import invoke
from tests.harness import Daemon, wait_until

HANGS = """
import sys, time
import tracerd.client as trace

with trace.span("outer", "c", secret=1), trace.span("inner"):
    {then}
    time.sleep(600)
"""


def exported(log: Path) -> list[Event]:
    """What get-tef makes of a log, without the names of processes."""
    document: dict[str, list[Event]] = json.loads(invoke("get-tef", str(log)).stdout)
    return [event for event in document["traceEvents"] if event["ph"] != "M"]


@pytest.mark.parametrize("then", ["pass", "trace.instant('now')", "trace.flush()"])
def test_what_is_open_in_a_process_that_is_killed_is_begun(then: str, daemon: Daemon) -> None:
    command = [sys.executable, "-c", HANGS.format(then=then)]
    with subprocess.Popen(command, env=environment(daemon.socket)) as process:
        try:
            wait_until(lambda: (daemon.dir / "t.jsonl").exists() and b'"inner"' in daemon.log("t"), "marks")
        finally:
            process.send_signal(signal.SIGKILL)

    begun = [event for event in exported(daemon.dir / "t.jsonl") if event["ph"] == "b"]
    assert [(event["name"], event["pid"], event["tid"]) for event in begun] == [
        ("outer", process.pid, process.pid),
        ("inner", process.pid, process.pid),
    ]


ENDS = """
import os, threading, time
import tracerd.client as trace

def work(number):
    for _ in range(300):
        with trace.span("outer"), trace.span("inner"):
            trace.instant("moment")
            if number % 2:
                trace.flush()

threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
again = trace.span("again")
for _ in range(3):
    again.start()
    trace.flush()
    again.end()
begun = trace.span("never ended").start()
trace.flush(60)
"""


def test_no_span_that_ended_is_begun_whatever_threads_do(daemon: Daemon) -> None:
    assert run(ENDS, daemon.socket).stderr == ""
    events(daemon)  # so all that was sent was read

    log = daemon.log("t")
    found = exported(daemon.dir / "t.jsonl")
    assert log.count(b'"tracerd_begin"') > 600  # of each that was open when something was sent
    assert b'"begin"' not in json.dumps(found).encode()
    counts = {
        name: sum(event["name"] == name for event in found) for name in ("outer", "inner", "again", "never ended")
    }
    assert counts == {"outer": 1200, "inner": 1200, "again": 3, "never ended": 1}
    assert [event["ph"] for event in found if event["name"] == "never ended"] == ["B"]  # as without a mark
    assert not any(event.get("cat") == "unfinished" for event in found)


def test_a_span_that_ends_before_anything_is_sent_has_no_mark(writes: Writes) -> None:
    client, lines = writes
    with client.span("short"):
        pass

    assert b"begin" not in lines[-1]
    assert client.marks() == ""


def test_each_open_span_is_marked_once_outermost_first(writes: Writes) -> None:
    client, lines = writes
    with client.span("one"), client.span("two"):
        marks = [json.loads(line) for line in client.marks().splitlines()]
        assert client.marks() == ""
        with client.span("three"):
            assert json.loads(client.marks())["args"]["name"] == "three"

    assert [mark["args"]["name"] for mark in marks] == ["one", "two"]
    assert {mark["tid"] for mark in marks} == {threading.get_native_id()}
    ids = [mark["args"]["id"] for mark in marks]
    assert [json.loads(line)["begin"] for line in lines[-2:]] == ids[::-1]
    assert all(line.endswith(b'"}\n') for line in lines[-2:])


def test_a_span_of_another_thread_is_marked_with_its_thread(writes: Writes) -> None:
    client, _ = writes
    tids: list[int] = []
    span = client.span("there")

    def begin() -> None:
        tids.append(threading.get_native_id())
        span.start()

    thread = threading.Thread(target=begin)
    thread.start()
    thread.join()
    mark = json.loads(client.marks())
    span.end()

    assert [mark["tid"]] == tids
    assert mark["pid"] == os.getpid()
