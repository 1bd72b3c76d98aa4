"""The types of answers are what the server answers, whatever the logs hold."""

import contextlib
import json
import shutil
from typing import Any

import msgspec
import pytest

from tests.harness import ROOT
from tests.web.conftest import START_US, attributes, clock, log, text, write_logs
from tests.web.test_builds import build_log
from tracerd.web import api, forms, openapi, schemas, writing_routes
from tracerd.web.answers import JSON, Refusal
from tracerd.web.application import OTHER_PATHS
from tracerd.web.perfetto import Opened
from tracerd.web.routing import Asked
from tracerd.web.session import Session
from tracerd.web.store import Store
from tracerd.web.work import Work
from tracerd.web_client.answers import Failure

DOCUMENT = openapi.document(api.ROUTES, writing_routes.ROUTES, OTHER_PATHS)

CAPTURES = ROOT / "tests/captures"

ODD: list[dict[str, object]] = [
    clock(START_US),
    {"ph": "M", "name": "tracerd_trace", "args": {"name": 5, "tags": "no", "exit_code": True, "dur_us": 3}},
    {"ph": "X", "ts": 0, "dur": 5},
    {"ph": "X", "name": None, "cat": 7, "pid": "p", "tid": [1], "ts": 1, "dur": 1, "args": {"error": {"deep": 1}}},
    {"ph": "X", "name": 4.5, "ts": True, "dur": "long", "args": [1]},
    {"ph": "b", "cat": "c", "id": 1, "name": "open", "ts": 1e30, "pid": 1.5, "tid": 2**70},
    {"ph": "C", "name": "c", "ts": 1, "args": {"value": 1, "k": -0.5, "text": "x"}},
    {"ph": "i", "cat": "log", "name": 3, "ts": 10**25, "args": {"level": 5, "message": None}},
]
"""Lines that a log may hold, and that no client of ours writes."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    home = tmp_path_factory.mktemp("answers")
    directory = write_logs(home / "logs")
    (directory / "tags.jsonl").write_bytes(text(attributes(tags=[1, None, "x"], session=1, processes=True)))
    (directory / "odd.jsonl").write_bytes(text(*ODD))
    errors = [log("bad", number, "error", service="api") for number in range(15)]
    (directory / "bad.jsonl").write_bytes(text(clock(START_US), *errors))
    for capture in [*CAPTURES.glob("ocaml/*.jsonl"), CAPTURES / "tracerd-0.1.0/old.jsonl"]:
        shutil.copyfile(capture, directory / capture.name)
    (directory / "build.jsonl").write_bytes(build_log())
    return Store(directory, home / "cache", home / "no-daemon")


QUERIES: dict[str, list[str]] = {
    "/api/public/traces/{id}": ["", "limit=1"],
    "/api/public/metrics/query": ["name=cpu", "name=cpu&group_by=host&agg=p95", "name=c.k&agg=last"],
    "/api/compare": ["a=a&b=b", "a=build&b=build", "a=a&b=odd&by=process"],
    "/api/services": ["from=2000-01-01T00:00:00Z"],
    "/api/alerts": ["", "active=true"],
}
BODIES = [
    {"metric": "count() by name"},
    {"metric": 'avg(dur_us) where ph == "none"'},
    {"tracker": 'tracker "t" { alerts { a = if error then signal("bad", name) else null } }'},
]


def given(store: Store, path: str, query: str, body: dict[str, str]) -> list[Any]:
    """The answers of a route; of one trace for each trace."""
    route = next(route for route in api.ROUTES if route.path == path)
    values = forms.read(route.parameters, query.encode())
    traces = [log.stem for log in store.directory.glob("*.jsonl")] if "{id}" in path else [""]
    content, opened, session = json.dumps(body).encode(), Opened(), Session("a.localhost", 8742)
    asked = [Asked(store, values, {"id": trace}, content, JSON, Work(60), opened, session) for trace in traces]
    found: list[Any] = []
    for one in asked:
        with contextlib.suppress(Refusal):  # not each trace is a build
            found.append(json.loads(api.answered(route, one).body))
    return found


@pytest.mark.parametrize("path", [route.path for route in api.ROUTES])
def test_an_answer_has_the_keys_of_its_type_and_no_others(store: Store, path: str) -> None:
    for query in QUERIES.get(path, [""]):
        for body in BODIES if path == "/api/query" else [{}]:
            answers = given(store, path, query, body)

            assert [msgspec.convert(answer, schemas.ANSWERS[path]) for answer in answers] == answers
            assert any(answers)


def test_the_answers_say_something(store: Store) -> None:
    """Otherwise their types were compared with nothing."""
    assert given(store, "/api/alerts", "", {})[0]["data"]
    assert given(store, "/api/services", "from=2000-01-01T00:00:00Z", {})[0]["data"]
    assert given(store, "/api/query", "", BODIES[2])[0]["alerts"]
    assert any(trace["observations"] for trace in given(store, "/api/public/traces/{id}", "", {}))


def test_each_json_of_the_document_has_a_schema() -> None:
    for path, operations in DOCUMENT["paths"].items():
        for operation in operations.values():
            [answer] = [one for status, one in operation["responses"].items() if status < "300"]
            for kind, content in answer["content"].items():
                if kind == JSON and path != openapi.PATH:
                    name = content["schema"]["$ref"].rpartition("/")[2]
                    assert name in DOCUMENT["components"]["schemas"]


def test_a_refusal_is_what_the_document_says() -> None:
    schema = msgspec.json.schema_components([Failure])[1]["Failure"]

    assert sorted(schema["properties"]) == sorted(DOCUMENT["components"]["schemas"]["Error"]["properties"])


def test_all_references_of_the_document_lead_somewhere() -> None:
    schemas_of = DOCUMENT["components"]["schemas"]
    names = {part.partition('"')[0] for part in json.dumps(DOCUMENT).split("#/components/schemas/")[1:]}

    assert names <= {*schemas_of}


def test_with_fields_the_document_asks_for_no_key_of_a_trace_but_its_id() -> None:
    items = DOCUMENT["components"]["schemas"]["TracesPage"]["properties"]["data"]["items"]
    schema = DOCUMENT["components"]["schemas"][items["$ref"].rpartition("/")[2]]

    assert schema["required"] == ["id"]
    assert schema["properties"] == DOCUMENT["components"]["schemas"]["Trace"]["properties"]
