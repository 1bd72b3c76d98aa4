"""Spans that do not end in the order of a stack: of generators, coroutines, and several threads."""

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.client_programs import events, run
from tests.client.test_client import begin_us, end_us
from tests.client.test_client_lines import Writes
from tests.client.test_client_lines import writes as writes
from tests.harness import Daemon
from tests.perfetto.judge import Judge
from tracerd.client import Client

GENERATORS = """
import time
import tracerd.client as trace

def generator(name):
    with trace.span(name):
        yield 1
        time.sleep(0.01)
        yield 2

a, b = generator("first"), generator("second")
next(a)
time.sleep(0.01)
next(b)
time.sleep(0.01)
list(a)
time.sleep(0.01)
list(b)
"""

COROUTINES = """
import asyncio
import tracerd.client as trace

async def task(name, before_s, inside_s):
    await asyncio.sleep(before_s)
    with trace.span(name):
        await asyncio.sleep(inside_s)

async def main():
    with trace.span("root"):
        await asyncio.gather(task("one", 0, 0.06), task("two", 0.02, 0.08), task("three", 0.04, 0.01))

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("source", "names"), [(GENERATORS, ["first", "second"]), (COROUTINES, ["root", "one", "two", "three"])]
)
def test_all_of_them_are_seen(source: str, names: list[str], daemon: Daemon, perfetto: Judge) -> None:
    assert run(source, daemon.socket).stderr == ""
    events(daemon)

    [slices], problems = perfetto.examine(
        daemon.dir.parent / "all.json", "select name from slice where dur > 0 order by ts"
    )
    assert ([name for [name] in slices], problems) == (names, {})


@given(order=st.lists(st.integers(0, 7), max_size=40))
def test_on_a_thread_spans_nest(order: list[int], writes: Writes) -> None:
    """Each number begins the span of that number, or ends it."""
    client, lines = writes
    lines.clear()
    spans = [client.span(str(number)) for number in range(8)]
    begun: list[int] = []
    ends = stacked = 0
    for number in order:
        if number in begun:
            ends += 1
            stacked += begun[-1] == number
            begun.remove(number)
            spans[number].end()
        else:
            begun.append(number)
            spans[number].start()
    for number in reversed(begun):
        spans[number].end()

    found = [json.loads(line) for line in lines]
    complete = [event for event in found if event["ph"] == "X"]
    assert len(complete) == stacked + len(begun)
    assert [event["ph"] for event in found if event["ph"] != "X"] == ["b", "e"] * (ends - stacked)
    for one in complete:
        for other in complete:
            assert not begin_us(one) < begin_us(other) < end_us(one) < end_us(other)


def test_one_that_another_thread_ends_is_on_no_thread(writes: Writes) -> None:
    client, lines = writes
    lines.clear()
    span = client.span("x").start()
    thread = threading.Thread(target=span.end)
    thread.start()
    thread.join()
    with client.span("y"):
        pass

    assert [json.loads(line)["ph"] for line in lines] == ["b", "e", "X"]


def test_those_never_ended_are_forgotten_on_their_threads_too() -> None:
    client = Client("t", "/nonexistent/socket")
    outer = client.span("outer").start()
    client.in_child()
    outer.end()
    assert client.thread.stack == []
    client.close()
