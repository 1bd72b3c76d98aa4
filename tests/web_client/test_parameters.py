"""The arguments of the client are the parameters of the server."""

import typing
from datetime import UTC, datetime
from typing import Any

import pytest

from tracerd.errors import ApiError
from tracerd.web import api, openapi, writing_routes
from tracerd.web.application import OTHER_PATHS
from tracerd.web_client import client, parameters
from tracerd.web_client.parameters import DAY_NAMES, OTHER_NAMES, TRACE_NAMES, Names, name_of, pairs_of

PATHS: dict[str, Any] = openapi.document(api.ROUTES, writing_routes.ROUTES, OTHER_PATHS)["paths"]

OF_METHODS: list[tuple[str, type, Names, set[str]]] = [
    (client.TRACES, parameters.TraceList, TRACE_NAMES, {"page", "limit", "fields"}),
    (client.DAILY, parameters.TraceFilters, DAY_NAMES, {"page", "limit"}),
    (client.METRIC_NAMES, parameters.OfTraces, OTHER_NAMES, set()),
    (client.METRIC, parameters.MetricQuery, OTHER_NAMES, {"name"}),
    (client.LOGS, parameters.LogSearch, OTHER_NAMES, {"limit", "cursor"}),
    (client.ALERTS, parameters.AlertList, OTHER_NAMES, set()),
    (client.SERVICES, parameters.OfTraces, OTHER_NAMES, set()),
    (client.QUERY, parameters.OfTraces, OTHER_NAMES, set()),
    (client.STREAM, parameters.StreamFilters, OTHER_NAMES, {"changes"}),
]


@pytest.mark.parametrize(("path", "kind", "names", "others"), OF_METHODS, ids=[row[0] for row in OF_METHODS])
def test_each_argument_is_a_parameter_and_each_parameter_an_argument(
    path: str, kind: type, names: Names, others: set[str]
) -> None:
    """The others are arguments of the methods themselves, or would change what an answer is: `fields`, `changes`."""
    [operation] = PATHS[path].values()
    of_route = {parameter["name"]: parameter["schema"] for parameter in operation["parameters"]}
    arguments = typing.get_type_hints(kind)

    assert {name_of(argument, names) for argument in arguments} == {*of_route} - others
    for argument, given in arguments.items():
        schema = of_route[name_of(argument, names)]
        assert (given == parameters.Texts) == (schema["type"] == "array"), argument
        assert (given is bool) == (schema.get("enum") == ["true", "false"]), argument


def test_arguments_as_they_are_sent() -> None:
    asked = {
        "q": "a b",
        "ignore_case": True,
        "service": ("x", "y"),
        "trace": "t",
        "since": datetime(2026, 11, 26, tzinfo=UTC),
        "labels": {"host": "a"},
        "where": None,
        "limit": 5,
    }

    assert pairs_of(asked) == [
        ("q", "a b"),
        ("ignoreCase", "true"),
        ("service", "x"),
        ("service", "y"),
        ("trace", "t"),
        ("from", "2026-11-26T00:00:00+00:00"),
        ("labels", '{"host": "a"}'),
        ("limit", "5"),
    ]


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ApiError, match="since: a datetime needs a time zone"):
        pairs_of({"since": datetime(2026, 11, 26)})  # noqa: DTZ001
