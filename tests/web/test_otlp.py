"""OpenTelemetry's protocol over HTTP: what it answers, and where what came is stored."""

import json
import time
from collections.abc import Generator
from typing import Any

import pytest

from tests.harness import Daemon
from tests.importers.test_otlp_requests import span, spans
from tests.web.conftest import write_logs
from tests.web.recording import JSON, PROTOBUF, Recording, recording
from tests.web.servers import serving
from tracerd.importers.fields import objects
from tracerd.importers.otlp_requests import day_log
from tracerd.otlp import protobuf
from tracerd.otlp.wire import read_fields

NOW_NS = time.time_ns()
TODAY = day_log("shop", NOW_NS)


@pytest.fixture(scope="module")
def both() -> Generator[Recording]:
    with recording() as running:
        yield running


def now(**more: object) -> dict[str, object]:
    """A span of now."""
    return span(**{"startTimeUnixNano": str(NOW_NS), "endTimeUnixNano": str(NOW_NS + 5000), **more})


def metrics(**point: object) -> dict[str, object]:
    """A request with a change of a sum."""
    data = {"aggregationTemporality": 1, "dataPoints": [{"timeUnixNano": str(NOW_NS), **point}]}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "counted"}}]}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [{"name": "n", "sum": data}]}]}]}


def fields_of(body: bytes) -> dict[int, bytes]:
    """The fields of a message of protobuf."""
    return {one.number: bytes(one.value) for one in read_fields(memoryview(body))}


@pytest.mark.parametrize("is_gzip", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("is_protobuf", [False, True], ids=["json", "protobuf"])
@pytest.mark.parametrize("path", ["/v1/traces", "/api/public/otel/v1/traces"])
def test_spans_are_stored_when_it_answers(both: Recording, path: str, is_protobuf: bool, is_gzip: bool) -> None:
    name = f"{path} {is_protobuf} {is_gzip}"
    request = spans(now(name=name))
    reply = both.post(path, protobuf.encoded("traces", request) if is_protobuf else request, is_gzip=is_gzip)

    assert (reply.status, reply.body) == (200, b"" if is_protobuf else b"{}")
    assert reply.headers["Content-Type"] == f"application/{'x-protobuf' if is_protobuf else 'json'}"
    assert name in [event["name"] for event in both.events(TODAY, "X")]
    observations = both.server.get(f"/api/public/traces/{TODAY}")["observations"]
    assert name in [one["name"] for one in observations]


def test_a_span_joins_the_trace_of_the_command_that_began_it(both: Recording) -> None:
    digits = "1234567890abcdef" * 2
    both.daemon.session(b'OPEN tr-1700000000-%s\n{"ph":"i","name":"e","ts":1}\n' % digits.encode())
    for trace_id in (digits, "f" * 32):
        assert both.post("/v1/traces", spans(now(traceId=trace_id))).status == 200

    [one] = both.events(f"tr-1700000000-{digits}", "X")
    assert one["args"]["trace_id"] == digits


def test_many_requests_of_a_service_make_one_log() -> None:
    with recording() as both:
        for at in range(30):
            assert both.post("/v1/traces", spans(now(traceId=f"{at + 1:032x}"))).status == 200
        assert both.traces() == {TODAY}


def test_logs_and_metrics_are_stored(both: Recording) -> None:
    record = {"timeUnixNano": str(NOW_NS), "severityNumber": 17, "body": {"stringValue": "it fell"}}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "logged"}}]}
    logs = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]}
    assert both.post("/v1/logs", logs).json() == {}
    [event] = both.events(day_log("logged", NOW_NS), "i")
    assert (event["name"], event["cat"], event["args"]["level"]) == ("it fell", "log", "error")

    for _ in range(3):
        assert both.post("/v1/metrics", metrics(asInt="2")).json() == {}
    assert [event["args"]["value"] for event in both.events(day_log("counted", NOW_NS), "C")] == [2, 4, 6]


def test_half_a_surrogate_pair_spoils_no_neighbour(both: Recording) -> None:
    reply = both.post("/v1/traces", spans(now(name="before half"), now(name="half \ud800")))

    assert (reply.status, reply.json()) == (200, {})
    assert {"before half", "half \ufffd"} <= {event["name"] for event in both.events(TODAY, "X")}


def test_what_cannot_be_stored_is_counted_and_spoils_no_neighbour(both: Recording) -> None:
    request = spans(now(), span(startTimeUnixNano="7"), now(startTimeUnixNano=0))
    why = "times before 2001 or beyond 2116 (1); spans without a start (1)"
    assert both.post("/v1/traces", request).json() == {"partialSuccess": {"rejectedSpans": "2", "errorMessage": why}}

    reply = both.post("/v1/traces", protobuf.encoded("traces", request))
    answer: Any = protobuf.response_type("traces").FromString(reply.body)
    assert (answer.partial_success.rejected_spans, answer.partial_success.error_message) == (2, why)

    reply = both.post("/v1/metrics", metrics())
    assert reply.json() == {}


def test_a_request_of_which_nothing_can_be_stored_is_an_error(both: Recording) -> None:
    request = spans(span(startTimeUnixNano="7"))
    message = "nothing of it can be stored: times before 2001 or beyond 2116 (1)"
    reply = both.post("/v1/traces", request)
    assert (reply.status, reply.json()) == (400, {"message": message, "code": "BAD_REQUEST"})

    reply = both.post("/v1/traces", protobuf.encoded("traces", request))
    assert (reply.status, reply.headers["Content-Type"]) == (400, "application/x-protobuf")
    assert fields_of(reply.body) == {2: message.encode()}


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (JSON, b"{", 400),
        (JSON, b"\xff", 400),
        (PROTOBUF, b"\xff", 400),
        ({**JSON, "Content-Encoding": "gzip"}, b"{}", 400),
        ({**JSON, "Content-Encoding": "br"}, b"{}", 415),
        ({"Content-Type": "text/plain"}, b"{}", 415),
        ({}, b"{}", 415),
    ],
)
def test_a_body_that_is_none(both: Recording, headers: dict[str, str], body: bytes, status: int) -> None:
    assert both.server.ask("/v1/traces", method="POST", headers=headers, body=body).status == status


def test_other_methods_and_parameters_are_refused(both: Recording) -> None:
    assert both.server.ask("/v1/traces").status == 405
    reply = both.server.ask("/v1/traces", {"x": "1"}, method="POST", headers=JSON, body=b"{}")
    assert (reply.status, reply.json()["code"]) == (400, "BAD_REQUEST")
    assert both.server.ask("/v1/traces", method="POST", headers=JSON, body=b"{}", token=None).status == 401


def test_without_a_daemon_it_is_unavailable_and_a_sum_is_not_counted() -> None:
    with recording() as both:
        assert both.post("/v1/metrics", metrics(asInt="2")).status == 200
        both.daemon.stop()
        for body in (metrics(asInt="2"), metrics(asInt="2")):
            reply = both.post("/v1/metrics", body)
            assert (reply.status, reply.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
            assert "no daemon is running" in reply.json()["message"]
        reply = both.post("/v1/traces", protobuf.encoded("traces", spans(now())))
        assert reply.status == 503
        assert b"no daemon is running" in fields_of(reply.body)[2]
        assert both.post("/v1/traces", {}).status == 200

        with Daemon(both.daemon.dir.parent):
            assert both.post("/v1/metrics", metrics(asInt="2")).status == 200
        assert [event["args"]["value"] for event in both.events(day_log("counted", NOW_NS), "C")] == [2, 4]


def test_what_the_daemon_refuses() -> None:
    with recording("--max-trace-size", "2kB") as both:
        large = spans(*(now(name="x" * 1000) for _ in range(3)))
        assert both.post("/v1/traces", large).json() == {}
        reply = both.post("/v1/traces", large)
        assert (reply.status, reply.json()["code"]) == (507, "INSUFFICIENT_STORAGE")
        assert "full" in reply.json()["message"]

        other = spans(now(), service="other")
        resources = [one for some in (large, other) for one in objects(some["resourceSpans"])]
        partial = both.post("/v1/traces", {"resourceSpans": resources}).json()["partialSuccess"]
        assert "full" in partial["errorMessage"]
        assert len(both.events(day_log("other", NOW_NS), "X")) == 1


def test_a_server_without_a_daemon_still_reads(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(write_logs(tmp_path_factory.mktemp("web") / "logs")) as server:
        reply = server.ask("/v1/traces", method="POST", headers=JSON, body=json.dumps(spans(now())).encode())
        assert reply.status == 503
        assert server.get("/api/public/traces")["meta"]["totalItems"] == 4
