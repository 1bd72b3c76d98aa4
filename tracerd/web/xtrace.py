"""The routes that xtrace has: a trace with its observations, and points of metrics."""

from functools import partial
from typing import Final

from tracerd.client.encode import labels_text
from tracerd.importers.timeline import rest_of
from tracerd.web.answers import JSON, Answer, bad_request, json_answer
from tracerd.web.batch import Batch
from tracerd.web.items import Item, ItemError, items, now_ns, parsed
from tracerd.web.recorder import Recorder
from tracerd.web.writing import WritingRoute

MESSAGE: Final = "Request Successful."

_ATTRIBUTES: Final = {
    "name": ("name",),
    "session": ("session_id", "sessionId"),
    "user": ("userId",),
    "version": ("version",),
    "release": ("release",),
    "environment": ("environment",),
}
"""Attributes of a trace that are texts, and what xtrace calls them."""

_PROCESS: Final = "observations"
_UNKNOWN: Final = "unknown_service"
_SECOND_NS: Final = 1_000_000_000
_MAX_S: Final = 4e9


def _take_batch(recorder: Recorder, body: bytearray, _media_type: str) -> Answer:
    fields = parsed(body)
    observations = items(fields, "observations")
    batch = Batch(recorder)
    trace_ids: list[str] = []
    if (trace := fields.get("trace")) is not None and bytes(memoryview(trace)) != b"null":
        batch.take_one(trace, lambda item: trace_ids.append(_add_trace(batch, item)), None, "trace")
    elif not observations:
        raise bad_request('the body: it has neither "trace" nor "observations"')
    batch.take(observations, partial(_add_observation, batch, "".join(trace_ids)))
    return json_answer({"message": MESSAGE, **batch.store()})


def _add_trace(batch: Batch, item: Item) -> str:
    trace_id = item.needed("id")
    at_ns = item.time_ns("timestamp") or now_ns()
    attributes: dict[str, object] = {}
    for key, names in _ATTRIBUTES.items():
        if value := item.text(*names):
            attributes[key] = value
    if tags := item.texts("tags"):
        attributes["tags"] = tags
    metadata = item.fields("metadata")
    more = item.rest() | {key: value for key, value in metadata.items() if key not in (*_ATTRIBUTES, "tags")}
    inner = {key: value for key, value in metadata.items() if key not in more}
    trace = batch.own_trace("id", trace_id, at_ns)
    args = {**more, **({"metadata": inner} if inner else {}), **attributes}
    trace.lines.append(b'{"ph":"M",' + rest_of("tracerd_trace", "", args))
    track = trace.timeline.track(trace.process(_PROCESS), "logs", "logs")
    trace.timeline.instant(track, str(attributes.get("name") or "trace"), at_ns, cat="trace")
    return trace_id


def _add_observation(batch: Batch, trace_id: str, item: Item) -> None:
    own_id = item.needed("id")
    trace_id = item.text("traceId") or trace_id
    if not trace_id:
        raise ItemError("traceId: missing, or empty")
    kind, name = item.text("type") or "GENERATION", item.text("name")
    start_ns, end_ns = item.time_ns("startTime"), item.time_ns("endTime")
    parent, level, message = (item.text(key) for key in ("parentObservationId", "level", "statusMessage"))
    own: dict[str, object] = {"id": own_id, "parentObservationId": parent, "level": level, "statusMessage": message}
    if level.upper() == "ERROR":
        own["error"] = message or True
    if start_ns is None:
        start_ns = now_ns() if end_ns is None else end_ns
    args = {**item.rest(), **{key: value for key, value in own.items() if value}}
    if end_ns is None and (seconds := item.number("latency")) is not None and 0 <= seconds < _MAX_S:
        end_ns = start_ns + round(seconds * _SECOND_NS)
    trace = batch.own_trace("traceId", trace_id, start_ns)
    dur_ns = 0 if kind == "EVENT" else None if end_ns is None else end_ns - start_ns
    process = trace.process(_PROCESS)
    trace.tree.span(process, own_id, parent or None, name or kind, start_ns, dur_ns, args, cat=kind)


def _take_metrics(recorder: Recorder, body: bytearray, _media_type: str) -> Answer:
    batch = Batch(recorder)
    if not (metrics := items(parsed(body), "metrics")):
        raise bad_request("metrics: there is none")
    batch.take(metrics, partial(_add_point, batch))
    return json_answer({"message": MESSAGE, **batch.store()})


def _add_point(batch: Batch, item: Item) -> None:
    name, value = item.needed("name"), item.number("value")
    if value is None:
        raise ItemError("value: missing")
    at_ns = item.time_ns("timestamp")
    labels = item.fields("labels")
    if wrong := next((key for key, label in labels.items() if not isinstance(label, str)), None):
        raise ItemError(f"labels.{wrong}: expected a text")
    service = str(labels.get("service") or _UNKNOWN)
    at_ns = now_ns() if at_ns is None else at_ns
    trace = batch.trace(service, at_ns)
    track = trace.timeline.track(trace.process(service), "metrics", "metrics")
    trace.timeline.counter(track, name, at_ns, value, labels_text(labels))


ROUTES: Final = (
    WritingRoute("/v1/l/batch", "A trace of xtrace, and observations of any traces.", (JSON,), _take_batch),
    WritingRoute("/v1/metrics/batch", "Points of metrics of xtrace.", (JSON,), _take_metrics),
)
