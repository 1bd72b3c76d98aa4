"""Jaeger's traces as JSON: what its API returns, what its page downloads, and a bare trace. A process a service."""

from collections.abc import Iterator

from tracerd.importers.fields import fields, items, nanoseconds, objects, text, without_empty
from tracerd.importers.head import Head
from tracerd.importers.source import Source
from tracerd.importers.timeline import Clock, Timeline
from tracerd.importers.tree import Tree


def fits(head: Head) -> bool:
    """Whether a file that begins so is of Jaeger."""
    if b'"operationName"' not in head.text:
        return False
    return head.has("data") or head.has("spans") or bool(head.first.keys() & {"spans", "operationName"})


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    timeline.tool = "Jaeger"
    timeline.clock = Clock.WALL
    tree = Tree(timeline)
    for trace in _traces(source.document("spans")):
        processes = fields(trace.get("processes"))
        for span in objects(trace.get("spans")):
            process = fields(span.get("process") or processes.get(text(span.get("processID"))))
            _span(span, process, timeline, tree)
    tree.put()


def _traces(document: object) -> Iterator[dict[str, object]]:
    data = fields(document).get("data", document)
    for trace in objects(items(data)):
        yield trace if "spans" in trace else {"spans": [trace]}


def _span(span: dict[str, object], process: dict[str, object], timeline: Timeline, tree: Tree) -> None:
    start_ns, dur_ns = nanoseconds(span.get("startTime"), 1000), nanoseconds(span.get("duration"), 1000)
    if start_ns is None:
        timeline.left_out["spans without a start"] += 1
        return
    service = text(process.get("serviceName")) or "a service without a name"
    timeline.process(service, service)
    trace_id, span_id = text(span.get("traceID")), text(span.get("spanID"))
    parents = (
        text(reference.get("spanID"))
        for reference in objects(span.get("references"))
        if reference.get("refType") == "CHILD_OF" and reference.get("traceID", trace_id) == trace_id
    )
    parent = next(parents, "") or text(span.get("parentSpanID"))
    ids = without_empty(trace_id=trace_id, span_id=span_id, parent_span_id=parent)
    args = {**_tags(span.get("tags")), **ids}
    key = (trace_id, span_id)
    name = text(span.get("operationName")) or "?"
    tree.span(service, key, (trace_id, parent) if parent else None, name, start_ns, dur_ns, args)
    for log in objects(span.get("logs")):
        at_ns = nanoseconds(log.get("timestamp"), 1000)
        tags = _tags(log.get("fields"))
        if at_ns is not None:
            tree.moment(key, str(tags.get("event") or tags.get("message") or "log"), at_ns, tags)


def _tags(value: object) -> dict[str, object]:
    return {text(tag.get("key")): tag.get("value") for tag in objects(value)}
