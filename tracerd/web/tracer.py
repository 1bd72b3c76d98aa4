"""The route of logs that Tracer has: one log event, or a batch of them."""

from functools import partial
from typing import Final

from tracerd.rows.levels import LEVELS, known_level
from tracerd.web.answers import JSON, Answer, bad_request, json_answer
from tracerd.web.batch import Batch
from tracerd.web.items import Item, ItemError, items, now_ns, parsed
from tracerd.web.recorder import Recorder
from tracerd.web.writing import WritingRoute

_OWN: Final = ("level", "trace_id", "span_id", "metadata")
"""Args that are none of the metadata."""


def _take(recorder: Recorder, body: bytearray, _media_type: str) -> Answer:
    batch = Batch(recorder)
    fields = parsed(body)
    if "logs" in fields:
        if not (logs := items(fields, "logs")):
            raise bad_request("logs: there is none")
        batch.take(logs, partial(_add, batch))
    else:
        batch.take_one(body, partial(_add, batch), 0)
    return json_answer(batch.store(), ROUTE.status)


def _add(batch: Batch, item: Item) -> None:
    at_ns = item.time_ns("timestamp")
    level = item.needed("level")
    if known_level(level) is None:
        raise ItemError(f"level: expected one of {', '.join((*LEVELS, 'warn', 'fatal'))}, not {level[:20]!r}")
    message, service = item.needed("message"), item.needed("service")
    trace_id, span_id = item.text("traceId", "trace_id"), item.text("spanId", "span_id")
    own = {"level": level, "trace_id": trace_id, "span_id": span_id}
    metadata = item.fields("metadata") | item.rest()
    inner = {key: metadata.pop(key) for key in _OWN if key in metadata}
    at_ns = now_ns() if at_ns is None else at_ns
    trace = batch.trace(service, at_ns, trace_id)
    args = {key: value for key, value in own.items() if value} | metadata | ({"metadata": inner} if inner else {})
    timeline = trace.timeline
    timeline.instant(timeline.track(trace.process(service), "logs", "logs"), message, at_ns, args, "log")


ROUTE: Final = WritingRoute(
    "/logs", 'A log event of Tracer, or several: `{"logs": [...]}`.', (JSON,), _take, status=202
)
