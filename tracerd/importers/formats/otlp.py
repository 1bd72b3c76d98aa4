"""OpenTelemetry's JSON: one request a line, as collectors write it, or one object. A process a resource.

Nothing of it is lost: what an event has no place for stands in its args under `otlp`, as `tracerd.otlp.forms` keeps
it, and what belongs to many events in metadata events. Numbers of 64 bits are texts; none passes through a float.
"""

from collections.abc import Iterator
from typing import Final

from tracerd.importers.fields import fields, nanoseconds, objects, text
from tracerd.importers.formats.otlp_metrics import Metrics, Totals
from tracerd.importers.head import Head
from tracerd.importers.numbers import MAX_GIVEN, MAX_REAL
from tracerd.importers.source import Source
from tracerd.importers.timeline import Clock, Timeline, text_id
from tracerd.importers.tree import Tree
from tracerd.otlp.forms import FAILED, RESOURCE_LINE, SCOPE_LINE, SPAN_EVENT, TYPES, args_of, kept, name_of, number_of
from tracerd.otlp.schema import EVENT, KINDS, RECORD, RESOURCE, SCOPE, SEVERITIES, SPAN, STATUS
from tracerd.otlp.values import plain
from tracerd.rows.levels import known_level

_LEVELS: Final = {"trace": "debug", "debug": "debug", "info": "info", "warn": "warning"} | {
    "error": "error",
    "fatal": "critical",
}

Fields = dict[str, object]


def fits(head: Head) -> bool:
    """Whether a file that begins so is of OpenTelemetry."""
    return any(head.has(key) or key in head.first for key in ("resourceSpans", "resourceLogs", "resourceMetrics"))


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    requests = Requests(timeline)
    for request in _requests(source):
        if request is None:
            timeline.left_out["lines that are no JSON"] += 1
        requests.take(request)
    requests.put()


def _requests(source: Source) -> Iterator[object]:
    head = source.head.lstrip()
    if head.startswith(b"[") or Head(source.head).first:
        yield from source.values()
    else:
        yield source.document("spans", "logRecords", "dataPoints")


class Requests:
    """Takes requests, of any signal.

    Args:
        timeline: Where to.
        totals: Of metrics that came before.
    """

    def __init__(self, timeline: Timeline, totals: Totals | None = None) -> None:
        timeline.tool = "OpenTelemetry"
        timeline.clock = Clock.WALL
        self._timeline = timeline
        self._tree = Tree(timeline)
        self._metrics = Metrics(timeline, totals or Totals())

    def take(self, request: object) -> None:
        """Take a request, as an object of JSON; what it should not hold is passed over."""
        known = fields(request)
        for process, cat, scope, spans in self._scopes(known, "resourceSpans", "Spans", "spans"):
            for span in spans:
                self._span(span, process, cat, scope)
        for process, _, scope, records in self._scopes(known, "resourceLogs", "Logs", "logRecords"):
            for record in records:
                self._record(record, process, scope)
        for process, _, scope, metrics in self._scopes(known, "resourceMetrics", "Metrics", "metrics"):
            for metric in metrics:
                self._metrics.take(metric, process, scope)

    def put(self) -> None:
        """Put the spans into the timeline, when all are there."""
        self._tree.put()

    def _scopes(
        self, request: Fields, resources: str, of: str, items: str
    ) -> Iterator[tuple[str, str, Fields, Iterator[Fields]]]:
        """The items of each scope, with the key of their process, the name of the scope, and its id in `otlp`."""
        for resource in objects(request.get(resources)):
            process = self._process(resource)
            for key in (f"scope{of}", f"instrumentationLibrary{of}"):
                for scope in objects(resource.get(key)):
                    about = kept(SCOPE, scope.get("scope"))
                    name = text(about.get("name"))
                    if schema := text(scope.get("schemaUrl")):
                        about["schemaUrl"] = schema
                    rest: Fields = {}
                    if about:
                        rest["scope"] = text_id(about)
                        self._timeline.about(process, SCOPE_LINE, {"id": rest["scope"], **about})
                    yield process, name, rest, objects(scope.get(items))

    def _process(self, resource: Fields) -> str:
        about = kept(RESOURCE, resource.get("resource"))
        name = str(fields(about.get("attributes")).get("service.name") or "a service without a name")
        if schema := text(resource.get("schemaUrl")):
            about["schemaUrl"] = schema
        key = str(text_id(about))
        self._timeline.process(key, name, number=pid_of(key))
        self._timeline.about(key, RESOURCE_LINE, about)
        return key

    def _span(self, span: Fields, process: str, cat: str, scope: Fields) -> None:
        start_ns = nanoseconds(span.get("startTimeUnixNano"), 1)
        if not start_ns:
            self._timeline.left_out["spans without a start"] += 1
            return
        end_ns = self._time_ns(span, "endTimeUnixNano")
        trace_id, span_id, parent = (text(span.get(key)).lower() for key in ("traceId", "spanId", "parentSpanId"))
        rest = kept(SPAN, span) | scope
        status = fields(span.get("status"))
        code = number_of(STATUS, status.get("code", 0)) or 0
        message = text(status.get("message"))
        own: Fields = {
            "trace_id": trace_id,
            "span_id": span_id,
            "parent_span_id": parent,
            "kind": name_of(KINDS, number_of(KINDS, span.get("kind", 0)) or 0),
            "status": name_of(STATUS, code),
            "status_message": message,
        }
        if own["status"] == FAILED:
            own["error"] = message or True
        if own["kind"]:
            del rest["kind"]
        if code and not own["status"]:
            rest["status"] = code
        name = text(span.get("name"))
        if not name:
            rest["name"] = name
        args = args_of(span.get("attributes"), own, rest)
        key = (trace_id, span_id)
        dur_ns = end_ns - start_ns if end_ns else None
        self._tree.span(
            process, key, (trace_id, parent) if parent else None, name or "?", start_ns, dur_ns, args, cat=cat
        )
        for link in objects(span.get("links")):
            self._tree.link(key, (text(link.get("traceId")).lower(), text(link.get("spanId")).lower()))
        for event in objects(span.get("events")):
            self._event(event, key, start_ns)

    def _event(self, event: Fields, key: tuple[str, str], start_ns: int) -> None:
        name = text(event.get("name"))
        rest = kept(EVENT, event) | {SPAN_EVENT: list(key)} | ({} if name else {"name": name})
        at_ns = self._time_ns(event, "timeUnixNano") or start_ns
        self._tree.moment(key, name or "?", at_ns, args_of(event.get("attributes"), {}, rest))

    def _record(self, record: Fields, process: str, scope: Fields) -> None:
        at_ns = self._time_ns(record, "timeUnixNano") or nanoseconds(record.get("observedTimeUnixNano"), 1)
        if not at_ns:
            self._timeline.left_out["log records without a time"] += 1
            return
        rest = kept(RECORD, record) | scope
        body, types = plain(record.get("body"))
        shown = str(body or rest.get("eventName") or "?")
        if types or body != shown:
            rest["body"] = body
        if types:
            rest["body" + TYPES] = types
        own = {
            "level": _level(record),
            "span_id": text(record.get("spanId")).lower(),
            "trace_id": text(record.get("traceId")).lower(),
        }
        args = args_of(record.get("attributes"), own, rest)
        self._timeline.instant(self._timeline.track(process, "logs", "logs"), shown, at_ns, args, "log")

    def _time_ns(self, item: Fields, key: str) -> int | None:
        """A time for which there is another one, if it is none: that is counted, unless there is no value at all."""
        value = item.get(key)
        at_ns = nanoseconds(value, 1)
        if at_ns is None and value is not None:
            self._timeline.replaced += 1
        return at_ns


def pid_of(key: str) -> int:
    """A pid for a process of this key, beyond those of Linux; the same one whenever it comes."""
    return MAX_REAL + 1 + int(key) % (MAX_GIVEN - MAX_REAL)


def _level(record: Fields) -> str:
    """The level of a record: of its text if that is known, else of its number."""
    words = text(record.get("severityText")).lower()
    name = name_of(SEVERITIES, number_of(SEVERITIES, record.get("severityNumber", 0)) or 0).rstrip("234")
    return known_level(words) or _LEVELS.get(name) or words
