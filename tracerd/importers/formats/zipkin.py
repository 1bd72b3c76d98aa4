"""Zipkin's spans, version 2 of its JSON: an array of them, or an array of traces. A process a service.

The two sides of a call may share one id, so a span is known by its id, its service and its kind.
"""

from collections.abc import Iterator

from tracerd.importers.fields import fields, items, nanoseconds, objects, text, without_empty
from tracerd.importers.head import Head
from tracerd.importers.source import Source
from tracerd.importers.timeline import Clock, Timeline
from tracerd.importers.tree import Tree


def fits(head: Head) -> bool:
    """Whether a file that begins so is of Zipkin."""
    keys = head.first.keys()
    return keys >= {"traceId", "id"} and not keys & {"ph", "startTime", "resourceSpans", "binaryAnnotations"}


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    timeline.tool = "Zipkin"
    timeline.clock = Clock.WALL
    spans = [span for value in source.values() for span in _spans(value, timeline)]
    sides = {(text(span.get("id")), span.get("kind")): _key(span) for span in spans}
    tree = Tree(timeline)
    for span in spans:
        _span(span, sides, timeline, tree)
    tree.put()


def _spans(value: object, timeline: Timeline) -> Iterator[dict[str, object]]:
    for span in objects(items(value)):
        if nanoseconds(span.get("timestamp"), 1000) is None:
            timeline.left_out["spans without a start"] += 1
        else:
            yield span


def _key(span: dict[str, object]) -> tuple[str, str, str]:
    return text(span.get("id")), _service(span), text(span.get("kind"))


def _service(span: dict[str, object]) -> str:
    return text(fields(span.get("localEndpoint")).get("serviceName")) or "a service without a name"


def _span(
    span: dict[str, object],
    sides: dict[tuple[str, object], tuple[str, str, str]],
    timeline: Timeline,
    tree: Tree,
) -> None:
    span_id, service, kind = key = _key(span)
    timeline.process(service, service)
    parent_id = text(span.get("parentId"))
    parent = None
    if span.get("shared") or kind == "SERVER":
        parent = sides.get((span_id, "CLIENT"))  # the other side of the call
    if parent is None and parent_id:
        # What a service does below a call that it has received hangs below its own side of it.
        parent = next(
            (sides[side] for side in ((parent_id, k) for k in ("SERVER", None, "CLIENT")) if side in sides), None
        )
    start_ns, dur_ns = nanoseconds(span.get("timestamp"), 1000), nanoseconds(span.get("duration"), 1000)
    if start_ns is None:
        return
    ids = without_empty(trace_id=span.get("traceId"), span_id=span_id, parent_span_id=parent_id, kind=kind)
    remote = fields(span.get("remoteEndpoint")).get("serviceName")
    args = {**fields(span.get("tags")), **ids, **without_empty(remote=remote)}
    tree.span(service, key, parent, text(span.get("name")) or "?", start_ns, dur_ns, args, cat=kind.lower())
    for note in objects(span.get("annotations")):
        at_ns = nanoseconds(note.get("timestamp"), 1000)
        if at_ns is not None:
            tree.moment(key, text(note.get("value")) or "?", at_ns)
