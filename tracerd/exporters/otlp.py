"""Traces as OpenTelemetry's protocol in JSON: a request a line, as the file exporter of its collector writes them.

The source of the format is opentelemetry-proto and its mapping to JSON: ids in hexadecimal, 64-bit integers as texts.
Spans are spans, instants are log records, counters are gauges.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, TypeVar, cast

import orjson

from tracerd import __version__
from tracerd.exporters.spans import Resource, TracedSpan, args_of, spans_of, start_ns
from tracerd.exporters.tables import INT64, Tables
from tracerd.rows.columns import Relation
from tracerd.rows.levels import known_level

BATCH: Final = 1000
"""How many rows a line holds."""

_SCOPE: Final = {"name": "tracerd", "version": __version__}
_KINDS: Final = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_INTERNAL: Final = 1
_STATUS_OK, _STATUS_ERROR = 1, 2
_SEVERITIES: Final = {"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21}
_INSTANTS: Final = ("i", "I", "R", "n")

_EVENTS: Final = ("ph", "name", "cat", "pid", "tid", "ts_us", "time", "process", "service", "args")
_POINTS: Final = ("name", "pid", "ts_us", "time", "process", "service", "value", "labels")

Row = TypeVar("Row")


def otlp_lines(trace: Tables) -> Iterator[bytes]:
    """The requests for one trace: spans, then log records, then gauges.

    Raises:
        TracerdError: The trace cannot be read.
    """
    spans = ((span.resource, _span(span)) for span in spans_of(trace))
    yield from _requests(trace, spans, "resourceSpans", "scopeSpans", "spans")
    yield from _requests(trace, _records(trace), "resourceLogs", "scopeLogs", "logRecords")
    yield from _requests(trace, _gauges(trace), "resourceMetrics", "scopeMetrics", "metrics")


def _requests(
    trace: Tables, rows: Iterable[tuple[Resource, object]], resources: str, scopes: str, items: str
) -> Iterator[bytes]:
    rest = iter(rows)
    while batch := list(islice(rest, BATCH)):
        by_resource: dict[Resource, list[object]] = {}
        for resource, item in batch:
            by_resource.setdefault(resource, []).append(item)
        request = [
            {"resource": _resource(trace, resource), scopes: [{"scope": _SCOPE, items: found}]}
            for resource, found in by_resource.items()
        ]
        yield orjson.dumps({resources: request}) + b"\n"


def _resource(trace: Tables, resource: Resource) -> dict[str, object]:
    service, process, pid = resource
    known = {
        "service.name": service or "unknown_service",
        "process.pid": pid,
        "process.title": process or None,
        "tracerd.trace": trace.trace_id,
        **{f"tracerd.trace.{key}": value for key, value in trace.attributes.items()},
    }
    return {"attributes": _attributes({key: value for key, value in known.items() if value is not None})}


def _span(span: TracedSpan) -> dict[str, object]:
    args = {key: value for key, value in span.args.items() if key not in ("span_id", "parent_span_id", "kind")}
    own: dict[str, object] = {"category": span.cat, "thread.id": span.tid}
    if not span.is_over:
        own["tracerd.unfinished"] = True
    kind = span.args.get("kind")
    made: dict[str, object] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": _KINDS.get(kind.lower(), _INTERNAL) if isinstance(kind, str) else _INTERNAL,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.start_ns + span.dur_ns),
        "attributes": _attributes({**{k: v for k, v in own.items() if v not in (None, "")}, **args}),
    }
    if span.parent_id:
        made["parentSpanId"] = span.parent_id
    if span.is_error:
        error = span.args.get("error")
        made["status"] = {"code": _STATUS_ERROR, **({"message": error} if isinstance(error, str) else {})}
    elif span.args.get("status") == "ok":
        made["status"] = {"code": _STATUS_OK}
    return made


def _records(trace: Tables) -> Iterator[tuple[Resource, object]]:
    for ph, name, cat, pid, tid, ts, time, process, service, raw in trace.rows(Relation.EVENTS, _EVENTS):
        if ph not in _INSTANTS:
            continue
        args = args_of(raw)
        level = known_level(args.get("level"))
        message = args.get("message")
        is_log = cat == "log" and isinstance(message, str)
        own = {"category": cat or None, "thread.id": tid}
        record: dict[str, object] = {
            "timeUnixNano": str(start_ns(ts, time)),
            "eventName": name,
            "body": _value(message if is_log else name),
            "attributes": _attributes({**{k: v for k, v in own.items() if v is not None}, **args}),
        }
        if level:
            record |= {"severityText": level, "severityNumber": _SEVERITIES[level]}
        yield (service, process, pid), record


def _gauges(trace: Tables) -> Iterator[tuple[Resource, object]]:
    for name, pid, ts, time, process, service, value, labels in trace.rows(Relation.POINTS, _POINTS):
        point: dict[str, object] = {"timeUnixNano": str(start_ns(ts, time)), **_number(value)}
        if labels:
            pairs = dict(pair.partition("=")[::2] for pair in labels.split(","))
            point["attributes"] = _attributes(pairs)
        yield (service, process, pid), {"name": name, "gauge": {"dataPoints": [point]}}


def _number(value: float) -> dict[str, object]:
    if isinstance(value, int) and value in INT64:
        return {"asInt": str(value)}
    return {"asDouble": float(value)}


def _attributes(values: Mapping[str, object]) -> list[object]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: object) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int() if value in INT64:
            return {"intValue": str(value)}
        case int() | float():
            return {"doubleValue": float(value)}
        case str():
            return {"stringValue": value}
        case list():
            return {"arrayValue": {"values": [_value(item) for item in cast("list[object]", value)]}}
        case dict():
            return {"kvlistValue": {"values": _attributes(cast("dict[str, object]", value))}}
        case _:
            return {}
