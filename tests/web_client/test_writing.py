"""What the client writes is what it reads."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.web.recording import Recording, recording
from tests.web.servers import TOKEN, Server
from tracerd.errors import ApiError
from tracerd.web.limits import MAX_BODY_BYTES
from tracerd.web_client import WebClient, answers, connection

ID = "0af76519-16cd-43dd-8448-eb211c80319c"

NOW = datetime.now(UTC).replace(microsecond=0)
MS = timedelta(milliseconds=1)
"""More than the difference between two readings of the clock, by which the time of an event may be off."""


@pytest.fixture(scope="module")
def both() -> Generator[Recording]:
    with recording() as running:
        yield running


@pytest.fixture
def web(both: Recording) -> WebClient:
    return WebClient(both.server.url, TOKEN)


def args_of(event: answers.Event) -> Any:
    return event["event"]["args"]


def test_log_events(web: WebClient) -> None:
    stored = web.write_logs(
        [
            {
                "level": "warn",
                "message": "slow",
                "service": "shop",
                "metadata": {"ms": 7},
                "spanId": "b7ad6b7169203331",
            },
            {"level": "info", "message": "", "service": "shop"},
            {"level": "info", "message": "then", "service": "shop", "timestamp": NOW},
        ]
    )

    assert stored == {
        "accepted": 2,
        "rejected": 1,
        "errors": [{"index": 1, "error": "message: missing, or empty"}],
    }
    assert msgspec.convert(stored, answers.Stored) == stored
    [slow] = web.logs(q="slow")
    assert args_of(slow) == {"level": "warn", "ms": 7, "span_id": "b7ad6b7169203331"}
    [then] = web.logs(q="then", service="shop", since=NOW - MS, until=NOW + MS)
    assert then["event"]["name"] == "then"


def test_a_trace_with_its_spans(web: WebClient) -> None:
    end = NOW + timedelta(seconds=1.5)
    stored = web.write_batch(
        {"id": ID, "name": "chat", "userId": "ada", "tags": ["t"], "metadata": {"k": [1]}},
        [
            {"id": "1", "name": "outer", "startTime": NOW, "endTime": end},
            {"id": "2", "parentObservationId": "1", "name": "inner", "startTime": NOW, "latency": 1, "model": "m"},
        ],
    )
    assert (stored["accepted"], stored["rejected"]) == (3, 0)
    assert msgspec.convert(stored, answers.Stored) == stored
    [trace] = web.traces(name="chat", tags="t")
    outer, inner = web.observations(trace["id"])

    assert (trace["userId"], trace["metadata"]) == ("ada", {"k": [1]})
    assert [(span["name"], span["latency"]) for span in (outer, inner)] == [("outer", 1.5), ("inner", 1)]
    assert inner["parentObservationId"] == outer["id"]
    assert inner["metadata"]["model"] == "m"


def test_metrics(web: WebClient) -> None:
    assert (
        web.write_metrics([{"name": "queue", "value": 3, "labels": {"host": "a"}, "timestamp": NOW}])["accepted"] == 1
    )
    [series] = web.metric("queue", agg="last")["data"]

    assert (series["labels"], [window["value"] for window in series["values"]]) == ({"host": "a"}, [3])


def test_opentelemetry(web: WebClient) -> None:
    at_ns = str(int(NOW.timestamp()) * 10**9)
    spans = [{"name": "GET /", "startTimeUnixNano": at_ns, "endTimeUnixNano": at_ns}, {"name": "no start"}]
    stored = web.write_otlp("traces", {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})

    assert stored.get("partialSuccess", {}).get("rejectedSpans") == "1"
    assert msgspec.convert(stored, answers.OtlpStored) == stored
    assert [span["name"] for span in web.observations(f"otlp-unknown_service-{NOW:%Y-%m-%d}")] == ["GET /"]


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, datetime(2026, 1, 1), b""])  # noqa: DTZ001
def test_what_is_no_json_is_refused(web: WebClient, value: object) -> None:
    with pytest.raises(ApiError, match="what is to be sent is no JSON") as caught:
        web.write_logs([{"level": "info", "message": "m", "service": "s", "metadata": {"key": value}}])

    assert (caught.value.code, caught.value.status) == ("BAD_REQUEST", 0)


def test_a_body_that_is_too_large_has_the_code_of_the_server(web: WebClient) -> None:
    assert connection.MAX_BODY_BYTES == MAX_BODY_BYTES
    with pytest.raises(ApiError, match="a body may have 20 MiB") as caught:
        web.write_logs([{"level": "info", "message": "x" * (22 << 20), "service": "s"}])

    assert (caught.value.code, caught.value.status) == ("PAYLOAD_TOO_LARGE", 413)


def test_without_a_daemon_nothing_is_written(server: Server) -> None:
    with pytest.raises(ApiError) as caught:
        WebClient(server.url, TOKEN).write_metrics([{"name": "m", "value": 1}])

    assert (caught.value.code, caught.value.status) == ("SERVICE_UNAVAILABLE", 503)
