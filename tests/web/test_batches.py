"""The bodies of Tracer and xtrace: what is answered, what is stored, and what one bad item does to the others."""

import time
from collections.abc import Generator
from typing import Any

import pytest

from tests.web.recording import JSON, Recording, recording
from tracerd.importers.otlp_requests import day_log

NOW_MS = time.time_ns() // 10**6
UUID = "0af76519-16cd-43dd-8448-eb211c80319c"


@pytest.fixture(scope="module")
def both() -> Generator[Recording]:
    with recording() as running:
        yield running


def log(**more: object) -> dict[str, object]:
    """A log event of now."""
    return {"timestamp": NOW_MS, "level": "info", "message": "m", "service": "api", **more}


def today(service: str) -> str:
    return day_log(service, NOW_MS * 10**6)


def test_a_log_event_keeps_all_that_it_was_sent_with(both: Recording) -> None:
    metadata = {"user_id": "123", "level": 7, "deep": {"a": [1, 2.5, None]}}
    sent = log(service="one", level="fatal", message="it fell", metadata=metadata, traceId="ab", spanId="cd", more=True)
    reply = both.post("/logs", sent)

    assert (reply.status, reply.json()) == (202, {"accepted": 1, "rejected": 0})
    [event] = both.events(today("one"), "i")
    assert (event["name"], event["cat"]) == ("it fell", "log")
    assert event["args"] == {
        "level": "fatal",
        "trace_id": "ab",
        "span_id": "cd",
        "user_id": "123",
        "deep": {"a": [1, 2.5, None]},
        "more": True,
        "metadata": {"level": 7},
    }
    [found] = both.server.get("/api/logs", {"trace": today("one"), "level": "critical"})["data"]
    assert abs(found["time_s"] - NOW_MS / 1000) < 0.001
    assert both.server.get("/api/services", {"trace": today("one")})["data"][0]["name"] == "one"


def test_a_log_event_of_a_trace_goes_there(both: Recording) -> None:
    digits = "c0ffee" * 5 + "00"
    both.daemon.session(b'OPEN build-%s\n{"ph":"i","name":"e","ts":1}\n' % digits.encode())
    assert both.post("/logs", log(message="here", traceId=digits)).status == 202

    assert "here" in [event["name"] for event in both.events(f"build-{digits}", "i")]


def test_one_bad_item_spoils_no_other(both: Recording) -> None:
    bad: list[object] = [
        "x",
        log(level="loud"),
        log(level=5),
        log(message=""),
        log(service=None),
        log(timestamp="yesterday"),
        log(timestamp="1999-12-31T23:59:59Z"),
        log(metadata=[]),
        log(traceId=1),
    ]
    good = [log(service="many", message="first"), log(service="many", message="last", timestamp=None)]
    reply = both.post("/logs", {"logs": [good[0], *bad, good[1]]})

    assert (reply.status, reply.json()["accepted"], reply.json()["rejected"]) == (202, 2, len(bad))
    assert [(one["index"], one["error"].partition(":")[0]) for one in reply.json()["errors"]] == [
        (1, "expected an object"), (2, "level"), (3, "level"), (4, "message"), (5, "service"), (6, "timestamp"),
        (7, "times before 2001 or beyond 2116"), (8, "metadata"), (9, "traceId"),
    ]  # fmt: skip
    assert [event["name"] for event in both.events(today("many"), "i")] == ["first", "last"]


def test_bytes_that_are_no_text_spoil_their_item_only(both: Recording) -> None:
    body = b'{"logs":[{"level":"info","message":"\xff","service":"s"},{"level":"info","message":"b","service":"s"}]}'
    reply = both.server.ask("/logs", method="POST", headers=JSON, body=body)

    assert (reply.status, reply.json()["accepted"], reply.json()["errors"][0]["index"]) == (202, 1, 0)


def test_half_a_surrogate_pair_is_replaced_and_spoils_no_neighbour(both: Recording) -> None:
    """A pair, and a backslash before what only looks like an escape, stay as they are."""
    texts = [r"cut \ud83d", r"\udE00\uD800", r"\ud83d\ude00", r"\\ud800 \u00e4"]
    logs = ",".join(f'{{"level":"info","message":"{one}","service":"halves"}}' for one in texts)
    reply = both.server.ask("/logs", method="POST", headers=JSON, body=f'{{"logs":[{logs}]}}'.encode())

    assert (reply.status, reply.json()) == (202, {"accepted": 4, "rejected": 0})
    names = [event["name"] for event in both.events(today("halves"), "i")]
    assert names == ["cut \ufffd", "\ufffd\ufffd", "\U0001f600", "\\ud800 \u00e4"]


def test_at_most_a_hundred_errors_are_named(both: Recording) -> None:
    empty: dict[str, object] = {}
    reply = both.post("/logs", {"logs": [empty] * 150 + [log()]}).json()

    assert (reply["accepted"], reply["rejected"], len(reply["errors"])) == (1, 150, 100)


NOTHING: list[tuple[str, object, str]] = [
    ("/logs", log(level="loud"), "level: expected one of debug, info, warning, error, critical, warn, fatal, not"),
    ("/logs", {"logs": [{}, {}]}, "nothing of it can be stored: level: missing, or empty; level: missing"),
    ("/logs", {"logs": []}, "logs: there is none"),
    ("/logs", {"logs": {}}, "logs: expected a list"),
    ("/logs", [], "no object of JSON"),
    ("/v1/l/batch", {}, 'neither "trace" nor "observations"'),
    ("/v1/l/batch", {"trace": {"name": "n"}}, "trace: id: missing"),
    ("/v1/l/batch", {"trace": {"id": "../x"}}, "trace: id: a trace id must not contain '/'"),
    ("/v1/l/batch", {"trace": {"id": "t", "tags": "a"}}, "trace: tags: expected a list of texts, not 'a'"),
    ("/v1/l/batch", {"observations": [{"id": "o"}]}, "traceId: missing"),
    ("/v1/metrics/batch", {"metrics": []}, "metrics: there is none"),
    ("/v1/metrics/batch", {"metrics": [{"name": "n", "value": "1"}]}, "value: expected a number, not '1'"),
    ("/v1/metrics/batch", {"metrics": [{"name": "n"}]}, "value: missing"),
    ("/v1/metrics/batch", {"metrics": [{"name": "n", "value": 1, "labels": {"a": 1}}]}, "labels.a: expected"),
]


@pytest.mark.parametrize(("path", "body", "message"), NOTHING)
def test_of_which_nothing_can_be_stored(both: Recording, path: str, body: object, message: str) -> None:
    reply = both.post(path, body)

    assert (reply.status, reply.json()["code"]) == (400, "BAD_REQUEST")
    assert message in reply.json()["message"]


def test_a_trace_and_its_observations_are_read_back(both: Recording) -> None:
    trace = {
        "id": UUID,
        "timestamp": "2026-11-26T21:24:00.5Z",
        "name": "chat",
        "sessionId": "s1",
        "userId": "u",
        "version": "1",
        "release": "r",
        "environment": "prod",
        "tags": ["a", "b"],
        "metadata": {"turn_id": 3, "name": "other"},
        "input": {"q": "hi"},
        "public": True,
        "totalCost": 0.25,
        "externalId": None,
    }
    trace["timestamp"] = NOW_MS
    usage = {"input": 3, "output": 4}
    observations = [
        {"id": "o1", "traceId": UUID, "type": "SPAN", "name": "outer", "startTime": NOW_MS, "endTime": NOW_MS + 10},
        {
            "id": "o2",
            "parentObservationId": "o1",
            "name": "call",
            "startTime": NOW_MS + 1,
            "endTime": NOW_MS + 9,
            "model": "m-1",
            "usage": usage,
            "level": "ERROR",
            "statusMessage": "too long",
            "metadata": {"step": 1},
        },
        {"id": "o3", "parentObservationId": "o1", "type": "EVENT", "name": "note", "startTime": NOW_MS + 9},
        {"id": "o4", "name": "timed", "startTime": NOW_MS + 20, "latency": 0.005},
    ]
    reply = both.post("/v1/l/batch", {"trace": trace, "observations": observations})

    assert (reply.status, reply.json()) == (200, {"message": "Request Successful.", "accepted": 5, "rejected": 0})
    found: Any = both.server.get(f"/api/public/traces/{UUID}")
    assert {key: found[key] for key in ("id", "name", "sessionId", "userId", "version", "release", "environment")} == {
        "id": UUID, "name": "chat", "sessionId": "s1", "userId": "u", "version": "1", "release": "r",
        "environment": "prod",
    }  # fmt: skip
    assert found["tags"] == ["a", "b"]
    assert found["metadata"] == {
        "turn_id": 3, "metadata": {"name": "other"}, "input": {"q": "hi"}, "public": True, "totalCost": 0.25
    }  # fmt: skip
    by_name = {one["name"]: one for one in found["observations"]}
    outer, call = by_name["outer"], by_name["call"]
    assert call["parentObservationId"] == by_name["note"]["parentObservationId"] == outer["id"]
    assert (call["category"], call["level"], call["statusMessage"]) == ("GENERATION", "ERROR", "too long")
    assert call["metadata"] == {
        "model": "m-1", "usage": usage, "metadata": {"step": 1}, "id": "o2", "parentObservationId": "o1",
        "level": "ERROR", "statusMessage": "too long", "error": "too long",
    }  # fmt: skip
    assert [by_name[name]["latency"] for name in ("outer", "call", "note", "timed")] == [0.01, 0.008, 0, 0.005]
    listed = both.server.get("/api/public/traces", {"sessionId": "s1", "tags": "a"})["data"]
    assert [one["id"] for one in listed] == [UUID]


def test_an_attribute_that_comes_later_erases_none(both: Recording) -> None:
    for trace in ({"id": "t1", "name": "n", "tags": ["x"]}, {"id": "t1", "userId": "u"}):
        assert both.post("/v1/l/batch", {"trace": trace}).status == 200
    found = both.server.get("/api/public/traces/t1")

    assert (found["name"], found["userId"], found["tags"]) == ("n", "u", ["x"])


def test_an_observation_of_a_uuid_joins_the_trace_of_a_command(both: Recording) -> None:
    uuid = "11111111-2222-3333-4444-555555555555"
    both.daemon.session(b'OPEN tr-1-%s\n{"ph":"i","name":"e","ts":1}\n' % uuid.replace("-", "").encode())
    observation = {"id": "o", "traceId": uuid, "startTime": NOW_MS, "endTime": NOW_MS, "name": "here"}
    assert both.post("/v1/l/batch", {"observations": [observation]}).json()["accepted"] == 1

    assert [event["name"] for event in both.events(f"tr-1-{uuid.replace('-', '')}", "X")] == ["here"]


def test_points_are_read_back(both: Recording) -> None:
    points = [
        {"name": "load", "labels": {"host": "a", "service": "m"}, "value": 0.5, "timestamp": NOW_MS},
        {"name": "load", "labels": {"host": "b", "service": "m"}, "value": 2, "timestamp": NOW_MS},
        {"name": "", "value": 1},
    ]
    reply = both.post("/v1/metrics/batch", {"metrics": points})
    assert reply.json() == {
        "message": "Request Successful.",
        "accepted": 2,
        "rejected": 1,
        "errors": [{"index": 2, "error": "name: missing, or empty"}],
    }

    parameters = {"name": "load", "group_by": "host", "step": "1d", "trace": today("m")}
    found = both.server.get("/api/public/metrics/query", parameters)["data"]
    assert [(one["labels"], one["values"][0]["value"]) for one in found] == [({"host": "a"}, 0.5), ({"host": "b"}, 2)]


def test_what_was_before_the_machine_started_has_a_place(both: Recording) -> None:
    assert both.post("/logs", log(service="old", timestamp="2001-09-10T00:00:00+02:00")).status == 202
    assert both.post("/v1/l/batch", {"trace": {"id": "t2", "timestamp": "2010-01-01T00:00:00Z"}}).status == 200

    assert {"otlp-old-2001-09-09-wall", "t2-wall"} <= both.traces()
    [found] = both.server.get("/api/logs", {"trace": "otlp-old-2001-09-09-wall"})["data"]
    assert found["time_s"] == 1_000_072_800


def test_without_a_daemon_and_with_a_full_trace() -> None:
    with recording("--max-trace-size", "1kB") as both:
        large = {"logs": [log(message="x" * 300)] * 5}
        assert both.post("/logs", large).json() == {"accepted": 5, "rejected": 0}
        reply = both.post("/logs", large)
        assert (reply.status, reply.json()["code"]) == (507, "INSUFFICIENT_STORAGE")
        both.daemon.stop()
        for path, body in (
            ("/logs", log()),
            ("/v1/l/batch", {"trace": {"id": "t"}}),
            ("/v1/metrics/batch", {"metrics": [{"name": "n", "value": 1}]}),
        ):
            reply = both.post(path, body)
            assert (reply.status, reply.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
