"""The lines that the client library makes of whatever a program passes to it, and of how it is used."""

import json
import logging
import math
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from tests.client.client_programs import Event
from tracerd.client import Client, lifecycle
from tracerd.client.encode import MAX_LINE_BYTES
from tracerd.client.log_handler import LogHandler
from tracerd.core.lines import check_line
from tracerd.trace_json.perfetto import export_line

Writes = tuple[Client, list[bytes]]


@pytest.fixture(scope="module")
def writes() -> Iterator[Writes]:
    """A client and the lines that it would write."""
    client = Client("t", "/nonexistent/socket")
    lines: list[bytes] = []
    client._outbox.put = lambda line: lines.append(line.encode(errors="replace"))  # type: ignore[method-assign]
    yield client, lines
    lifecycle.forget(client)


class Strange:
    """A value that helps nobody."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class StrangeText(str):
    """Text that does not like to be shown."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no")


def endless() -> list[object]:
    inside: list[object] = []
    inside += [inside, {"again": inside}] * 50
    return inside


def deep(levels: int) -> object:
    return [deep(levels - 1)] if levels else 0


BAD_VALUES: dict[str, object] = {
    "nan": math.nan,
    "infinity": [1, {"x": -math.inf}],
    "huge text": "x" * 1_000_000,
    "huge list": list(range(100_000)),
    "many keys": {f"key {number}": number for number in range(20_000)},
    "wide text": "\U0001f600" * 20_000,
    "bytes": b"\xff\x00",
    "object": object(),
    "strange": Strange(),
    "strange text": StrangeText("x"),
    "strange key": {Strange(): 1},
    "tuple key": {(1, 2): 3},
    "nan key": {math.nan: 1},
    "set": {1, 2},
    "huge int": 10**400,
    "endless int": 10**5000,
    "64 bits": 2**64,
    "surrogate": "\udc80\ud83d",
    "controls": "\x00\x1b[31m\u2028\u202e\x7f",
    "endless": endless(),
    "deep": deep(300),
    "deeper": deep(100_000) if sys.getrecursionlimit() > 200_000 else deep(900),
    "type": int,
    "none": None,
    "backslash": "C:\\dir\\",
}

_MENDED = {"nan", "infinity", "huge text", "huge list", "many keys", "wide text", "strange key"}
ALWAYS_MENDED = _MENDED | {"tuple key", "nan key", "huge int", "endless int", "endless", "deep", "deeper"}


def assert_good(line: bytes) -> Event:
    """A line that the daemon stores as it is and Perfetto reads; one that is not longer than promised."""
    assert line.endswith(b"}\n")
    assert len(line) <= MAX_LINE_BYTES + 1
    assert check_line(line[:-1]) == line[:-1]
    assert isinstance(export_line(line[:-1]), bytes)
    event: Event = json.loads(line)
    return event


CALLS: dict[str, Callable[[Client, object], object]] = {
    "argument": lambda client, bad: client.instant("x", bad=bad),
    "name": lambda client, bad: client.instant(bad),  # type: ignore[arg-type]
    "category": lambda client, bad: client.instant("x", bad),  # type: ignore[arg-type]
    "scope": lambda client, bad: client.instant("x", scope=bad),  # type: ignore[arg-type]
    "level": lambda client, bad: client.log(bad, "x"),  # type: ignore[arg-type]
    "message": lambda client, bad: client.log("info", bad),  # type: ignore[arg-type]
    "counter": lambda client, bad: client.counter("x", 1, bad=bad),  # type: ignore[arg-type]
    "counter name": lambda client, bad: client.counter(bad, 1),  # type: ignore[arg-type]
    "flow id": lambda client, bad: client.flow("x", bad, "start"),  # type: ignore[arg-type]
    "flow phase": lambda client, bad: client.flow("x", 1, bad),  # type: ignore[arg-type]
    "process name": lambda client, bad: client.process_name(bad),  # type: ignore[arg-type]
    "thread name": lambda client, bad: client.thread_name(bad),  # type: ignore[arg-type]
    "span name": lambda client, bad: client.span(bad).start().end(),  # type: ignore[arg-type]
    "async span": lambda client, bad: client.async_span("x", bad, bad=bad).start().end(),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("bad", BAD_VALUES)
def test_bad_input_becomes_good_lines(bad: str, writes: Writes) -> None:
    client, lines = writes
    for what, call in CALLS.items():
        lines.clear()
        repaired = client.repaired
        call(client, BAD_VALUES[bad])

        assert [assert_good(line)["ph"] for line in lines], what
        if what == "argument" and bad in ALWAYS_MENDED:
            assert client.repaired == repaired + 1


def test_counters_take_numbers_only(writes: Writes) -> None:
    client, lines = writes
    lines.clear()
    repaired = client.repaired
    client.counter("x", math.nan)
    client.counter("x", good=1, bad=math.inf, worse=2**64)

    assert [assert_good(line)["args"] for line in lines] == [{"good": 1}]
    assert client.repaired == repaired + 2


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.floats(), inner),
    max_leaves=20,
)


@given(name=values, cat=values, args=st.dictionaries(st.text(), values))
def test_any_values_become_one_good_line(name: object, cat: object, args: dict[str, object], writes: Writes) -> None:
    client, lines = writes
    lines.clear()
    client.write('"ph":"i","ts":1', name, cat, args)  # type: ignore[arg-type]

    [line] = lines
    assert_good(line)


@given(
    args=st.dictionaries(
        st.text(st.characters(codec="utf-8")), st.integers(-(2**53), 2**53) | st.booleans() | st.none()
    )
)
def test_good_values_are_kept(args: dict[str, object], writes: Writes) -> None:
    client, lines = writes
    lines.clear()
    client.write('"ph":"i","ts":1', "x", "", args)

    [line] = lines
    assert json.loads(line)["args"] == args


def test_tids_are_those_of_the_system(writes: Writes) -> None:
    client, lines = writes
    lines.clear()
    seen: list[int] = []

    def work() -> None:
        client.instant("x")
        seen.append(threading.get_native_id())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    event = json.loads(lines[0])
    assert [event["tid"]] == seen
    assert (event["pid"], event["tid"] < 2**32) == (os.getpid(), True)


# --------------------------------------------------------------- how it is used


def test_a_span_that_ends_twice_is_one_event(writes: Writes) -> None:
    client, lines = writes
    lines.clear()
    span = client.span("x")
    span.end()
    with span:
        span.end()
    span.end()
    with span, span:
        pass

    assert len(lines) == 2


def test_decorated_functions_stay_what_they_were(writes: Writes) -> None:
    client, lines = writes
    lines.clear()

    @client.span("x")
    def function(number: int) -> int:
        """Its documentation."""
        return number + 1

    @client.span("y")
    async def asynchronous() -> AsyncIterator[int]:
        await trio.lowlevel.checkpoint()
        yield 1

    assert function(1) == 2
    assert (function.__name__, function.__doc__) == ("function", "Its documentation.")
    assert [json.loads(line)["name"] for line in lines] == ["x"]
    assert not hasattr(asynchronous, "__wrapped__")


def test_log_handler_survives_wrong_arguments(writes: Writes) -> None:
    client, lines = writes
    lines.clear()
    record = logging.LogRecord("x", logging.INFO, "f.py", 1, "%d files", ("many",), None)
    LogHandler(client).handle(record)

    assert json.loads(lines[0])["name"] == "%d files"
