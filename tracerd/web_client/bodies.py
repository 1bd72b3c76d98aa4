"""What `tracerd web` takes, as types; docs/web.md says what becomes of each key."""

from datetime import datetime
from typing import Literal, NotRequired, TypedDict

Level = Literal["debug", "info", "warn", "warning", "error", "fatal", "critical"]

Moment = str | int | datetime
"""RFC 3339, milliseconds since 1970, or a `datetime` with a time zone."""


class LogEntry(TypedDict):
    """A log event; of now without `timestamp`."""

    level: Level
    message: str
    service: str
    timestamp: NotRequired[Moment]
    metadata: NotRequired[dict[str, object]]
    traceId: NotRequired[str]
    spanId: NotRequired[str]


class TraceBody(TypedDict):
    """A trace, whose `id` is a UUID or any other trace id; what is absent erases nothing."""

    id: str
    timestamp: NotRequired[Moment]
    name: NotRequired[str]
    sessionId: NotRequired[str]
    userId: NotRequired[str]
    version: NotRequired[str]
    release: NotRequired[str]
    environment: NotRequired[str]
    tags: NotRequired[list[str]]
    metadata: NotRequired[dict[str, object]]


class ObservationBody(TypedDict):
    """A span of the trace `traceId`, or of that of the same body; `latency` is in seconds."""

    id: str
    traceId: NotRequired[str]
    parentObservationId: NotRequired[str]
    type: NotRequired[str]
    name: NotRequired[str]
    startTime: NotRequired[Moment]
    endTime: NotRequired[Moment]
    latency: NotRequired[float]
    level: NotRequired[str]
    statusMessage: NotRequired[str]
    model: NotRequired[str]
    usage: NotRequired[dict[str, object]]
    input: NotRequired[object]
    output: NotRequired[object]
    metadata: NotRequired[dict[str, object]]


class MetricPoint(TypedDict):
    """A value of a metric; of now without `timestamp`."""

    name: str
    value: float
    labels: NotRequired[dict[str, str]]
    timestamp: NotRequired[Moment]
