"""The client library in programs of many kinds: each event exactly once, of the right process and thread."""

import itertools
from collections import Counter

import pytest

from tests.client.client_programs import DEVELOPMENT, WARNED, Event, events, run
from tests.harness import Daemon

# Every program prints, for each event that it makes, name, process and thread: what must be in the log, once each.
HEAD = """
import os, sys, threading
import tracerd.client as trace

def tell(name):
    # One write(2), so that lines of several processes do not mix; and no buffer that a fork could copy.
    os.write(1, f"{name} {os.getpid()} {threading.get_native_id()}\\n".encode())

def work(name):
    with trace.span(name):
        pass
    tell(name)
"""

FORK = """
def many(name):
    for number in range(300):
        work(f"{name}-{number}")

threads = [threading.Thread(target=many, args=(f"thread-{number}",)) for number in range(3)]
for thread in threads:
    thread.start()
children = []
for number in range(5):
    work(f"before-{number}")
    pid = os.fork()
    if pid == 0:
        many(f"child-{number}")
        assert trace.flush(60)
        if number % 2:
            os._exit(0)
        work(f"last-{number}")
        sys.exit(0)  # as programs end, with everything that atexit knows; a busy daemon takes no more than the last
    children.append(pid)
    work(f"after-{number}")
for thread in threads:
    thread.join()
assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 5
"""

OPEN_IN_BOTH = """
with trace.span("forked"):
    if os.fork() == 0:
        sys.exit(0)  # leaves the span in the child as well
    os.wait()
tell("forked")
"""

MULTIPROCESSING = """
import multiprocessing

def child(number):
    work(f"child-{number}")

if __name__ == "__main__":
    context = multiprocessing.get_context("METHOD")
    work("parent")
    children = [context.Process(target=child, args=(number,)) for number in range(3)]
    for process in children:
        process.start()
    for process in children:
        process.join()
    with context.Pool(2) as pool:
        pool.map(child, range(10, 20))
        pool.close()
        pool.join()
    work("end")
"""

AT_IMPORT = """
import multiprocessing
work("import")  # in a child: before multiprocessing has set it up

def child():
    pass

if __name__ == "__main__":
    process = multiprocessing.get_context("METHOD").Process(target=child)
    process.start()
    process.join()
"""

EXECUTOR = """
from concurrent.futures import ProcessPoolExecutor

if __name__ == "__main__":
    with ProcessPoolExecutor(2) as executor:
        list(executor.map(work, [f"task-{number}" for number in range(10)]))
"""

SUBPROCESS = """
import subprocess
if len(sys.argv) == 1:
    for number in range(3):
        work(f"parent-{number}")
        subprocess.run([sys.executable, __file__, str(number)], check=True)
        subprocess.run([sys.executable, __file__, f"pre-{number}"], preexec_fn=lambda: None, check=True)
else:
    work(f"child-{sys.argv[1]}")
"""

EXECV = """
if len(sys.argv) == 1:
    work("before")
    trace.flush()
    os.execv(sys.executable, [sys.executable, __file__, "again"])
work("after")
"""

ASYNCIO = """
import asyncio

@trace.span("decorated")
async def decorated():
    await asyncio.sleep(0)
    tell("decorated")

async def task(number):
    async with trace.span(f"task-{number}"):
        await asyncio.sleep(0.001 * (number % 3))
        tell(f"task-{number}")
        await decorated()

async def main():
    await asyncio.gather(*map(task, range(10)))
    await asyncio.to_thread(work, "in a thread".replace(" ", "-"))

asyncio.run(main())
"""

TRIO = """
import trio

async def task(number):
    async with trace.span(f"task-{number}"):
        await trio.sleep(0.001 * (number % 3))
        tell(f"task-{number}")

async def main():
    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(task, number)
    await trio.to_thread.run_sync(work, "in-a-thread")

trio.run(main)
"""

AT_EXIT = """
import atexit
atexit.register(work, "after")  # runs after the client's own
from tracerd.client import lifecycle
atexit.unregister(lifecycle._at_exit)
atexit.register(lifecycle._at_exit)
work("before")
"""

NO_THREADS = """
import _thread
def none(*_):
    raise RuntimeError("can't start new thread")
_thread.start_new_thread = none
work("alone")
os._exit(0)
"""

PROGRAMS = {
    "fork with threads": FORK,
    "fork inside of a span": OPEN_IN_BOTH,
    "fork": MULTIPROCESSING.replace("METHOD", "fork"),
    "spawn": MULTIPROCESSING.replace("METHOD", "spawn"),
    "forkserver": MULTIPROCESSING.replace("METHOD", "forkserver"),
    "spawn, at import": AT_IMPORT.replace("METHOD", "spawn"),
    "forkserver, at import": AT_IMPORT.replace("METHOD", "forkserver"),
    "executor": EXECUTOR,
    "subprocess": SUBPROCESS,
    "execv": EXECV,
    "asyncio": ASYNCIO,
    "trio": TRIO,
    "atexit": AT_EXIT,
    "no threads": NO_THREADS,
}


_numbers = itertools.count()


@pytest.fixture
def trace_id() -> str:
    """One for each test."""
    return f"trace-{next(_numbers)}"


def begun(found: list[Event]) -> Counter[tuple[str, int, int]]:
    """Name, process and thread of each span."""
    places = [(event["name"], event["pid"], event["tid"]) for event in found if event["ph"] in ("X", "b")]
    return Counter((str(name), int(str(pid)), int(str(tid))) for name, pid, tid in places)


@pytest.mark.parametrize("program", [pytest.param(source, id=name) for name, source in PROGRAMS.items()])
def test_each_event_is_there_once_with_its_process_and_thread(
    program: str, shared_daemon: Daemon, trace_id: str
) -> None:
    # A warning, such as of a socket that is not closed, would be printed; but that of forks beside threads.
    done = run(HEAD + program, shared_daemon.socket, trace_id, PYTHONWARNINGS=WARNED, PYTHONDEVMODE=DEVELOPMENT)

    assert (done.returncode, done.stderr) == (0, "")
    said = Counter((name, int(pid), int(tid)) for name, pid, tid in map(str.split, done.stdout.splitlines()))
    assert said
    assert begun(events(shared_daemon, trace_id)) == said


def test_asynchronous_spans_are_pairs_with_ids_of_their_own(shared_daemon: Daemon, trace_id: str) -> None:
    run(HEAD + ASYNCIO, shared_daemon.socket, trace_id)

    found = [event for event in events(shared_daemon, trace_id) if "id2" in event]
    begins = {str(event["id2"]) for event in found if event["ph"] == "b"}
    ends = {str(event["id2"]) for event in found if event["ph"] == "e"}
    assert len(found) == 40
    assert len(begins) == 20
    assert begins == ends


def test_end_by_force_loses_only_the_last_half_second(shared_daemon: Daemon, trace_id: str) -> None:
    source = """
import os, signal, sys, time
import tracerd.client as trace
trace.instant("early")
until = time.monotonic() + 1.5  # three periods: also on a machine that is busy
while time.monotonic() < until:
    time.sleep(0.01)
trace.instant("late")
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = run(source, shared_daemon.socket, trace_id)

    assert done.returncode == -9
    assert [event["name"] for event in events(shared_daemon, trace_id) if event["ph"] == "i"] == ["early"]


def test_a_killed_writer_leaves_no_half_line(shared_daemon: Daemon, trace_id: str) -> None:
    source = """
import os, signal, threading
import tracerd.client as trace
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGKILL)).start()
while True:
    trace.instant("x" * 1000, more="y" * 30_000)
    trace.instant("x", more="y" * 500_000)
"""
    done = run(source, shared_daemon.socket, trace_id)

    assert done.returncode == -9
    assert len(events(shared_daemon, trace_id)) > 10  # each of them whole: events() looks whether any line was refused


def test_python_counts_no_thread_of_ours(shared_daemon: Daemon, trace_id: str) -> None:
    source = """
import threading
import tracerd.client as trace
trace.instant("one")
print(threading.active_count(), len(threading.enumerate()))
"""
    assert run(source, shared_daemon.socket, trace_id).stdout == "1 1\n"


def test_a_descriptor_that_the_program_took_over_is_left_alone(shared_daemon: Daemon, trace_id: str) -> None:
    source = """
import os, socket
import tracerd.client as trace
trace.instant("before")
trace.flush(30)
os.closerange(3, 100)  # as programs do that become daemons
mine, other = socket.socketpair()
trace.instant("after")
trace.flush(30)
other.setblocking(False)
try:
    print(other.recv(100))
except BlockingIOError:
    print("nothing")
mine.close()
"""
    done = run(source, shared_daemon.socket, trace_id)

    assert (done.stdout, done.stderr) == ("nothing\n", "")
    assert [event["name"] for event in events(shared_daemon, trace_id)] == [
        "before",
        "tracerd: connection lost",
        "after",
    ]
