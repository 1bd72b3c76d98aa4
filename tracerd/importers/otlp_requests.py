"""Requests of OpenTelemetry's protocol as a server receives them: to lines, by the trace that they go to.

What has an id of W3C Trace Context goes into the log of this id, if there is one, so that the spans of a service lie
beside those of the command that called it. All else goes into a log of its service and day: a service with a million
requests a day makes one log. The day is that of the data, so that a request that is sent twice goes into one log.

The times of a trace count from the start of the machine. What is older has no place there: it goes into a log of its
own, which counts from 1970, in whole microseconds.

Spans of different requests may overlap, and none knows of the others: each request has threads of its own. A process
has the same pid in all.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Final, NamedTuple

from tracerd.importers.fields import fields, nanoseconds, objects
from tracerd.importers.formats.otlp import Requests
from tracerd.importers.formats.otlp_metrics import Totals
from tracerd.importers.numbers import Numbers
from tracerd.importers.placing import SINCE_1970_NS
from tracerd.importers.timeline import MAX_NS, Timeline
from tracerd.importers.writer import Writer
from tracerd.otlp.forms import hex_id
from tracerd.otlp.pieces import PARTS, Json
from tracerd.otlp.schema import POINTS
from tracerd.otlp.values import plain_attributes
from tracerd.trace_id import W3C_DIGITS, is_hex

TRACES, LOGS, METRICS = "traces", "logs", "metrics"
"""The signals: the last parts of their paths."""

_TIMES: Final = ("timeUnixNano", "observedTimeUnixNano", "startTimeUnixNano")
"""Of a point the second one is when its series began."""

WALL: Final = "-wall"
"""What the name of a log that counts from 1970 ends in."""

_NO_PLACE: Final = "times before 2001 or beyond 2116"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_NS: Final = 86400 * 10**9
_WITHOUT_SPANS: Final = ("logs", "metrics")
"""Threads on which nothing overlaps."""

_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9._-]")
_MAX_SERVICE: Final = 150
NOTHING_LOST: Final = ("points without a value",)
"""Left out as counters only."""


class Log(NamedTuple):
    """A log that may take what has an id.

    Attributes:
        trace_id: What its trace is called.
        has_clients: Whether a client writes to it now.
        last_write_s: When it was last written, in seconds since 1970.
    """

    trace_id: str
    has_clients: bool
    last_write_s: float


def log_of(digits: str, logs: Iterable[Log]) -> str | None:
    """The trace whose id is, or ends in, these digits: of several one that has clients, else the newest."""
    fitting = [log for log in logs if digits_of(log.trace_id) == digits]
    best = max(fitting, key=lambda log: (log.has_clients, log.last_write_s), default=None)
    return None if best is None else best.trace_id


def digits_of(trace_id: str) -> str:
    """The 32 hexadecimal digits that a trace id ends in, or that it has as a UUID; empty without."""
    end = trace_id.replace("-", "")[-W3C_DIGITS:]
    return end if is_hex(end, W3C_DIGITS) else ""


def day_log(service: str, at_ns: int) -> str:
    """The trace of a service and of the day of a time, in ns since 1970."""
    return _day_log(service, at_ns // _DAY_NS)


@lru_cache(1000)
def _day_log(service: str, day: int) -> str:
    name = _NOT_IN_A_NAME.sub("_", service)[:_MAX_SERVICE] or "unknown_service"
    return f"otlp-{name}-{(_EPOCH + timedelta(day)):%Y-%m-%d}"


def place(service: str, at_ns: int, boot_ns: int, own: str | None = None) -> str:
    """The trace that something goes to.

    Args:
        service: What it is of.
        at_ns: When it was, in ns since 1970; 0 if that is not known.
        boot_ns: When the machine started.
        own: The trace that it names; None for that of its service and day.

    Raises:
        ValueError: It was before 2001, or beyond all times.
    """
    if at_ns and not SINCE_1970_NS <= at_ns < MAX_NS:
        raise ValueError(_NO_PLACE)
    name = own or day_log(service, at_ns)
    return name + WALL if 0 < at_ns < boot_ns else name


@dataclass(frozen=True, slots=True)
class Received:
    """What a request holds.

    Attributes:
        lines: Blocks of lines, by trace.
        left_out: Why something has no line, and how often.
    """

    lines: dict[str, list[bytes]]
    left_out: Counter[str]

    @property
    def rejected(self) -> int:
        """How many spans, records or points are lost."""
        return sum(count for what, count in self.left_out.items() if what not in NOTHING_LOST)


def received(
    signal: str,
    request: Json,
    log_of_id: Callable[[str], str | None],
    wall_offset_ns: int,
    totals: Totals | None = None,
) -> Received:
    """The lines of a request.

    Args:
        signal: TRACES, LOGS or METRICS.
        request: As OpenTelemetry's JSON.
        log_of_id: The trace of 32 hexadecimal digits; None if there is none.
        wall_offset_ns: What the wall clock is ahead of CLOCK_MONOTONIC, which the times of a trace count from.
        totals: Of metrics that came before, if these are to be added to them.
    """
    lines: dict[str, list[bytes]] = {}
    left_out: Counter[str] = Counter()
    for trace_id, part in _Parts(signal, log_of_id, wall_offset_ns, left_out).of(request).items():
        timeline = Timeline()
        timeline.since_ns = SINCE_1970_NS if trace_id.endswith(WALL) else wall_offset_ns
        with closing(timeline.records):
            requests = Requests(timeline, totals)
            requests.take(part)
            requests.put()
            left_out.update(timeline.left_out)
            if blocks := [*lines_of(timeline, trace_id, wall_offset_ns)]:
                lines[trace_id] = blocks
    return Received(lines, left_out)


def lines_of(timeline: Timeline, trace_id: str, wall_offset_ns: int) -> Iterator[bytes]:
    """The lines of a timeline that is on the wall clock, in blocks, for a trace."""
    is_wall = trace_id.endswith(WALL)
    for track in timeline.tracks:
        if track.name in _WITHOUT_SPANS:
            track.number = track.process.number  # one thread for all requests
    writer = Writer(timeline, _Numbers(keep=False), 0 if is_wall else -wall_offset_ns, "", whole_us=is_wall)
    return writer.blocks()


class _Numbers(Numbers):
    """Keeps the pids, which are made of what a process is."""

    def pid(self, wanted: int) -> int:
        return wanted


class _Parts:
    """A request in parts, by the trace that they go to.

    Args:
        signal: The signal.
        log_of_id: The trace of 32 hexadecimal digits; None if there is none.
        boot_ns: When the machine started, in ns since 1970.
        left_out: Counts what is.
    """

    def __init__(
        self, signal: str, log_of_id: Callable[[str], str | None], boot_ns: int, left_out: Counter[str]
    ) -> None:
        self._resources, self._scopes, self._items = PARTS[signal]
        self._log_of_id = cache(log_of_id)
        self._boot_ns = boot_ns
        self._left_out = left_out

    def of(self, request: Json) -> dict[str, Json]:
        """A request for each trace."""
        parts: defaultdict[str, list[object]] = defaultdict(list)
        for resource in objects(request.get(self._resources)):
            attributes, _ = plain_attributes(fields(resource.get("resource")).get("attributes"))
            service = str(attributes.get("service.name") or "")
            about: Json = {name: resource[name] for name in ("resource", "schemaUrl") if name in resource}
            for key in self._scopes:
                for scope in objects(resource.get(key)):
                    for trace_id, some in self._groups(scope, service).items():
                        parts[trace_id].append({**about, key: [{**scope, self._items: some}]})
        found: dict[str, Json] = {}
        for trace_id, some in parts.items():
            found[trace_id] = {self._resources: some}
        return found

    def _groups(self, scope: Json, service: str) -> dict[str, list[object]]:
        groups: defaultdict[str, list[object]] = defaultdict(list)
        for item in objects(scope.get(self._items)):
            kind = next((kind for kind in POINTS if kind in item), None)
            if kind is None:
                if trace_id := self._trace_of(item, service):
                    groups[trace_id].append(item)
                continue
            points: defaultdict[str, list[object]] = defaultdict(list)
            for point in objects(fields(item[kind]).get("dataPoints")):
                if trace_id := self._trace_of(point, service):
                    points[trace_id].append(point)
            for trace_id, some in points.items():
                groups[trace_id].append({**item, kind: {**fields(item[kind]), "dataPoints": some}})
        return groups

    def _trace_of(self, item: Json, service: str) -> str | None:
        """The trace that it goes to; None if it has no place in any."""
        at_ns = next((at_ns for key in _TIMES if (at_ns := nanoseconds(item.get(key), 1))), 0)
        digits = hex_id(item.get("traceId"), W3C_DIGITS)
        try:
            return place(service, at_ns, self._boot_ns, digits and self._log_of_id(digits))
        except ValueError:
            self._left_out[_NO_PLACE] += 1
            return None
