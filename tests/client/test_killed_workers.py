"""Processes of `multiprocessing` that end by force: what they did, and what they were in, is in the trace."""

import json

import pytest

from tests.client.client_programs import events, run
from tests.harness import Daemon
from tracerd.trace_json.begin_marks import open_marks

DIES_AMID_ITS_WORK = """
import multiprocessing, os, signal
import tracerd.client as trace

def child(number):
    with trace.span("task"):
        with trace.span("step"):
            trace.instant("moment")
        with trace.span("dying"):
            if number:
                END

if __name__ == "__main__":
    process = multiprocessing.get_context("METHOD").Process(target=child, args=(1,))
    process.start()
    process.join()
    print(process.exitcode)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize(("end", "code"), [("os._exit(7)", 7), ("os.kill(os.getpid(), signal.SIGKILL)", -9)])
def test_a_child_of_multiprocessing_that_dies_leaves_what_it_did(
    method: str, end: str, code: int, shared_daemon: Daemon
) -> None:
    trace = f"{method}{code}"
    source = DIES_AMID_ITS_WORK.replace("METHOD", method).replace("END", end)
    assert run(source, shared_daemon.socket, trace).stdout == f"{code}\n"
    found = events(shared_daemon, trace)
    assert {event["name"] for event in found if event["ph"] in ("X", "i")} == {"step", "moment"}
    marks = [json.loads(mark) for mark in open_marks([shared_daemon.log(trace)])]
    assert [mark["args"]["name"] for mark in marks] == ["task", "dying"]


POOL = """
import multiprocessing
import tracerd.client as trace

def task(number):
    with trace.span(f"task-{number}"):
        pass

if __name__ == "__main__":
    with multiprocessing.get_context("METHOD").Pool(2) as pool:
        pool.map(task, range(6))  # and when it has the results, the pool ends its workers by a signal
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_that_ends_by_a_signal_loses_nothing_of_its_work(method: str, shared_daemon: Daemon) -> None:
    trace = f"pool-{method}"
    assert run(POOL.replace("METHOD", method), shared_daemon.socket, trace).returncode == 0
    names = [event["name"] for event in events(shared_daemon, trace) if event["ph"] == "X"]
    assert sorted(map(str, names)) == [f"task-{number}" for number in range(6)]
