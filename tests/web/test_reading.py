"""The routes of metrics, logs, queries and services."""

import json
import time
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.web.conftest import START_US, clock, log, text, write_logs
from tests.web.servers import Parameters, Server, serving

METRICS = "/api/public/metrics"


def test_the_names_of_metrics(server: Server) -> None:
    assert server.get(f"{METRICS}/names") == {"data": ["cpu", "mem"]}
    assert server.get(f"{METRICS}/names", {"trace": "c"}) == {"data": ["mem"]}
    assert server.get(f"{METRICS}/names", {"to": "2024-10-04T12:00:00Z"}) == {"data": ["cpu"]}


def test_a_metric_in_windows(server: Server) -> None:
    found = server.get(f"{METRICS}/query", {"name": "cpu", "step": "1m"})

    at = "2024-10-04T00:00:00Z"
    assert found == {
        "data": [
            {"labels": {"host": "x"}, "values": [{"timestamp": at, "value": 1}]},
            {"labels": {"host": "y"}, "values": [{"timestamp": at, "value": 3}]},
        ],
        "meta": {"latest_ts": at, "series_count": 2, "truncated": False},
    }
    [only] = server.get(f"{METRICS}/query", {"name": "cpu", "labels": '{"host":"y"}', "agg": "max"})["data"]
    assert only["values"][0]["value"] == 3
    [both] = server.get(f"{METRICS}/query", {"name": "cpu", "group_by": "none", "agg": "sum"})["data"]
    assert both["values"][0]["value"] == 4


def messages(server: Server, parameters: Parameters) -> list[str]:
    return [row["event"]["args"]["message"] for row in server.get("/api/logs", parameters)["data"]]


def test_log_events_are_as_search_prints_them(server: Server) -> None:
    printed = invoke("search", "", "-d", server.directory, "--json").stdout.splitlines()

    assert server.get("/api/logs")["data"] == [json.loads(line) for line in reversed(printed)]


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ([("q", "123")], ["two"]),
        ([("q", "TW")], []),
        ([("q", "TW"), ("ignoreCase", "true")], ["two"]),
        ([("level", "warning")], ["three", "two"]),
        ([("service", "api")], ["two", "one"]),
        ([("service[]", "api"), ("service", "other"), ("level", "error")], ["two"]),
        ([("trace", "b"), ("trace", "a")], ["two", "one", "three"]),
        ([("from", "2024-10-04T00:00:00.000015Z"), ("to", "2024-10-05T00:00:00Z")], ["two"]),
        ([("where", 'args.user_id == "123"')], ["two"]),
    ],
)
def test_log_events_that_are_asked_for(server: Server, parameters: list[tuple[str, str]], found: list[str]) -> None:
    assert messages(server, parameters) == found


def test_log_events_in_parts(server: Server) -> None:
    cursor = None
    found: list[str] = []
    while cursor or not found:
        answer = server.get("/api/logs", {"limit": "1"} | ({"cursor": cursor} if cursor else {}))
        found += [row["event"]["args"]["message"] for row in answer["data"]]
        cursor = answer["meta"]["nextCursor"]

    assert found == ["three", "two", "one"]


TRACKER = """tracker "t" v1 { metrics { spans = count() where ph == "X"
 longest = max(dur_us) by name } }"""


@pytest.mark.parametrize(
    ("media_type", "body"),
    [("text/plain", TRACKER), ("application/json; charset=utf-8", json.dumps({"tracker": TRACKER}))],
)
def test_a_tracker_gives_what_query_prints(server: Server, media_type: str, body: str) -> None:
    path = server.home / "t.tracker"
    path.write_text(TRACKER)
    printed = invoke("query", "a", "b", "-d", server.directory, "--tracker", path, "--json").stdout
    reply = server.ask(
        "/api/query",
        [("trace", "a"), ("trace", "b")],
        method="POST",
        headers={"Content-Type": media_type},
        body=body.encode(),
    )

    assert (reply.status, reply.json()) == (200, json.loads(printed))


def test_a_metric_over_all_traces_and_a_part_of_time(server: Server) -> None:
    body = json.dumps({"metric": 'count() where ph == "X"'}).encode()
    headers = {"Content-Type": "application/json"}
    window = {"from": "2024-10-05T00:00:00Z"}
    replies = [server.ask("/api/query", some, method="POST", headers=headers, body=body) for some in ({}, window)]

    assert [reply.json()["window_events"] for reply in replies] == [12, 4]
    assert [[*reply.json()["metrics"].values()] for reply in replies] == [[6], [2]]


@pytest.mark.parametrize(
    ("media_type", "body", "status", "part"),
    [
        ("text/plain", b"tracker", 400, "tracker:1:8: "),
        ("text/plain", b"\xff", 400, "UTF-8"),
        ("text/plain", b" " * 1_000_001, 413, "1,000,000"),
        ("application/json", b"[", 400, "the body: "),
        ("application/json", b"[" * 100_000, 400, "the body: "),
        ("application/json", b"{}", 400, '"tracker" or "metric"'),
        ("application/json", b'{"metric":"count(","x":1}', 400, "`x`"),
        ("application/json", b'{"metric":"count("}', 400, "metric:1:7: "),
        ("application/xml", b"", 415, "Content-Type"),
    ],
)
def test_what_is_no_tracker(server: Server, media_type: str, body: bytes, status: int, part: str) -> None:
    reply = server.ask("/api/query", method="POST", headers={"Content-Type": media_type}, body=body)

    assert reply.status == status
    assert part in reply.json()["message"]


def test_services_that_have_ended(server: Server) -> None:
    assert server.get("/api/services")["data"] == []
    assert server.get("/api/services", {"from": "2024-10-01T00:00:00Z"})["data"] == [
        {
            "name": "api",
            "status": "ended",
            "events": 7,
            "errors": 2,
            "errorRate": 2 / 7,
            "lastSeen": "2024-10-04T00:00:00.002000Z",
        }
    ]


def test_alerts_are_those_of_watch_once(tmp_path: Path) -> None:
    directory = write_logs(tmp_path / "logs")
    logs = [log("bad", number, "error", service="api") for number in range(15)]
    (directory / "e.jsonl").write_bytes(text(clock(START_US), *logs))
    (directory / "now.jsonl").write_bytes(text(clock(time.time_ns() // 1000), *logs))
    printed = invoke("watch", "--once", "--json", "-d", directory, "e").stdout.splitlines()
    with serving(directory) as server:
        found = server.get("/api/alerts", {"trace": "e"})["data"]
        active = server.get("/api/alerts", {"active": "true"})["data"]
        assert [(alert["trace_id"], alert["state"]) for alert in active] == [("now", "firing")]
        assert server.get("/api/alerts", {"trace": "e", "to": "2024-10-04T00:00:30Z"})["data"] == []
        assert server.get("/api/alerts", {"trace": "b"})["data"] == []

    assert found == [json.loads(line) for line in printed]
    assert [(alert["state"], alert["value"]) for alert in found] == [("firing", 15), ("resolved", None)]
