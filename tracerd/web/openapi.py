"""The OpenAPI document: made of the routes, so it names what they take and nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tracerd import __version__
from tracerd.web import schemas, stream
from tracerd.web.answers import JSON, STATUS
from tracerd.web.forms import Parameter
from tracerd.web.routing import Route
from tracerd.web.writing import WritingRoute

PATH: Final = "/openapi.json"

ERROR: Final = {
    "type": "object",
    "required": ["message", "code"],
    "properties": {"message": {"type": "string"}, "code": {"type": "string", "enum": list(STATUS)}},
}
"""What a refusal is."""

_ERROR: Final = {"$ref": "#/components/schemas/Error"}

_CODES: Final = ("BAD_REQUEST", "UNAUTHORIZED", "FORBIDDEN", "NOT_FOUND", "TOO_MANY_REQUESTS", "SERVICE_UNAVAILABLE")
_WRITING_CODES: Final = (
    "BAD_REQUEST", "UNAUTHORIZED", "FORBIDDEN", "REQUEST_TIMEOUT", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE",
    "TOO_MANY_REQUESTS", "SERVICE_UNAVAILABLE", "INSUFFICIENT_STORAGE",
)  # fmt: skip


def document(
    routes: Iterable[Route], writing: Iterable[WritingRoute], others: Mapping[str, tuple[str, str]]
) -> dict[str, Any]:
    """The document.

    Args:
        routes: The reading routes.
        writing: The writing routes.
        others: More paths that are read by GET, each with what it gives and the media type of that.
    """
    paths: dict[str, dict[str, object]] = {}
    for route in routes:
        operation = _operation(route.path, route.summary, route.parameters, JSON)
        if route.body:
            operation["requestBody"] = _body(route.body)
        for part in route.path.split("/"):
            if part.startswith("{"):
                in_path = {"name": part.strip("{}"), "in": "path", "required": True, "schema": {"type": "string"}}
                operation["parameters"] = [in_path, *map(_parameter, route.parameters)]
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    for one in writing:
        paths[one.path] = {"post": {"summary": one.summary, "requestBody": _body(one.body), "responses": _stored(one)}}
    paths[stream.PATH] = {"get": _operation(stream.PATH, stream.SUMMARY, stream.PARAMETERS, stream.MEDIA_TYPE)}
    for path, (summary, media_type) in others.items():
        paths[path] = {"get": _operation(path, summary, (), media_type)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "tracerd", "version": __version__},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas.components(ERROR),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(path: str, summary: str, parameters: Sequence[Parameter], media_type: str) -> dict[str, object]:
    answer = {"description": summary, "content": _content([media_type], path) if media_type else {}}
    responses = {"200": answer, **_errors(_CODES)}
    return {"summary": summary, "parameters": list(map(_parameter, parameters)), "responses": responses}


def _stored(route: WritingRoute) -> dict[str, object]:
    answer = {"description": "What was stored, and what was not.", "content": _content(route.body, route.path)}
    return {str(route.status): answer, **_errors(_WRITING_CODES)}


def _errors(codes: Iterable[str]) -> dict[str, object]:
    return {str(STATUS[code]): {"description": code, "content": {JSON: {"schema": _ERROR}}} for code in codes}


def _body(kinds: Iterable[str]) -> dict[str, object]:
    return {"required": True, "content": _content(kinds)}


def _content(kinds: Iterable[str], answered_by: str = "") -> dict[str, object]:
    return {kind: {"schema": schemas.reference(answered_by) if kind == JSON else {"type": "string"}} for kind in kinds}


def _parameter(parameter: Parameter) -> dict[str, object]:
    schema: dict[str, object] = {"type": "string"}
    if parameter.minimum is not None:
        schema = {"type": "integer", "minimum": parameter.minimum, "maximum": parameter.maximum}
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    if parameter.default:
        schema["default"] = parameter.default if parameter.minimum is None else int(parameter.default)
    if parameter.is_repeatable:
        schema = {"type": "array", "items": schema}
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.is_required,
        "description": parameter.meaning,
        "schema": schema,
    }
