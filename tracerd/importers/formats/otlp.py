"""OpenTelemetry's JSON: one request a line, as collectors write it, or one object. A process a service.

Numbers of 64 bits are texts there; none passes through a float.
"""

from collections.abc import Iterator
from typing import Final

from tracerd.importers.fields import fields, nanoseconds, number, objects, text, without_empty
from tracerd.importers.head import Head
from tracerd.importers.source import Source
from tracerd.importers.timeline import Clock, Timeline
from tracerd.importers.tree import Tree

_KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")
_MAX_DEPTH: Final = 20


def fits(head: Head) -> bool:
    """Whether a file that begins so is of OpenTelemetry."""
    return any(head.has(key) or key in head.first for key in ("resourceSpans", "resourceLogs", "resourceMetrics"))


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    timeline.tool = "OpenTelemetry"
    timeline.clock = Clock.WALL
    tree = Tree(timeline)
    for request in _requests(source):
        if request is None:
            timeline.left_out["lines that are no JSON"] += 1
        for resource in objects(fields(request).get("resourceSpans")):
            service = _service(resource, timeline)
            for scope in _items(resource, "scopeSpans", "instrumentationLibrarySpans"):
                for span in objects(scope.get("spans")):
                    _span(span, service, text(fields(scope.get("scope")).get("name")), timeline, tree)
        for resource in objects(fields(request).get("resourceLogs")):
            service = _service(resource, timeline)
            for scope in _items(resource, "scopeLogs", "instrumentationLibraryLogs"):
                for record in objects(scope.get("logRecords")):
                    _log(record, service, timeline)
        if "resourceMetrics" in fields(request):
            timeline.left_out["requests with metrics"] += 1
    tree.put()


def _requests(source: Source) -> Iterator[object]:
    head = source.head.lstrip()
    if head.startswith(b"[") or Head(source.head).first:
        yield from source.values()
    else:
        yield source.document("spans", "logRecords")


def _items(item: dict[str, object], *keys: str) -> Iterator[dict[str, object]]:
    for key in keys:
        yield from objects(item.get(key))


def _service(resource: dict[str, object], timeline: Timeline) -> tuple[str, str]:
    attributes = _attributes(fields(resource.get("resource")).get("attributes"))
    name = str(attributes.get("service.name") or "a service without a name")
    key = (name, str(attributes.get("service.instance.id") or attributes.get("process.pid") or ""))
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
    args = _attributes(span.get("attributes")) | without_empty(
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
            tree.moment(key, text(event.get("name")) or "?", at_ns, _attributes(event.get("attributes")))


def _log(record: dict[str, object], service: tuple[str, str], timeline: Timeline) -> None:
    at_ns = nanoseconds(record.get("timeUnixNano"), 1) or nanoseconds(record.get("observedTimeUnixNano"), 1)
    if not at_ns:
        timeline.left_out["log records without a time"] += 1
        return
    message = _value(record.get("body"))
    args = _attributes(record.get("attributes")) | without_empty(
        level=text(record.get("severityText")).lower(), span_id=record.get("spanId"), trace_id=record.get("traceId")
    )
    timeline.instant(timeline.track(service, "logs", "logs"), str(message or "?"), at_ns, args, "log")


def _kind(value: object) -> str:
    if isinstance(value, str):
        return value.removeprefix("SPAN_KIND_").lower()
    return _KINDS[value] if isinstance(value, int) and 0 <= value < len(_KINDS) else ""


def _attributes(value: object) -> dict[str, object]:
    return {text(pair.get("key")): _value(pair.get("value")) for pair in objects(value)}


def _value(value: object, depth: int = 0) -> object:
    """What an AnyValue holds."""
    holder = fields(value)
    if depth > _MAX_DEPTH or not holder:
        return None
    kind, inner = next(iter(holder.items()))
    if kind == "intValue":
        return number(inner)
    if kind == "arrayValue":
        return [_value(item, depth + 1) for item in objects(fields(inner).get("values"))]
    if kind == "kvlistValue":
        pairs = objects(fields(inner).get("values"))
        return {text(pair.get("key")): _value(pair.get("value"), depth + 1) for pair in pairs}
    return inner
