"""Spans as a JSON document of Jaeger, which its page opens by "JSON File".

The source of the format is what Jaeger's query service answers at /api/traces. Times are integers in us since 1970.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import orjson

from tracerd.exporters.ids import trace_id_of
from tracerd.exporters.otlp_origins import Origins
from tracerd.exporters.spans import Resource, TracedSpan, spans_of
from tracerd.exporters.tables import INT64, Tables, json_text
from tracerd.otlp.forms import OTLP, UINT64
from tracerd.otlp.values import fields, integer, plain_attributes

_OWN: Final = ("span_id", "parent_span_id", OTLP)


def jaeger_parts(traces: Iterable[Tables]) -> Iterator[bytes]:
    """The document, piece by piece.

    Raises:
        TracerdError: A trace cannot be read.
    """
    comma = b""
    yield b'{"data":['
    for trace in traces:
        yield comma + b'{"traceID":' + orjson.dumps(trace_id_of(trace.trace_id)) + b',"spans":['
        comma = b""
        processes: dict[Resource, str] = {}
        origins = Origins(trace.blocks())
        for span in spans_of(trace):
            process = processes.setdefault(span.resource, f"p{len(processes) + 1}")
            yield comma + orjson.dumps(_span(span, process, origins.events_of(span.args)))
            comma = b",\n"
        known = {name: _process(trace, resource, origins) for resource, name in processes.items()}
        yield b'],"processes":' + orjson.dumps(known) + b"}"
        comma = b","
    yield b"]}\n"


def _span(span: TracedSpan, process: str, events: list[object]) -> dict[str, object]:
    parent = {"refType": "CHILD_OF", "traceID": span.trace_id, "spanID": span.parent_id}
    own: dict[str, object] = {"category": span.cat} if span.cat else {}
    if span.is_error and not span.args.get("error"):
        own["error"] = True
    if isinstance(kind := span.args.get("kind"), str):
        own["span.kind"] = kind
    if not span.is_over:
        own["tracerd.unfinished"] = True
    return {
        "traceID": span.trace_id,
        "spanID": span.span_id,
        "operationName": span.name,
        "references": [parent] if span.parent_id else [],
        "startTime": span.start_ns // 1000,
        "duration": round(span.dur_ns / 1000),
        "tags": _tags({**own, **{key: value for key, value in span.args.items() if key not in _OWN}}),
        "logs": [_log(fields(event)) for event in events],
        "processID": process,
    }


def _log(event: dict[str, object]) -> dict[str, object]:
    """An event of a span that came from OpenTelemetry."""
    attributes, _ = plain_attributes(event.get("attributes"))
    time_ns = integer(event.get("timeUnixNano"), UINT64) or 0
    return {"timestamp": time_ns // 1000, "fields": _tags({"event": event.get("name"), **attributes})}


def _process(trace: Tables, resource: Resource, origins: Origins) -> dict[str, object]:
    service, process, pid = resource
    if pid in origins.resources:
        known = fields(origins.resources[pid].get("attributes"))
        return {"serviceName": str(known.get("service.name") or "unknown_service"), "tags": _tags(known)}
    tags = {"pid": pid, "process": process, "tracerd.trace": trace.trace_id, **trace.attributes}
    return {"serviceName": service or "unknown_service", "tags": _tags(tags)}


def _tags(values: Mapping[str, object]) -> list[object]:
    return [{"key": key, **_typed(value)} for key, value in values.items() if value is not None]


def _typed(value: object) -> dict[str, object]:
    match value:
        case bool():
            return {"type": "bool", "value": value}
        case int() if value in INT64:
            return {"type": "int64", "value": value}
        case int() | float():
            return {"type": "float64", "value": float(value)}
        case str():
            return {"type": "string", "value": value}
        case _:
            return {"type": "string", "value": json_text(value)}
