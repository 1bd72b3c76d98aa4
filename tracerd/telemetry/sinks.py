"""Where events go: the protocol for any sink, and those that write no file."""

import threading
from typing import TYPE_CHECKING, Protocol

from tracerd.telemetry.error import TelemetryError
from tracerd.telemetry.event import Event

if TYPE_CHECKING:
    from tracerd.client import Client


class TelemetrySink(Protocol):
    """Takes events. Both methods may be called from any thread, from several at a time."""

    def emit(self, event: Event) -> None:
        """Take one event.

        Raises:
            TelemetryError: It could not be written.
            OSError: The same.
        """
        ...

    def flush(self) -> None:
        """Return when what was taken is where it should be.

        Raises:
            TelemetryError: Something of it is not.
            OSError: The same.
        """
        ...


class NoopSink:
    """Takes events and keeps none."""

    def emit(self, event: Event) -> None:
        """Drop it."""

    def flush(self) -> None:
        """Do nothing."""


class MemorySink:
    """Keeps events in memory, for tests."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._lock = threading.Lock()

    def emit(self, event: Event) -> None:
        """Keep it."""
        with self._lock:
            self._events.append(event)

    def flush(self) -> None:
        """Do nothing."""

    def snapshot(self) -> list[Event]:
        """The events so far, in the order in which they came."""
        with self._lock:
            return list(self._events)

    def __len__(self) -> int:
        """How many events there are."""
        return len(self._events)


class DaemonSink:
    """Sends events to tracerd as instants of the category `telemetry`, on the timeline of the trace.

    Args:
        client: The trace; by default that of `tracerd.client`, and without one events are dropped.
    """

    def __init__(self, client: "Client | None" = None) -> None:
        self._client = client

    def _target(self) -> "Client | None":
        from tracerd.client import default_client

        return self._client or default_client()

    def emit(self, event: Event) -> None:
        """Hand it to the client, which never waits."""
        if client := self._target():
            client.instant(
                event.name,
                "telemetry",
                schema=event.schema,
                tool=event.tool,
                tool_version=event.tool_version,
                machine_id=event.machine_id,
                timestamp_utc=event.timestamp_utc,
                attrs=dict(event.attrs),
            )

    def flush(self) -> None:
        """Wait, for 0.05 seconds at most, until the daemon has everything.

        Raises:
            TelemetryError: It did not acknowledge it.
        """
        client = self._target()
        if client and not client.flush():
            raise TelemetryError("tracerd.telemetry.io", "tracerd has not acknowledged the events; does it run?")
