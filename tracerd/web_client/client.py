"""The client: a method for each route of `tracerd web`."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, Literal, TypeVar, Unpack, cast
from urllib.parse import quote

from tracerd.errors import ApiError
from tracerd.web_client import answers, bodies, builds, parameters
from tracerd.web_client.address import find_address, find_token
from tracerd.web_client.connection import Connection, Pairs
from tracerd.web_client.events import events
from tracerd.web_client.parameters import DAY_NAMES, TRACE_NAMES, pairs_of

TRACES: Final = "/api/public/traces"
DAILY: Final = "/api/public/metrics/daily"
METRIC_NAMES: Final = "/api/public/metrics/names"
METRIC: Final = "/api/public/metrics/query"
COMPARE: Final = "/api/compare"
LOGS: Final = "/api/logs"
ALERTS: Final = "/api/alerts"
SERVICES: Final = "/api/services"
QUERY: Final = "/api/query"
STREAM: Final = "/api/stream"
LOGIN: Final = "/api/login"
READY: Final = "/readyz"
WRITE_LOGS: Final = "/logs"
WRITE_BATCH: Final = "/v1/l/batch"
WRITE_METRICS: Final = "/v1/metrics/batch"

TIMEOUT_S: Final = 60.0
"""More than the 30 s that the server gives a query, and than the 15 s after which a stream sends a sign of life."""

MAX_PAGE: Final = 200
MAX_LOGS: Final = 1000
MAX_SPANS: Final = 100_000
"""The most that an answer may hold: the fewest requests."""

_T = TypeVar("_T")
_Item = TypeVar("_Item")


class WebClient:
    """Asks `tracerd web`, and writes to it. May be used by several threads.

    Each method raises `ApiError` if the server refuses, cannot be reached or answers something else. While the server
    says that it is too busy, and when to try again, methods wait and do.

    Args:
        address: What `tracerd web` prints, such as `http://localhost:8742/` or `unix:/run/user/1000/web.socket`, also
            without `http://` or `unix:`. None for `TRACERD_WEB_ADDRESS`, or port 8742.
        token: The token. None for that in the file `TRACERD_WEB_TOKEN_FILE`, or beside the daemon's socket. A Unix
            socket needs none.
        timeout_s: How long the server may be silent, in seconds.

    Raises:
        ApiError: The address is none of this machine, or the token cannot be read.
    """

    def __init__(self, address: str | None = None, token: str | None = None, *, timeout_s: float = TIMEOUT_S) -> None:
        where = find_address(address)
        self._connection = Connection(where, None if where.path else find_token(token), timeout_s)

    # ------------------------------------------------------------------ reading

    def is_ready(self) -> bool:
        """Whether the server answers, and can read the traces."""
        try:
            return self._get(READY, answers.Status, [])["status"] == "ready"
        except ApiError:
            return False

    def traces(self, **asked: Unpack[parameters.TraceList]) -> Iterator[answers.Trace]:
        """Traces, the latest first without `order_by`; page after page is asked for as they are taken.

        No trace is given twice, though pages move while new traces come.
        """

        def page(number: int) -> tuple[list[answers.Trace], answers.PageMeta]:
            found = self.traces_page(number, MAX_PAGE, **asked)
            return found["data"], found["meta"]

        return _each(page, lambda trace: trace["id"])

    def traces_page(self, page: int = 1, limit: int = 50, **asked: Unpack[parameters.TraceList]) -> answers.TracesPage:
        """One page of traces, from 1, and how many there are."""
        pairs = pairs_of({"page": page, "limit": limit, **asked}, TRACE_NAMES)
        return self._get(TRACES, answers.TracesPage, pairs)

    def trace(self, trace_id: str, limit: int = 10_000, cursor: str | None = None) -> answers.TraceDetail:
        """A trace, with its first spans, or those behind a cursor.

        Args:
            trace_id: Its whole id.
            limit: How many spans, 100,000 at most.
            cursor: The `["meta"]["nextCursor"]` of an answer.
        """
        pairs = pairs_of({"limit": limit, "cursor": cursor})
        return self._get(_path(trace_id), answers.TraceDetail, pairs)

    def observations(self, trace_id: str) -> Iterator[answers.Observation]:
        """All spans of a trace, the first begun first; they are asked for in parts as they are taken."""
        cursor = None
        while True:
            found = self.trace(trace_id, MAX_SPANS, cursor)
            yield from found["observations"]
            cursor = found["meta"]["nextCursor"]
            if cursor is None:
                return

    def build(self, trace_id: str) -> builds.Build:
        """What `tracerd exec` has recorded of a build: its summary, and its processes."""
        return self._get(f"{_path(trace_id)}/build", builds.Build, [])

    def compare(self, a: str, b: str, **asked: Unpack[parameters.ComparedSpans]) -> answers.Comparison:
        """The trace `b` beside the trace `a`; what differs most comes first."""
        return self._get(COMPARE, answers.Comparison, [("a", a), ("b", b), *pairs_of(asked)])

    def days(self, **asked: Unpack[parameters.TraceFilters]) -> Iterator[answers.Day]:
        """How many traces began on each day, the latest day first."""

        def page(number: int) -> tuple[list[answers.Day], answers.PageMeta]:
            pairs = pairs_of({"page": number, "limit": MAX_PAGE, **asked}, DAY_NAMES)
            found = self._get(DAILY, answers.DaysPage, pairs)
            return found["data"], found["meta"]

        return _each(page, lambda day: day["date"])

    def metric_names(self, **asked: Unpack[parameters.OfTraces]) -> list[str]:
        """The names of metrics."""
        return self._get(METRIC_NAMES, answers.MetricNames, pairs_of(asked))["data"]

    def metric(self, name: str, **asked: Unpack[parameters.MetricQuery]) -> answers.Metric:
        """A metric over time: a series for each set of labels, or for each value of `group_by`."""
        return self._get(METRIC, answers.Metric, [("name", name), *pairs_of(asked)])

    def logs(self, **asked: Unpack[parameters.LogSearch]) -> Iterator[answers.Event]:
        """Log events, the latest first; they are asked for in parts as they are taken."""
        cursor = None
        while True:
            found = self._get(LOGS, answers.LogsPart, pairs_of({"limit": MAX_LOGS, "cursor": cursor, **asked}))
            yield from found["data"]
            cursor = found["meta"]["nextCursor"]
            if cursor is None:
                return

    def services(self, **asked: Unpack[parameters.OfTraces]) -> list[answers.Service]:
        """The services of the last hour without `since`, and how each is."""
        return self._get(SERVICES, answers.Services, pairs_of(asked))["data"]

    def alerts(self, **asked: Unpack[parameters.AlertList]) -> list[answers.Alert]:
        """Alerts of the usual rules of `tracerd watch`."""
        return self._get(ALERTS, answers.Alerts, pairs_of(asked))["data"]

    def query(
        self, tracker: str | None = None, *, metric: str | None = None, **asked: Unpack[parameters.OfTraces]
    ) -> answers.QueryResult:
        """The metrics of a tracker over traces.

        Args:
            tracker: Its text.
            metric: In its place a metric, such as `p95(dur_us) by name`.
            asked: Of which traces, and which part of time.
        """
        body = {key: text for key, text in (("tracker", tracker), ("metric", metric)) if text is not None}
        return self._ask("POST", QUERY, answers.QueryResult, pairs_of(asked), body)

    @contextmanager
    def stream(self, **asked: Unpack[parameters.StreamFilters]) -> Generator[Iterator[answers.Event]]:
        """Events as they arrive: `with client.stream(level="error") as events`.

        Whatever is written after the block has begun is among them. They end with the connection.
        """
        with self._connection.opened("GET", STREAM, pairs_of(asked)) as response:
            lines = self._connection.lines(response)
            next(lines, b"")  # a comment: from now on the logs are followed
            yield events(lines)

    def login(self) -> answers.Login:
        """An address that logs a browser in, once and within a minute. A Unix socket has none."""
        return self._ask("POST", LOGIN, answers.Login, [])

    # ------------------------------------------------------------------ writing

    def write_logs(self, logs: Sequence[bodies.LogEntry]) -> answers.Stored:
        """Write log events. This and what follows return when the daemon has everything that they say it has.

        Items that cannot be stored are named in the answer, and cost the others nothing; if all are so, or if there is
        no daemon, it is an error. A body may have 20 MiB.
        """
        return self._ask("POST", WRITE_LOGS, answers.Stored, [], {"logs": list(logs)})

    def write_batch(
        self, trace: bodies.TraceBody | None = None, observations: Sequence[bodies.ObservationBody] = ()
    ) -> answers.Stored:
        """Write a trace and spans of it, or of others."""
        body = {"trace": trace, "observations": list(observations)}
        return self._ask("POST", WRITE_BATCH, answers.Stored, [], body)

    def write_metrics(self, metrics: Sequence[bodies.MetricPoint]) -> answers.Stored:
        """Write values of metrics."""
        return self._ask("POST", WRITE_METRICS, answers.Stored, [], {"metrics": list(metrics)})

    def write_otlp(
        self, signal: Literal["traces", "logs", "metrics"], request: Mapping[str, object]
    ) -> answers.OtlpStored:
        """Write a request of OpenTelemetry's protocol, such as `{"resourceSpans": [...]}`."""
        return self._ask("POST", f"/v1/{signal}", answers.OtlpStored, [], request)

    # ------------------------------------------------------------------ requests

    def _get(self, path: str, kind: type[_T], pairs: Pairs) -> _T:
        return self._ask("GET", path, kind, pairs)

    def _ask(self, method: str, path: str, kind: type[_T], pairs: Pairs, body: object = None) -> _T:
        # The server's answers are of these types: its description is made of them, and tests compare both. What has
        # other keys is the answer of another program.
        found = self._connection.ask(method, path, pairs, body)
        required: frozenset[str] = getattr(kind, "__required_keys__", frozenset())
        if not isinstance(found, dict) or not required <= found.keys():
            raise ApiError("the answer is none of tracerd web: is that address one of it?", "BAD_ANSWER", 200)
        return cast("_T", found)


def _path(trace_id: str) -> str:
    if not trace_id:
        raise ApiError("the id of a trace is empty", "BAD_REQUEST")
    return f"{TRACES}/{quote(trace_id, safe='')}"


def _each(
    page_of: Callable[[int], tuple[list[_Item], answers.PageMeta]], key_of: Callable[[_Item], str]
) -> Iterator[_Item]:
    seen: set[str] = set()
    number, last = 1, 1
    while number <= last:
        items, meta = page_of(number)
        for item in items:
            if key_of(item) not in seen:
                seen.add(key_of(item))
                yield item
        number, last = number + 1, meta["totalPages"]
