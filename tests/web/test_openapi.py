"""The OpenAPI document says what the server does."""

from typing import Any

import pytest

from tests.web.servers import Server
from tracerd.web import api, builds, openapi, stream, writing_routes
from tracerd.web.application import OTHER_PATHS

PATHS: dict[str, Any] = openapi.document(api.ROUTES, writing_routes.ROUTES, OTHER_PATHS)["paths"]

OPERATIONS = [(path, method) for path, operations in PATHS.items() for method in operations]

BODY = b'{"metric":"count()"}'


def test_the_document_is_what_the_server_answers(server: Server) -> None:
    document = server.get("/openapi.json")

    assert document["paths"] == PATHS
    assert document["openapi"] == "3.1.0"


def test_each_route_is_in_it() -> None:
    routes = {(route.path, route.method.lower()) for route in api.ROUTES}
    writing = {(route.path, "post") for route in writing_routes.ROUTES}

    assert {*OPERATIONS} == routes | writing | {(path, "get") for path in (stream.PATH, *OTHER_PATHS)}


def example(schema: dict[str, Any], name: str) -> str:
    """A value that a schema allows."""
    if schema["type"] == "array":
        return example(schema["items"], name)
    if "enum" in schema:
        return str(schema["enum"][0])
    if schema["type"] == "integer":
        return str(schema["minimum"])
    values = {"where": 'name == "x"', "fields": "id", "labels": "{}", "by": "name"}
    is_time = name in ("from", "to", "fromTimestamp", "toTimestamp")
    return "2026-11-26T21:24:00Z" if is_time else values.get(name, "b")


READING = [one for one in OPERATIONS if one[0] not in (stream.PATH, *(route.path for route in writing_routes.ROUTES))]


@pytest.mark.parametrize(("path", "method"), READING)
def test_a_route_takes_what_it_names_and_nothing_else(server: Server, path: str, method: str) -> None:
    operation = PATHS[path][method]
    parameters = [one for one in operation["parameters"] if one["in"] == "query" and one["name"] != "cursor"]
    given = {one["name"]: example(one["schema"], one["name"]) for one in parameters}
    headers = {"Content-Type": "application/json"}
    body = BODY if "requestBody" in operation else None
    target = path.replace("{id}", "a")
    reply = server.ask(target, given, method=method.upper(), headers=headers, body=body)

    assert reply.status == (404 if path == builds.ROUTE.path else 200), reply.body  # no trace here is a build
    assert [*operation["responses"]["200"]["content"]] in ([], [reply.headers["Content-Type"]])
    if path not in OTHER_PATHS:
        unknown = server.ask(target, {**given, "nope": "1"}, method=method.upper(), headers=headers, body=body)
        assert unknown.status == 400
        assert sorted(unknown.json()) == sorted(openapi.ERROR["properties"])
