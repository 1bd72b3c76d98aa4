"""What is recorded, when, and that nothing is while the policy is disabled."""

import asyncio
import json
import re
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn

import pytest
import trio

from tests.harness import PATIENCE_S, Daemon, short_dir
from tracerd.client import Client
from tracerd.telemetry import (
    CollectionPolicy,
    DaemonSink,
    Event,
    FileSink,
    MachineId,
    MemorySink,
    NoopSink,
    TelemetryContext,
    TelemetryError,
    TelemetrySink,
)

ENABLED = CollectionPolicy.ENABLED
SNAPSHOT = (
    '{"schema":1,"name":"command.invoke","tool":"mytool","tool_version":"1.2.3","machine_id":"%s",'
    '"timestamp_utc":"2026-04-22T12:00:00Z","attrs":{"command":"deploy","outcome":"ok"}}' % ("0f" * 32)
)


def constant(value: str) -> Callable[[str], str]:
    def derive(salt: str) -> str:
        assert salt
        return value

    return derive


def fails(*_: object) -> NoReturn:
    raise AssertionError("called")


class Failing:
    """A sink that cannot do what it should."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def emit(self, event: Event) -> None:
        raise self._error from AssertionError(event.name)

    def flush(self) -> None:
        raise self._error


def context(sink: TelemetrySink, **options: Callable[..., str]) -> TelemetryContext:
    return TelemetryContext("mytool", "1.2.3", salt="mytool.test", sink=sink, policy=ENABLED, **options)


def test_default_is_disabled_and_derives_no_machine_id_and_calls_no_sink() -> None:
    sink = Failing(AssertionError("called"))
    telemetry = TelemetryContext("mytool", "1.2.3", salt="s", sink=sink, machine_id=fails, now=fails)

    assert telemetry.policy is CollectionPolicy.DISABLED
    assert telemetry.record("x", {"a": "b"})
    telemetry.record_strict("x")
    assert asyncio.run(telemetry.record_async("x"))
    assert telemetry.flush()
    assert telemetry.failures == 0


@pytest.mark.parametrize(
    ("tool", "version", "salt", "missing"), [("", "1", "s", "tool"), ("t", "", "s", "version"), ("t", "1", "", "salt")]
)
def test_what_is_missing_is_named(tool: str, version: str, salt: str, missing: str) -> None:
    with pytest.raises(ValueError, match=f"^{missing} is missing$"):
        TelemetryContext(tool, version, salt=salt, policy=ENABLED)


def test_no_salt_is_needed_while_disabled() -> None:
    assert TelemetryContext("mytool", "1.2.3").record("x")


def test_an_event_has_what_the_tool_and_the_call_say() -> None:
    sink = MemorySink()
    telemetry = context(sink)
    attrs = {"outcome": "ok"}

    assert telemetry.record("command.invoke", attrs)
    attrs["outcome"] = "changed later"
    assert telemetry.record("thing.happened")

    first, second = sink.snapshot()
    assert len(sink) == 2
    assert (first.name, first.tool, first.tool_version, first.attrs) == (
        "command.invoke",
        "mytool",
        "1.2.3",
        {"outcome": "ok"},
    )
    assert first.machine_id == second.machine_id == MachineId.derive("mytool.test")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first.timestamp_utc)
    assert second.attrs == {}


def test_snapshot_of_the_json(tmp_path: Path) -> None:
    """Authors read these lines with tools of their own: a change of a byte is a new schema."""
    path = tmp_path / "events.jsonl"
    telemetry = context(FileSink(path), machine_id=constant("0f" * 32), now=lambda: "2026-04-22T12:00:00Z")
    telemetry.record("command.invoke", {"command": "deploy", "outcome": "ok"})

    assert path.read_text() == SNAPSHOT + "\n"


@pytest.mark.parametrize("text", ["\n", "\u2028", "\ud800", '"\\', "\x00", "\U0001f600"])
def test_any_text_is_one_line_of_json(tmp_path: Path, text: str) -> None:
    path = tmp_path / "events.jsonl"
    assert context(FileSink(path)).record(text, {text: text})

    [line] = path.read_bytes().splitlines()
    read = json.loads(line)
    assert (read["name"], read["attrs"]) == (text, {text: text})


@pytest.mark.parametrize(("name", "attrs"), [("x", {"a": 1}), ("x", {1: "a"}), (1, {})])
def test_what_is_no_text_is_a_type_error(name: str, attrs: dict[str, str]) -> None:
    telemetry = context(MemorySink())
    with pytest.raises(TypeError, match="not a text: 1"):
        telemetry.record(name, attrs)
    with pytest.raises(TypeError, match="not a text: 1"):
        telemetry.record_strict(name, attrs)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("a bug of the sink")])
def test_record_never_raises_for_its_sink_and_counts(error: Exception) -> None:
    telemetry = context(Failing(error))

    assert not telemetry.record("x")
    assert not telemetry.flush()
    assert not asyncio.run(telemetry.record_async("x"))
    assert telemetry.failures == 3


def test_record_strict_raises_with_a_code() -> None:
    with pytest.raises(TelemetryError, match="No space left") as caught:
        context(Failing(OSError(28, "No space left on device"))).record_strict("x")
    assert caught.value.code == "tracerd.telemetry.io"


def test_noop_sink_takes_everything() -> None:
    telemetry = context(NoopSink())
    assert telemetry.record("x")
    assert telemetry.flush()


def test_the_machine_id_is_derived_once_for_all_threads() -> None:
    asked: list[str] = []
    sink = MemorySink()

    def derive(salt: str) -> str:
        asked.append(salt)
        return "id"

    telemetry = context(sink, machine_id=derive)
    threads = [threading.Thread(target=telemetry.record, args=("x",)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert asked == ["mytool.test"]
    assert len(sink) == 16


class Waiting(MemorySink):
    """A sink that is as slow as a hanging file system: it waits until the loop, which must go on, lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.ended = threading.Event()

    def emit(self, event: Event) -> None:
        self.begun.set()
        assert self.may_end.wait(PATIENCE_S)
        super().emit(event)
        self.ended.set()


async def _record_while_the_loop_goes_on(sink: Waiting, sleep: Callable[[float], Awaitable[None]]) -> None:
    while not sink.begun.is_set():
        await sleep(0.001)
    sink.may_end.set()


def test_asyncio_goes_on_while_a_sink_waits() -> None:
    sink = Waiting()

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_record_while_the_loop_goes_on(sink, asyncio.sleep))
            assert await context(sink).record_async("x")

    asyncio.run(main())
    assert len(sink) == 1


async def test_trio_goes_on_while_a_sink_waits() -> None:
    sink = Waiting()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_record_while_the_loop_goes_on, sink, trio.sleep)
        assert await context(sink).record_async("x")
    assert len(sink) == 1


async def test_a_cancelled_caller_goes_on_at_once_and_the_event_is_written() -> None:
    sink = Waiting()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(context(sink).record_async, "x")
        assert await trio.to_thread.run_sync(sink.begun.wait, PATIENCE_S)
        nursery.cancel_scope.cancel()
    assert len(sink) == 0

    sink.may_end.set()
    assert await trio.to_thread.run_sync(sink.ended.wait, PATIENCE_S)
    assert len(sink) == 1


def test_daemon_sink_makes_instants_of_the_trace() -> None:
    with short_dir() as home, Daemon(home) as daemon:
        client = Client("tr-usage", str(daemon.socket))
        sink = DaemonSink(client)
        telemetry = context(sink, machine_id=constant("id"), now=lambda: "2026-04-22T12:00:00Z")
        assert telemetry.record("command.invoke", {"outcome": "ok"})
        client.flush(30)
        assert telemetry.flush()
        client.close()
        log = daemon.log("tr-usage")

    [event] = [found for found in map(json.loads, log.splitlines()) if found.get("cat") == "telemetry"]
    assert (event["ph"], event["name"]) == ("i", "command.invoke")
    assert event["args"] == {
        "schema": 1,
        "tool": "mytool",
        "tool_version": "1.2.3",
        "machine_id": "id",
        "timestamp_utc": "2026-04-22T12:00:00Z",
        "attrs": {"outcome": "ok"},
    }


def test_daemon_sink_without_a_daemon_says_so_at_the_flush(tmp_path: Path) -> None:
    client = Client("tr-usage", str(tmp_path / "none.socket"))
    telemetry = context(DaemonSink(client))

    assert telemetry.record("x")
    assert not telemetry.flush()
    client.close()


def test_daemon_sink_without_a_trace_drops_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracerd.client._default", None)
    telemetry = context(DaemonSink())

    assert telemetry.record("x")
    assert telemetry.flush()
