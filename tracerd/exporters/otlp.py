"""Traces as OpenTelemetry's protocol in JSON: spans, then log records, then points of metrics.

The source of the format is opentelemetry-proto and its mapping to JSON: ids in hexadecimal, 64-bit integers as texts.
Spans are spans, instants are log records, counters are gauges; what came from OpenTelemetry goes out as it came.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, cast

from tracerd.exporters.ids import SPAN_DIGITS
from tracerd.exporters.otlp_origins import Origins, id_in, name_in, points
from tracerd.exporters.otlp_request import (
    LOGS,
    METRICS,
    SIGNALS,
    TRACES,
    Item,
    Metric,
    RequestMaker,
    Row,
    Signal,
    json_of,
)
from tracerd.exporters.spans import Resource, TracedSpan, args_of, spans_of, start_ns
from tracerd.exporters.tables import Tables
from tracerd.otlp.forms import (
    FAILED,
    FAILED_SPAN_ARGS,
    OTLP,
    RECORD_ARGS,
    SPAN_ARGS,
    SPAN_EVENT,
    TYPES,
    attributes_of,
    given,
    hex_id,
    number_of,
)
from tracerd.otlp.schema import DATA, KINDS, METRIC, POINTS, RECORD, SPAN, STATUS
from tracerd.otlp.values import INT64, any_value, attributes, fields
from tracerd.rows.columns import Relation
from tracerd.rows.levels import known_level
from tracerd.trace_id import W3C_DIGITS

BATCH: Final = 1000
"""How many rows a request holds."""

_OWN_ARGS: Final = frozenset({"span_id", "parent_span_id", "kind"})
_INTERNAL: Final = 1
_STATUS_OK, _STATUS_ERROR = 1, 2
_SEVERITIES: Final = {"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21}
_INSTANTS: Final = ("i", "I", "R", "n")

_EVENTS: Final = ("ph", "name", "cat", "pid", "tid", "ts_us", "time", "process", "service", "args")
_POINTS: Final = ("name", "pid", "ts_us", "time", "process", "service", "value", "labels")


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of one signal of a trace.

    Attributes:
        trace_id: What the trace is called.
        first: How many rows of the signal come before.
        maker: Makes requests of the rows, of all or of some.
    """

    trace_id: str
    signal: Signal
    first: int
    rows: list[Row]
    maker: RequestMaker

    def request(self) -> Item:
        """The request with all of the rows."""
        return self.maker.request(self.signal, self.rows)


def otlp_lines(trace: Tables) -> Iterator[bytes]:
    """The requests for one trace, a line each.

    Raises:
        TracerdError: The trace cannot be read.
    """
    return (json_of(batch.request()) + b"\n" for batch in batches(trace))


def batches(trace: Tables) -> Iterator[Batch]:
    """The rows of one trace; of the same log the same ones, in the same order; raises as `otlp_lines`."""
    origins = Origins(trace.blocks())
    maker = RequestMaker(trace, origins)
    of_signal = {TRACES: _spans, LOGS: _records, METRICS: _numbers}
    for signal in SIGNALS:
        rows = of_signal[signal](trace, origins)
        first = 0
        while batch := list(islice(rows, BATCH)):
            yield Batch(trace.trace_id, signal, first, batch, maker)
            first += len(batch)


def _resource(origins: Origins, service: str, process: str, pid: object) -> Resource:
    return ("", "", pid) if pid in origins.resources else (service, process, pid)


# ---------------------------------------------------------- spans


def _spans(trace: Tables, origins: Origins) -> Iterator[Row]:
    for span in spans_of(trace):
        rest = span.args.get(OTLP)
        if isinstance(rest, dict):
            came = fields(cast("object", rest))
            yield Row(_resource(origins, *span.resource), id_in(came, "scope"), _came(span, came, origins))
        else:
            yield Row(_resource(origins, *span.resource), 0, _span(span))


def _span(span: TracedSpan) -> Item:
    own: Item = {}
    if span.cat and "category" not in span.args:
        own["category"] = span.cat
    if span.tid not in (None, "") and "thread.id" not in span.args:
        own["thread.id"] = span.tid
    if not span.is_over:
        own["tracerd.unfinished"] = True
    kind = span.args.get("kind")
    made: Item = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": (number_of(KINDS, kind) if isinstance(kind, str) else None) or _INTERNAL,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.start_ns + span.dur_ns),
        "attributes": [
            *attributes(own),
            *[{"key": key, "value": any_value(value)} for key, value in span.args.items() if key not in _OWN_ARGS],
        ],
    }
    if span.parent_id:
        made["parentSpanId"] = span.parent_id
    if span.is_error:
        error = span.args.get("error")
        made["status"] = {"code": _STATUS_ERROR, **({"message": error} if isinstance(error, str) else {})}
    elif span.args.get("status") == "ok":
        made["status"] = {"code": _STATUS_OK}
    return made


def _came(span: TracedSpan, rest: Item, origins: Origins) -> Item:
    """A span that came from OpenTelemetry."""
    args = span.args
    made: Item = {
        "traceId": hex_id(args.get("trace_id"), W3C_DIGITS) or span.trace_id,
        "spanId": span.span_id,
        "name": name_in(span.name, rest),
        "attributes": attributes_of(args, FAILED_SPAN_ARGS if args.get("status") == FAILED else SPAN_ARGS),
        **given(SPAN, rest),
    }
    if span.parent_id:
        made["parentSpanId"] = span.parent_id
    if kind := number_of(KINDS, args.get("kind")):
        made["kind"] = kind
    code = number_of(STATUS, args.get("status")) or number_of(STATUS, rest.get("status"))
    message = args.get("status_message")
    if code or message:
        made["status"] = {"code": code or 0, **({"message": message} if isinstance(message, str) else {})}
    if events := origins.events_of(args):
        made["events"] = events
    return made


# ---------------------------------------------------------- log records


def _records(trace: Tables, origins: Origins) -> Iterator[Row]:
    for ph, name, cat, pid, tid, ts, time, process, service, raw in trace.rows(Relation.EVENTS, _EVENTS):
        if ph not in _INSTANTS:
            continue
        args = args_of(raw)
        resource = _resource(origins, service, process, pid)
        rest = args.get(OTLP)
        if not isinstance(rest, dict):
            yield Row(resource, 0, _record(name, cat, tid, start_ns(ts, time), args))
        elif SPAN_EVENT not in rest:
            came = cast("dict[str, object]", rest)
            yield Row(resource, id_in(came, "scope"), _came_record(name, args, came))


def _record(name: str, cat: str, tid: object, at_ns: int, args: Mapping[str, object]) -> Item:
    level = known_level(args.get("level"))
    message = args.get("message")
    is_log = cat == "log" and isinstance(message, str)
    own = {"category": cat or None, "thread.id": tid}
    record: Item = {
        "timeUnixNano": str(at_ns),
        "eventName": name,
        "body": any_value(message if is_log else name),
        "attributes": attributes({**{k: v for k, v in own.items() if v is not None}, **args}),
    }
    if level:
        record |= {"severityText": level, "severityNumber": _SEVERITIES[level]}
    return record


def _came_record(name: str, args: Mapping[str, object], rest: Item) -> Item:
    made = {**given(RECORD, rest), "attributes": attributes_of(args, RECORD_ARGS)}
    body = any_value(rest["body"], rest.get("body" + TYPES)) if "body" in rest else any_value(name)
    if body:
        made["body"] = body
    if trace_id := hex_id(args.get("trace_id"), W3C_DIGITS):
        made["traceId"] = trace_id
    if span_id := hex_id(args.get("span_id"), SPAN_DIGITS):
        made["spanId"] = span_id
    return made


# ---------------------------------------------------------- points


def _numbers(trace: Tables, origins: Origins) -> Iterator[Row]:
    for name, pid, ts, time, process, service, value, labels in trace.rows(Relation.POINTS, _POINTS):
        if pid in origins.resources:  # its points are there as they came
            continue
        point: Item = {"timeUnixNano": str(start_ns(ts, time)), **_number(value)}
        if labels:
            pairs = dict(pair.partition("=")[::2] for pair in labels.split(","))
            point["attributes"] = attributes(pairs)
        yield Row((service, process, pid), 0, point, (name, Metric("gauge", {"name": name}, {})))
    known: dict[tuple[object, int], tuple[Metric, int]] = {}
    for line in points(trace.blocks()):
        key = (line.pid, id_in(line.args, "metric"))
        if key not in known:
            about = origins.metrics.get(key, {})
            kind = about.get("kind")
            if not isinstance(kind, str) or kind not in POINTS:
                continue
            known[key] = (Metric(kind, given(METRIC, about), given(DATA, about)), id_in(about, "scope"))
        metric, scope = known[key]
        yield Row(_resource(origins, "", "", line.pid), scope, given(POINTS[metric.kind], line.args), (key, metric))


def _number(value: float) -> Item:
    if isinstance(value, int) and value in INT64:
        return {"asInt": str(value)}
    return {"asDouble": float(value)}
