"""OpenTelemetry's JSON: one request a line, as collectors write it, or one object. A process a service.

Numbers of 64 bits are texts there; none passes through a float.
"""

from collections.abc import Iterator
from typing import Final

from tracerd.importers.fields import fields, nanoseconds, objects, text, without_empty
from tracerd.importers.formats.otlp_metrics import Metrics
from tracerd.importers.formats.otlp_values import attributes, items, value_of
from tracerd.importers.head import Head
from tracerd.importers.source import Source
from tracerd.importers.timeline import Clock, Timeline
from tracerd.importers.tree import Tree

_KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")


def fits(head: Head) -> bool:
    """Whether a file that begins so is of OpenTelemetry."""
    return any(head.has(key) or key in head.first for key in ("resourceSpans", "resourceLogs", "resourceMetrics"))


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    timeline.tool = "OpenTelemetry"
    timeline.clock = Clock.WALL
    tree, metrics = Tree(timeline), Metrics(timeline)
    for request in _requests(source):
        if request is None:
            timeline.left_out["lines that are no JSON"] += 1
        for resource in objects(fields(request).get("resourceSpans")):
            service = _service(resource, timeline)
            for scope in items(resource, "scopeSpans", "instrumentationLibrarySpans"):
                for span in objects(scope.get("spans")):
                    _span(span, service, text(fields(scope.get("scope")).get("name")), timeline, tree)
        for resource in objects(fields(request).get("resourceLogs")):
            service = _service(resource, timeline)
            for scope in items(resource, "scopeLogs", "instrumentationLibraryLogs"):
                for record in objects(scope.get("logRecords")):
                    _log(record, service, timeline)
        for resource in objects(fields(request).get("resourceMetrics")):
            service = _service(resource, timeline)
            for scope in items(resource, "scopeMetrics", "instrumentationLibraryMetrics"):
                for metric in objects(scope.get("metrics")):
                    metrics.take(metric, service)
    tree.put()


def _requests(source: Source) -> Iterator[object]:
    head = source.head.lstrip()
    if head.startswith(b"[") or Head(source.head).first:
        yield from source.values()
    else:
        yield source.document("spans", "logRecords", "dataPoints")


def _service(resource: dict[str, object], timeline: Timeline) -> tuple[str, str]:
    known = attributes(fields(resource.get("resource")).get("attributes"))
    name = str(known.get("service.name") or "a service without a name")
    key = (name, str(known.get("service.instance.id") or known.get("process.pid") or ""))
    timeline.process(key, name)
    return key


def _span(span: dict[str, object], service: tuple[str, str], scope: str, timeline: Timeline, tree: Tree) -> None:
    start_ns, end_ns = nanoseconds(span.get("startTimeUnixNano"), 1), nanoseconds(span.get("endTimeUnixNano"), 1)
    if not start_ns:
        timeline.left_out["spans without a start"] += 1
        return
    trace_id, parent = text(span.get("traceId")), text(span.get("parentSpanId"))
    key = (trace_id, text(span.get("spanId")))
    status = fields(span.get("status"))
    args = attributes(span.get("attributes")) | without_empty(
        trace_id=trace_id,
        span_id=key[1],
        parent_span_id=parent,
        kind=_kind(span.get("kind")),
        status="error" if status.get("code") in (2, "STATUS_CODE_ERROR") else "",
        status_message=status.get("message"),
    )
    dur_ns = end_ns - start_ns if end_ns else None
    name = text(span.get("name")) or "?"
    tree.span(service, key, (trace_id, parent) if parent else None, name, start_ns, dur_ns, args, cat=scope)
    for event in objects(span.get("events")):
        at_ns = nanoseconds(event.get("timeUnixNano"), 1)
        if at_ns is not None:
            tree.moment(key, text(event.get("name")) or "?", at_ns, attributes(event.get("attributes")))


def _log(record: dict[str, object], service: tuple[str, str], timeline: Timeline) -> None:
    at_ns = nanoseconds(record.get("timeUnixNano"), 1) or nanoseconds(record.get("observedTimeUnixNano"), 1)
    if not at_ns:
        timeline.left_out["log records without a time"] += 1
        return
    message = value_of(record.get("body"))
    args = attributes(record.get("attributes")) | without_empty(
        level=text(record.get("severityText")).lower(), span_id=record.get("spanId"), trace_id=record.get("traceId")
    )
    timeline.instant(timeline.track(service, "logs", "logs"), str(message or "?"), at_ns, args, "log")


def _kind(value: object) -> str:
    if isinstance(value, str):
        return value.removeprefix("SPAN_KIND_").lower()
    return _KINDS[value] if isinstance(value, int) and 0 <= value < len(_KINDS) else ""
