"""The routes of OpenTelemetry's protocol: traces, logs and metrics, as JSON and as protobuf.

Answers are those of its specification: an item that could not be stored is counted in `partialSuccess`, and what is
refused as a whole is a `Status` if the request was protobuf.
"""

from collections import Counter
from functools import partial
from typing import Final

from tracerd.importers.formats.otlp_metrics import Totals
from tracerd.importers.otlp_requests import LOGS, METRICS, NOTHING_LOST, TRACES, received
from tracerd.otlp.pieces import pieces
from tracerd.otlp.wire import field, number_field
from tracerd.web.answers import JSON, Answer, Refusal, bad_request, json_answer
from tracerd.web.recorder import Recorder
from tracerd.web.writing import WritingRoute

PROTOBUF: Final = "application/x-protobuf"

_REJECTED: Final = {TRACES: "rejectedSpans", LOGS: "rejectedLogRecords", METRICS: "rejectedDataPoints"}

_UNREADABLE: Final = "what cannot be read"


def _take(signal: str, recorder: Recorder, body: bytearray, media_type: str) -> Answer:
    if signal != METRICS:
        return _stored(signal, recorder, body, media_type, Totals())
    with recorder.totals_lock:
        changes = Totals(recorder.totals)
        answer = _stored(signal, recorder, body, media_type, changes)
        recorder.totals.keep(changes)
        return answer


def _stored(signal: str, recorder: Recorder, body: bytearray, media_type: str, totals: Totals) -> Answer:
    left_out: Counter[str] = Counter()
    is_any = False
    boot_ns = recorder.wall_offset_ns()
    try:
        found = pieces(signal, body, is_protobuf=media_type == PROTOBUF)
    except ValueError as error:
        raise bad_request(f"the body: {error}") from None
    with recorder.sending() as sending:
        for piece in found:
            result = received(signal, piece.request, recorder.log_of, boot_ns, totals)
            left_out.update(result.left_out)
            left_out[_UNREADABLE] += piece.unreadable
            for trace_id, blocks in result.lines.items():
                sending.send(trace_id, blocks)
                is_any = True
        stored = sending.finish()
    reasons = [f"{what} ({count:,})" for what, count in left_out.items() if count and what not in NOTHING_LOST]
    rejected = sum(count for what, count in left_out.items() if what not in NOTHING_LOST) + stored.missing
    if reasons and not is_any:
        raise bad_request(f"nothing of it can be stored: {', '.join(reasons)}")
    if stored.missing:
        reasons.append(stored.reason)
    return _success(signal, media_type, rejected, "; ".join(reasons))


def _success(signal: str, media_type: str, rejected: int, reason: str) -> Answer:
    if media_type == PROTOBUF:
        partial_success = number_field(1, rejected) + field(2, reason.encode())
        return Answer(field(1, partial_success) if rejected else b"", PROTOBUF)
    partial_json = {_REJECTED[signal]: str(rejected), "errorMessage": reason}
    return json_answer({"partialSuccess": partial_json} if rejected else {})


def _refused(refusal: Refusal, media_type: str) -> Answer:
    if media_type != PROTOBUF:
        return refusal.answer()
    return Answer(field(2, str(refusal).encode()), PROTOBUF, refusal.status, refusal.headers)


ROUTES: Final = tuple(
    WritingRoute(path, f"{what}, by OpenTelemetry's protocol.", (JSON, PROTOBUF), partial(_take, signal), _refused)
    for path, what, signal in (
        ("/v1/traces", "Spans", TRACES),
        ("/v1/logs", "Log records", LOGS),
        ("/v1/metrics", "Metrics", METRICS),
        ("/api/public/otel/v1/traces", "Spans, at xtrace's path", TRACES),
    )
)
