"""The route of trackers: `tracerd query` over HTTP."""

from collections.abc import Mapping
from typing import Final

import msgspec

from tracerd.query.computation import Computation
from tracerd.query.tracker import Tracker
from tracerd.rows.names import ProcessNames
from tracerd.web.answers import JSON, Refusal, bad_request
from tracerd.web.forms import Parameter
from tracerd.web.metrics import since_us
from tracerd.web.routing import Asked, Route

TEXT: Final = "text/plain"

MAX_TRACKER_BYTES: Final = 1_000_000


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    tracker: str = ""
    metric: str = ""


def _query(asked: Asked) -> Mapping[str, object]:
    values = asked.values
    tracker, window = _tracker(asked), values.window("from", "to")
    computation = Computation(tracker.tree, tracker.plan(window), window)
    for source in asked.store.sources(values.texts("trace"), since_us=since_us(window)):
        names = ProcessNames()
        if computation.needs_names:
            names.take(asked.work.ticked(source.blocks()))
        computation.feed_table(computation.table(source.trace_id, names), asked.work.ticked(source.blocks()))
    return computation.result().as_json()


def _tracker(asked: Asked) -> Tracker:
    if len(asked.body) > MAX_TRACKER_BYTES:
        raise Refusal("PAYLOAD_TOO_LARGE", f"a tracker may have {MAX_TRACKER_BYTES:,} bytes")
    if asked.media_type == JSON:
        return _of_json(asked.body)
    if asked.media_type != TEXT:
        raise Refusal("UNSUPPORTED_MEDIA_TYPE", f"Content-Type must be {TEXT}, for a tracker, or {JSON}")
    try:
        return Tracker.parse(asked.body.decode(), "tracker")
    except UnicodeDecodeError:
        raise bad_request("the tracker is not UTF-8") from None


def _of_json(body: bytes | bytearray) -> Tracker:
    try:
        found = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise bad_request(f"the body: {error}") from None
    if bool(found.tracker) == bool(found.metric):
        raise bad_request('the body: give either "tracker" or "metric"')
    return Tracker.parse(found.tracker, "tracker") if found.tracker else Tracker.of_metric(found.metric, "metric")


ROUTES: Final = (
    Route(
        "POST",
        "/api/query",
        "The metrics of a tracker, as `tracerd query --json` prints them.",
        _query,
        (
            Parameter("trace", "Only of this trace; several: of these, as one.", is_repeatable=True),
            Parameter("from", "Only events from then on.", is_time=True),
            Parameter("to", "Only events before.", is_time=True),
        ),
        (TEXT, JSON),
    ),
)
