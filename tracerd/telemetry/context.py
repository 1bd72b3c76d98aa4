"""What a tool records its events with."""

import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from tracerd.telemetry.consent import utc_now
from tracerd.telemetry.error import io_error
from tracerd.telemetry.event import Event
from tracerd.telemetry.machine_id import MachineId
from tracerd.telemetry.policy import CollectionPolicy
from tracerd.telemetry.sinks import NoopSink, TelemetrySink

_NO_ATTRS: Mapping[str, str] = {}


class TelemetryContext:
    """A tool, its version, the policy, and where its events go. All methods may be called from any thread.

    While the policy is disabled, as by default, a record returns at once: no event is made, no machine id is derived,
    and the sink is not called.

    Args:
        tool: The tool's name.
        version: Its version.
        salt: The tool's own, such as `mytool.telemetry.v1`; needed if events are recorded.
        sink: Where events go.
        policy: Whether events are recorded; see `policy_of`.
        machine_id: Gives the machine id for a salt, once, at the first event.
        now: Gives the time in RFC 3339.

    Attributes:
        failures: How many events or flushes did not succeed.

    Raises:
        ValueError: Tool or version is missing, or the salt of a context that records.
    """

    def __init__(
        self,
        tool: str,
        version: str,
        *,
        salt: str = "",
        sink: TelemetrySink | None = None,
        policy: CollectionPolicy = CollectionPolicy.DISABLED,
        machine_id: Callable[[str], str] = MachineId.derive,
        now: Callable[[], str] = utc_now,
    ) -> None:
        self._enabled = policy is CollectionPolicy.ENABLED
        for name, value, needed in (("tool", tool, True), ("version", version, True), ("salt", salt, self._enabled)):
            if needed and not value:
                raise ValueError(f"{name} is missing")
        self.tool = tool
        self.version = version
        self.policy = policy
        self.failures = 0
        self._salt = salt
        self._sink: TelemetrySink = NoopSink() if sink is None else sink
        self._derive = machine_id
        self._machine_id = ""
        self._lock = threading.Lock()
        self._now = now

    def record(self, name: str, attrs: Mapping[str, str] = _NO_ATTRS) -> bool:
        """Record an event, and never fail for it.

        Args:
            name: Such as `command.invoke`.
            attrs: Enumerated values only: they are written as they are, see the privacy rules.

        Returns:
            False if it could not be written; True also if nothing is to be recorded.

        Raises:
            TypeError: The name or something in `attrs` is no text.
        """
        return self._record(name, attrs) if self._enabled else True  # a closure here would double what it costs

    def record_strict(self, name: str, attrs: Mapping[str, str] = _NO_ATTRS) -> None:
        """Record an event.

        Raises:
            TelemetryError: It could not be written.
            TypeError: The name or something in `attrs` is no text.
        """
        if not self._enabled:
            return
        _check(name, attrs)
        try:
            self._sink.emit(self._event(name, attrs))
        except OSError as error:
            raise io_error("cannot record an event", error) from error

    async def record_async(self, name: str, attrs: Mapping[str, str] = _NO_ATTRS) -> bool:
        """As `record`, in a thread, under trio and asyncio.

        A caller that is cancelled goes on at once; an event whose turn had come is written all the same.
        """
        return not self._enabled or await _in_thread(lambda: self.record(name, attrs))

    def flush(self) -> bool:
        """Wait until the sink has written what it took, and never fail for it; False if it could not."""
        return not self._enabled or self._succeeds(self._sink.flush)

    async def flush_async(self) -> bool:
        """As `flush`, in a thread, under trio and asyncio."""
        return not self._enabled or await _in_thread(self.flush)

    def _record(self, name: str, attrs: Mapping[str, str]) -> bool:
        _check(name, attrs)
        return self._succeeds(lambda: self._sink.emit(self._event(name, attrs)))

    def _event(self, name: str, attrs: Mapping[str, str]) -> Event:
        with self._lock:
            if not self._machine_id:
                self._machine_id = self._derive(self._salt)
        return Event(name, self.tool, self.version, self._machine_id, self._now(), dict(attrs))

    def _succeeds(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except Exception:  # whatever a sink raises: the program that is observed goes on
            with self._lock:
                self.failures += 1
            return False
        return True


def _check(name: str, attrs: Mapping[str, str]) -> None:
    for text in cast("tuple[object, ...]", (name, *attrs.keys(), *attrs.values())):
        if not isinstance(text, str):
            raise TypeError(f"not a text: {text!r}")


async def _in_thread(function: Callable[[], bool]) -> bool:
    """Call it in a thread of the loop that runs us; neither is imported for that."""
    trio = sys.modules.get("trio")
    if trio and trio.lowlevel.in_trio_task():
        waiting: Awaitable[bool] = trio.to_thread.run_sync(function, abandon_on_cancel=True)
        return await waiting
    import asyncio

    return await asyncio.to_thread(function)
