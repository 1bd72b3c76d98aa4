"""What the client library writes: every kind of event, and whatever a program may pass to it."""

import json
import os
import re
import subprocess
import sys
import threading

import pytest

from tests.client.client_programs import Event, environment, events, named, run
from tests.harness import PATIENCE_S, ROOT, Daemon
from tests.perfetto.judge import Judge
from tracerd.client import Client

# --------------------------------------------------------------- every kind, as Perfetto reads it

EVERY_KIND = """
import logging, sys, threading
import tracerd.client as trace
from tracerd.client.log_handler import LogHandler

logging.getLogger().addHandler(LogHandler(level=logging.INFO))
logging.getLogger().setLevel(logging.DEBUG)

@trace.span("decorated", cat="step")
def decorated():
    return 1

@trace.span("generator")
def generator():
    yield 1
    yield 2

trace.process_name("every kind")
trace.thread_name("first")
with trace.span("outer", cat="step", file="main.c") as span:
    span.set(bytes=7)
    with trace.span("inner"):
        trace.instant("moment", scope="process", why="because")
with trace.span("source"):
    trace.flow("arrow", 1, "start")
    trace.flow("named arrow", "a name", "start")
with trace.span("target"):
    trace.flow("arrow", 1, "end")
    trace.flow("named arrow", "a name", "end")
assert decorated() == 1
assert list(generator()) == [1, 2]
first, second = trace.async_span("request", number=1).start(), trace.async_span("request", number=2).start()
first.end()
second.end()
trace.counter("load", 1.5)
trace.counter("queue", waiting=3, running=True)
trace.log("warning", "careful", code=3)
logging.getLogger("parser").info("read %d files", 3)
logging.getLogger("parser").debug("too fine")
try:
    with trace.span("failing"):
        1 / 0
except ZeroDivisionError:
    logging.getLogger("parser").exception("failed")
"""


_SPANS = ["outer", "inner", "moment", "source", "target", "decorated", "generator", "request", "request"]
SHOWN = [*_SPANS, "careful", "read 3 files", "failing", "failed"]


def test_every_kind_of_event_is_what_perfetto_shows(daemon: Daemon, perfetto: Judge) -> None:
    done = run(EVERY_KIND, daemon.socket)
    assert (done.returncode, done.stderr) == (0, "")
    events(daemon)

    [slices, arrows, counters, names, nested], problems = perfetto.examine(
        daemon.dir.parent / "all.json",
        "select name from slice order by ts, id",
        "select o.name, i.name from flow join slice o on slice_out = o.id join slice i on slice_in = i.id",
        "select t.name, c.value from counter c join counter_track t on t.id = c.track_id order by t.name",
        "select p.name, t.name from thread t join process p using (upid) where p.name is not null",
        "select p.name from slice s join slice p on s.parent_id = p.id where s.name in ('inner', 'moment')",
    )

    assert problems == {}
    assert sorted(str(name) for [name] in slices) == sorted(SHOWN)
    assert arrows == [["source", "target"]] * 2
    assert [list(row) for row in counters] == [["load value", 1.5], ["queue running", 1], ["queue waiting", 3]]
    assert names == [["every kind", "first"]]
    assert nested == [["outer"]]


def test_events_hold_what_was_said(daemon: Daemon) -> None:
    run(EVERY_KIND, daemon.socket)
    found = events(daemon)

    [outer], [inner], [failing] = (named(found, name) for name in ("outer", "inner", "failing"))
    assert (outer["cat"], outer["args"]) == ("step", {"file": "main.c", "bytes": 7})
    assert begin_us(outer) <= begin_us(inner)
    assert end_us(inner) <= end_us(outer)
    assert failing["args"] == {"error": "ZeroDivisionError"}
    logs = {str(event["name"]): event["args"] for event in found if event["cat"] == "log"}
    assert logs["careful"] == {"level": "warning", "code": 3}
    assert logs["read 3 files"] == {"level": "info", "logger": "parser", "file": "program.py", "line": 38}
    assert isinstance(logs["failed"], dict)
    assert (logs["failed"]["level"], logs["failed"]["error"]) == ("error", "ZeroDivisionError: division by zero")
    assert len(logs) == 3


def begin_us(event: Event) -> int:
    assert isinstance(event["ts"], int)
    return event["ts"]


def end_us(event: Event) -> int:
    assert isinstance(event["dur"], int)
    return begin_us(event) + event["dur"]


@pytest.mark.parametrize("document", ["README.md", "docs/clients/README.md"])
def test_the_lines_in_the_documents_are_a_traced_program(document: str, daemon: Daemon) -> None:
    text = (ROOT / document).read_text()
    [source] = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)

    assert run(source, daemon.socket).stderr == ""
    assert [(event["name"], event["args"]) for event in events(daemon)] == [("compile", {"file": "main.c"})]


def test_a_process_is_named_after_its_program_until_it_is_named(daemon: Daemon) -> None:
    run("import tracerd.client as trace; trace.instant('x')", daemon.socket)

    package = daemon.dir.parent / "package"
    package.mkdir()
    (package / "__main__.py").write_text("import tracerd.client as trace; trace.instant('x')")
    for words in (["-m", "package"], ["-c", "import tracerd.client as trace; trace.instant('x')"]):
        command = [sys.executable, *words]
        subprocess.run(command, cwd=package.parent, env=environment(daemon.socket), check=True)

    events(daemon)
    found = [json.loads(line) for line in daemon.events("t")]
    names = [event["args"]["name"] for event in found if event["name"] == "process_name"]
    assert names == ["program.py", "package", "python"]


# --------------------------------------------------------------- spans that are used otherwise


def test_a_span_that_never_ends_is_written_at_the_end(daemon: Daemon, perfetto: Judge) -> None:
    source = """
import tracerd.client as trace
trace.span("begun", key=1).start()
trace.async_span("asynchronous").start()
trace.span("never begun")
"""
    done = run(source, daemon.socket)
    assert (done.returncode, done.stderr) == (0, "")
    found = events(daemon)

    assert {(event["name"], event["ph"]) for event in found} == {("begun", "B"), ("asynchronous", "b")}
    [slices], problems = perfetto.examine(daemon.dir.parent / "all.json", "select name, dur from slice order by ts")
    assert (slices, problems) == ([["begun", -1], ["asynchronous", -1]], {})


def connected(daemon: Daemon) -> Client:
    return Client("t", str(daemon.socket))


def test_many_threads_lose_nothing(daemon: Daemon) -> None:
    client = connected(daemon)

    def work(thread: int) -> None:
        for number in range(5000):
            with client.span("work", thread=thread, number=number):
                pass

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.flush(PATIENCE_S)
    client.close()

    found = [event["args"] for event in named(events(daemon), "work")]
    assert isinstance(found[0], dict)
    assert len(found) + client.dropped == 20_000
    assert client.dropped == 0


def test_a_signal_handler_that_raises_harms_nothing(daemon: Daemon) -> None:
    source = """
import signal
import tracerd.client as trace

class Tick(Exception):
    pass

def tick(*_):
    trace.instant("tick")
    raise Tick

signal.signal(signal.SIGALRM, tick)
ticks = number = 0
while ticks < 2000:
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0002)
        while True:
            number += 1
            trace.instant("work", number=number)
    except Tick:
        ticks += 1
        if ticks % 50 == 0:
            assert trace.flush(30)  # or a daemon on a busy machine falls so far behind that events are dropped
trace.instant("end")
assert trace.flush(30)
"""
    done = run(source, daemon.socket)
    assert (done.returncode, done.stderr) == (0, "")
    found = events(daemon)

    numbers = [str(event["args"]) for event in named(found, "work")]
    assert len(numbers) == len(set(numbers))
    assert len(named(found, "end")) == 1


# --------------------------------------------------------------- tracing off


def in_process(source: str, **more: str) -> str:
    """What a program prints that is not traced."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TRACERD_")} | more
    done = subprocess.run([sys.executable, "-c", source], env=environ, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_without_a_trace_id_all_functions_do_nothing() -> None:
    source = """
import asyncio, logging
import tracerd.client as trace
from tracerd.client.log_handler import LogHandler

def function():
    pass

async def main():
    async with trace.span("x") as span:
        span.set(more=1)

with trace.span("x", "cat", key=1) as span:
    span.set(more=2)
trace.async_span("x").start().end()
asyncio.run(main())
assert trace.span("x")(function) is function
trace.instant("x")
trace.counter("x", 1)
trace.flow("x", 1, "start")
trace.log("info", "x")
trace.process_name("x")
trace.thread_name("x")
logging.getLogger().addHandler(LogHandler())
logging.warning("x")
print(trace.flush(), trace.default_client())
"""
    assert in_process(source) == "True None\n"


def test_connect_speaks_for_a_trace_by_hand(daemon: Daemon) -> None:
    source = f"""
import tracerd.client as trace
trace.connect("t", {str(daemon.socket)!r})
trace.instant("first")
trace.connect("u", {str(daemon.socket)!r})
trace.instant("second")
try:
    trace.connect("no trace id")
except ValueError as error:
    print(error)
"""
    assert in_process(source) == "a trace id must not contain blanks: 'no trace id'\n"
    assert [event["name"] for event in events(daemon)] == ["first"]
    assert [event["name"] for event in events(daemon, "u")] == ["second"]


def test_it_imports_without_what_only_unix_has() -> None:
    source = """
import os, socket
del os.register_at_fork, socket.AF_UNIX, socket.MSG_NOSIGNAL, os.geteuid
import tracerd.client as trace
with trace.span("x"):
    pass
print(trace.flush())
"""
    assert in_process(source, TRACERD_TRACE_ID="t", TRACERD_SOCKET="/nonexistent") == "False\n"
