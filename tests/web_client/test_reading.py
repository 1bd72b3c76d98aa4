"""What the client gives is what the server answers."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.web.conftest import DAY_US, START_US, clock, log, span, text, write_logs
from tests.web.servers import TOKEN, Server, serving
from tracerd.errors import ApiError
from tracerd.web_client import WebClient, client


@pytest.fixture
def web(server: Server) -> WebClient:
    return WebClient(server.url, TOKEN)


@pytest.fixture(params=[1, 200])
def page_size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Lists come in one part, and in parts of one item each."""
    size: int = request.param
    monkeypatch.setattr(client, "MAX_PAGE", size)
    monkeypatch.setattr(client, "MAX_LOGS", size)
    monkeypatch.setattr(client, "MAX_SPANS", size)
    return size


def test_traces(web: WebClient, page_size: int) -> None:
    assert page_size
    assert [trace["id"] for trace in web.traces()] == ["c", "b", "a", "d"]
    assert [trace["id"] for trace in web.traces(tags=["ci", "linux"], order_by="id.asc")] == ["a"]
    assert [trace["id"] for trace in web.traces(name="night*", until="2024-10-05T00:00:00Z")] == ["a"]
    assert [trace["id"] for trace in web.traces(since=datetime(2024, 10, 5, tzinfo=UTC))] == ["c", "b"]
    assert [trace["id"] for trace in web.traces(errors=True)] == ["a"]
    assert [*web.traces(user_id="nobody")] == []


def test_a_page_of_traces(web: WebClient, server: Server) -> None:
    assert web.traces_page(2, 3, where="events > 0") == server.get("/api/public/traces?page=2&limit=3")


def test_no_trace_comes_twice_though_new_ones_move_the_pages(
    web: WebClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_PAGE", 1)
    found: Iterator[str] = (trace["id"] for trace in web.traces())
    first = next(found)
    (server.directory / "new.jsonl").write_bytes(text(clock(START_US + 2 * DAY_US), span("later", 0, 1)))
    traces = [first, *found]
    (server.directory / "new.jsonl").unlink()

    assert traces == ["c", "b", "a", "d"]


def test_two_traces_are_compared(web: WebClient, server: Server) -> None:
    assert web.compare("a", "b", by="name,process", limit=1) == server.get(
        "/api/compare?a=a&b=b&by=name,process&limit=1"
    )


def test_a_trace_and_its_spans(web: WebClient, server: Server, page_size: int) -> None:
    assert page_size
    assert web.trace("a") == server.get("/api/public/traces/a")
    assert web.trace("a", limit=1)["meta"]["nextCursor"]
    assert [span["name"] for span in web.observations("a")] == ["outer", "inner", "later"]


def test_days(web: WebClient, page_size: int) -> None:
    assert page_size
    assert [(day["date"], day["countTraces"]) for day in web.days()] == [("2024-10-05", 2), ("2024-10-04", 1)]
    assert [day["date"] for day in web.days(name="nightly")] == ["2024-10-04"]


def test_metrics(web: WebClient) -> None:
    assert web.metric_names() == ["cpu", "mem"]
    assert web.metric_names(trace=["c"]) == ["mem"]
    [series] = web.metric("cpu", labels={"host": "y"}, step="1m", agg="max")["data"]
    assert series == {"labels": {"host": "y"}, "values": [{"timestamp": "2024-10-04T00:00:00Z", "value": 3}]}


def test_logs(web: WebClient, page_size: int) -> None:
    assert page_size
    messages = [event["event"]["args"] for event in web.logs(level="warning")]
    assert [args["message"] for args in messages if isinstance(args, dict)] == ["three", "two"]
    assert [event["trace_id"] for event in web.logs(q="TW", ignore_case=True)] == ["a"]


def test_services_alerts_and_queries(web: WebClient) -> None:
    assert web.services() == []
    assert [service["name"] for service in web.services(since="2024-10-01T00:00:00Z")] == ["api"]
    assert web.alerts(active=True) == []
    by_category = {"": 2, "c": 4, "log": 3}
    assert web.query(metric="count() by cat", trace=["a", "b"])["metrics"] == {"count() by cat": by_category}
    tracker = 'tracker "t" { metrics { n = count() } }'
    assert web.query(tracker, since="2024-10-05T00:00:00Z")["metrics"]["n"] == 4


def test_events_as_they_arrive(web: WebClient, server: Server) -> None:
    with web.stream(trace="new", level="error") as events:
        with (server.directory / "new.jsonl").open("ab") as file:
            file.write(text(log("fine", 1), log("bad", 2, "error")))
        event = next(events)
    (server.directory / "new.jsonl").unlink()

    assert (event["trace_id"], event["time_s"]) == ("new", None)
    assert event["event"] == log("bad", 2, "error")


def test_a_refusal_has_its_code_and_status(web: WebClient, server: Server) -> None:
    with pytest.raises(ApiError, match=r"there is no trace 'a\?b'") as not_found:
        web.trace("a?b")
    with pytest.raises(ApiError, match="tracker:1:1: ") as bad:
        web.query("?")
    with pytest.raises(ApiError, match="wrong token") as wrong:
        WebClient(server.url, "another-token").metric_names()

    assert [(error.value.code, error.value.status) for error in (not_found, bad, wrong)] == [
        ("NOT_FOUND", 404),
        ("BAD_REQUEST", 400),
        ("UNAUTHORIZED", 401),
    ]


def test_a_unix_socket_needs_no_token(tmp_path: Path) -> None:
    directory = write_logs(tmp_path / "logs")
    with serving(directory, "--unix", directory.parent / "s") as server:
        for address in (server.url, server.url.removeprefix("unix:")):
            assert WebClient(address).is_ready()
            assert [trace["id"] for trace in WebClient(address).traces(environment="prod")] == ["b"]
