"""What `tracerd web` answers, as types.

The server makes the schemas of its OpenAPI document of these, so they are written once. An answer may get more keys in
a later version: take what you know.
"""

from typing import Literal, NotRequired, TypedDict


class PageMeta(TypedDict):
    """Which part of a list a page is."""

    page: int
    limit: int
    totalItems: int
    totalPages: int


class Trace(TypedDict):
    """A trace; times in RFC 3339, `latency` in seconds from the first event to the end of the last one."""

    id: str
    timestamp: str | None
    endTimestamp: str | None
    name: str | None
    sessionId: str | None
    userId: str | None
    version: str | None
    release: str | None
    environment: str | None
    tags: list[str]
    latency: float | None
    events: int
    spans: int
    errors: int
    logs: dict[str, int]
    processes: int
    command: str | None
    exitCode: int | None
    metadata: dict[str, object]


class TracesPage(TypedDict):
    """A page of traces."""

    data: list[Trace]
    meta: PageMeta


class Observation(TypedDict):
    """A span; it lies in the one whose `id` is its `parentObservationId`.

    `latency` is in seconds, `tsUs` the start as the log has it; both ends are null if the log has no clock for them.
    """

    id: str
    traceId: str
    parentObservationId: str | None
    type: Literal["SPAN"]
    name: str
    startTime: str | None
    endTime: str | None
    latency: float | None
    level: Literal["DEFAULT", "ERROR"]
    statusMessage: str | None
    category: str | None
    process: str
    thread: str
    pid: int | float | str | None
    tid: int | float | str | None
    depth: int
    tsUs: float | None
    metadata: dict[str, object]


class CursorMeta(TypedDict):
    """How to go on: `nextCursor` is the `cursor` of the next part, and null at the end."""

    limit: int
    nextCursor: str | None


class TraceDetail(Trace):
    """A trace with its spans, the first begun first."""

    observations: list[Observation]
    meta: CursorMeta


class Day(TypedDict):
    """A day of UTC, and what began on it."""

    date: str
    countTraces: int
    countObservations: int
    countEvents: int
    countErrors: int


class DaysPage(TypedDict):
    """A page of days."""

    data: list[Day]
    meta: PageMeta


class MetricNames(TypedDict):
    """The names of metrics, sorted."""

    data: list[str]


class MetricValue(TypedDict):
    """A window, by its begin."""

    timestamp: str
    value: float | None


class MetricSeries(TypedDict):
    """The windows of one set of labels."""

    labels: dict[str, str]
    values: list[MetricValue]


class MetricMeta(TypedDict):
    """`latest_ts` is the begin of the latest window; `truncated` says that there is more than was given."""

    latest_ts: str | None
    series_count: int
    truncated: bool


class Metric(TypedDict):
    """A metric over time."""

    data: list[MetricSeries]
    meta: MetricMeta


class Event(TypedDict):
    """An event, as `tracerd search --json` and `tracerd tail --json` print it.

    `time_s` is in seconds since 1970, null if the log has no clock for it; `event` is the line of the log.
    """

    trace_id: str
    time_s: float | None
    event: dict[str, object]


class LogsPart(TypedDict):
    """Log events, the latest first."""

    data: list[Event]
    meta: CursorMeta


class Service(TypedDict):
    """A service; `errorRate` is a part of 1."""

    name: str
    status: Literal["healthy", "degraded", "silent", "ended"]
    events: int
    errors: int
    errorRate: float
    lastSeen: str | None


class Services(TypedDict):
    """Services by name."""

    data: list[Service]


class Alert(TypedDict):
    """What a rule reports; `window` is the begin and the end, `since` is there unless the alert began now."""

    time: str
    trace_id: str
    rule: str
    key: dict[str, str]
    state: Literal["firing", "escalated", "reminder", "resolved"]
    severity: str
    value: float | None
    threshold: float | None
    window: list[str]
    message: str
    since: NotRequired[str]


class Alerts(TypedDict):
    """Alerts, trace by trace."""

    data: list[Alert]


class TrackerAlert(TypedDict):
    """An alert of a tracker."""

    alert: str
    event_id: str
    value: object


class QueryResult(TypedDict):
    """The metrics of a tracker: a number each, or one for each group."""

    total_events: int
    window_events: int
    metrics: dict[str, float | dict[str, float | None] | None]
    alerts: list[TrackerAlert]


class Comparison(TypedDict):
    """Two traces side by side, as `tracerd diff --json` prints them: docs/view.md, and of builds docs/builds.md.

    `by` is the key that each group has its name under; `new` and all below is of builds, names of steps.
    """

    a: dict[str, object]
    b: dict[str, object]
    by: str
    groups: list[dict[str, object]]
    new: NotRequired[list[str]]
    gone: NotRequired[list[str]]
    slower: NotRequired[list[str]]
    faster: NotRequired[list[str]]


class Rejected(TypedDict):
    """Why an item was not stored; its index counts from 0, and is null if it was no item of a list."""

    index: int | None
    error: str


class Stored(TypedDict):
    """How many items were stored, and how many not; `errors` has the first 100 of these."""

    accepted: int
    rejected: int
    errors: NotRequired[list[Rejected]]
    message: NotRequired[str]


class PartialSuccess(TypedDict, total=False):
    """How much of a request was not stored, as a number in a text, and why."""

    rejectedSpans: str
    rejectedLogRecords: str
    rejectedDataPoints: str
    errorMessage: str


class OtlpStored(TypedDict, total=False):
    """The answer of OpenTelemetry's protocol: empty if all was stored."""

    partialSuccess: PartialSuccess


class Login(TypedDict):
    """An address that logs a browser in, once and within a minute; and the directory of the traces."""

    url: str
    directory: str


class Status(TypedDict):
    """Whether the server answers."""

    status: str


class Failure(TypedDict):
    """Why a request was refused."""

    message: str
    code: str
