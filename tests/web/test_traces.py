"""The routes of traces."""

from pathlib import Path

import pytest

from tests.web.conftest import write_logs
from tests.web.servers import Parameters, Server
from tracerd.web.answers import Refusal
from tracerd.web.store import Store

TRACES = "/api/public/traces"


def listed(server: Server, parameters: Parameters) -> str:
    """The ids that are listed, one letter each."""
    return "".join(item["id"] for item in server.get(TRACES, parameters)["data"])


def test_a_page_of_traces(server: Server) -> None:
    first = server.get(TRACES, {"page": "1", "limit": "2"})
    last = server.get(TRACES, {"page": "2", "limit": "2"})

    assert first["meta"] == {"page": 1, "limit": 2, "totalItems": 4, "totalPages": 2}
    assert [item["id"] for item in first["data"] + last["data"]] == ["c", "b", "a", "d"]
    assert server.get(TRACES, {"page": "3", "limit": "2"})["data"] == []


def test_what_is_known_of_a_trace(server: Server) -> None:
    [item] = server.get(TRACES, {"sessionId": "s1"})["data"]

    assert item == {
        "id": "a",
        "timestamp": "2024-10-04T00:00:00Z",
        "endTimestamp": "2024-10-04T00:00:00.002010Z",
        "name": "nightly",
        "sessionId": "s1",
        "userId": "u",
        "version": None,
        "release": None,
        "environment": None,
        "tags": ["ci", "linux"],
        "latency": 0.00201,
        "events": 9,
        "spans": 3,
        "errors": 2,
        "logs": {"info": 1, "error": 1},
        "processes": 1,
        "command": None,
        "exitCode": None,
        "metadata": {},
    }


@pytest.mark.parametrize(
    ("parameters", "traces"),
    [
        ([], "cbad"),
        ([("tags", "ci")], "ba"),
        ([("tags[]", "ci")], "ba"),
        ([("tags", "ci"), ("tags", "linux")], "a"),
        ([("tags[]", "ci"), ("tags", "linux")], "a"),
        ([("sessionId", "s1"), ("sessionId", "s2")], "ba"),
        ([("name", "night*")], "ba"),
        ([("userId", "u")], "a"),
        ([("environment", "prod")], "b"),
        ([("errors", "true")], "a"),
        ([("where", 'args.branch == "main"')], "b"),
        ([("fromTimestamp", "2024-10-05T00:00:00Z")], "cb"),
        ([("toTimestamp", "2024-10-05T00:00:00Z")], "a"),
        ([("orderBy", "id.asc")], "abcd"),
        ([("orderBy", "latency.desc")], "abcd"),
        ([("orderBy", "name")], "bacd"),
    ],
)
def test_filters_and_orders(server: Server, parameters: list[tuple[str, str]], traces: str) -> None:
    assert listed(server, parameters) == traces


def test_only_the_fields_that_are_asked_for(server: Server) -> None:
    [item] = server.get(TRACES, {"userId": "u", "fields": "name,tags"})["data"]

    assert item == {"id": "a", "name": "nightly", "tags": ["ci", "linux"]}


def test_a_trace_with_its_spans_as_a_tree(server: Server) -> None:
    found = server.get(f"{TRACES}/a")

    assert found["name"] == "nightly"
    assert [(one["name"], one["id"], one["parentObservationId"]) for one in found["observations"]] == [
        ("outer", "a:4", None),
        ("inner", "a:5", "a:4"),
        ("later", "a:6", None),
    ]
    assert found["observations"][1] == {
        "id": "a:5",
        "traceId": "a",
        "parentObservationId": "a:4",
        "type": "SPAN",
        "name": "inner",
        "startTime": "2024-10-04T00:00:00.000100Z",
        "endTime": "2024-10-04T00:00:00.000300Z",
        "latency": 0.0002,
        "level": "ERROR",
        "statusMessage": "no",
        "category": "c",
        "process": "api",
        "thread": "",
        "pid": 1,
        "tid": 1,
        "depth": 1,
        "tsUs": 100,
        "metadata": {"error": "no"},
    }
    assert found["meta"]["nextCursor"] is None


def test_the_spans_of_a_trace_in_parts(server: Server) -> None:
    names: list[str] = []
    parameters = {"limit": "1"}
    while True:
        found = server.get(f"{TRACES}/a", parameters)
        names += [one["name"] for one in found["observations"]]
        if found["meta"]["nextCursor"] is None:
            break
        parameters = {"limit": "1", "cursor": found["meta"]["nextCursor"]}

    assert names == ["outer", "inner", "later"]


@pytest.mark.parametrize(
    "name", ["x", "%2e%2e%2fa", "..%2flogs%2fa", "a.jsonl", "%2fetc%2fpasswd", "-", "latest", "%00"]
)
def test_what_is_no_trace_is_not_found(server: Server, name: str) -> None:
    reply = server.ask(f"{TRACES}/{name}")

    assert (reply.status, reply.json()["code"]) == (404, "NOT_FOUND")


def test_days(server: Server) -> None:
    found = server.get("/api/public/metrics/daily", {"page": "1", "limit": "50"})

    assert found["data"] == [
        {"date": "2024-10-05", "countTraces": 2, "countObservations": 2, "countEvents": 6, "countErrors": 0},
        {"date": "2024-10-04", "countTraces": 1, "countObservations": 3, "countEvents": 9, "countErrors": 2},
    ]
    assert found["meta"] == {"page": 1, "limit": 50, "totalItems": 2, "totalPages": 1}


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../logs/a", "logs/a", "a.jsonl", "a/", "/a", "a\0", "\ud800", "x" * 300, ".hidden", "full"],
    ids=ascii,
)
def test_a_trace_is_found_by_its_whole_id_and_by_nothing_else(tmp_path: Path, name: str) -> None:
    directory = write_logs(tmp_path / "logs")
    (directory / ".hidden.jsonl").write_bytes(b"")
    (directory / "full.jsonl").mkdir()
    store = Store(directory, tmp_path / "cache", tmp_path / "socket")

    assert store.log("a").path == directory / "a.jsonl"
    with pytest.raises(Refusal, match="there is no trace"):
        store.log(name)
