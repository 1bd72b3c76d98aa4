"""The schemas of the OpenAPI document: what each route answers, made of the types that the Python client has."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tracerd.web_client import answers, builds

ANSWERS: Final[Mapping[str, type]] = {
    "/health": answers.Status,
    "/readyz": answers.Status,
    "/api/public/traces": answers.TracesPage,
    "/api/public/traces/{id}": answers.TraceDetail,
    "/api/public/traces/{id}/build": builds.Build,
    "/api/public/metrics/daily": answers.DaysPage,
    "/api/public/metrics/names": answers.MetricNames,
    "/api/public/metrics/query": answers.Metric,
    "/api/compare": answers.Comparison,
    "/api/logs": answers.LogsPart,
    "/api/alerts": answers.Alerts,
    "/api/services": answers.Services,
    "/api/query": answers.QueryResult,
    "/api/login": answers.Login,
    "/logs": answers.Stored,
    "/v1/l/batch": answers.Stored,
    "/v1/metrics/batch": answers.Stored,
    "/v1/traces": answers.OtlpStored,
    "/v1/logs": answers.OtlpStored,
    "/v1/metrics": answers.OtlpStored,
    "/api/public/otel/v1/traces": answers.OtlpStored,
}
"""What JSON a route answers, by its path."""

_SOME_KEYS: Final = "SomeOfTrace"


def reference(path: str) -> dict[str, object]:
    """The schema of what a route answers."""
    return {"$ref": f"#/components/schemas/{ANSWERS[path].__name__}"} if path in ANSWERS else {"type": "object"}


def components(failure: Mapping[str, object]) -> dict[str, Any]:
    """All schemas, by name.

    Args:
        failure: That of a refusal.
    """
    template = "#/components/schemas/{name}"
    _, found = msgspec.json.schema_components(dict.fromkeys(ANSWERS.values()), ref_template=template, schema_hook=_any)
    # With `fields` a trace of the list has only the keys that are asked for.
    found[_SOME_KEYS] = {**found["Trace"], "title": _SOME_KEYS, "required": ["id"]}
    found["TracesPage"]["properties"]["data"]["items"] = {"$ref": template.format(name=_SOME_KEYS)}
    return {"Error": failure, **found}


def _any(_kind: type) -> dict[str, object]:
    return {"description": "Any JSON."}
