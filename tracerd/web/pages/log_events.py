"""Log events as pages show them, wherever they are listed."""

import contextlib
from collections.abc import Mapping
from typing import Any, Final, cast

import orjson

from tracerd.errors import TracerdError
from tracerd.rows.levels import known_level
from tracerd.rows.names import Id, ProcessNames
from tracerd.rows.table_values import service_of
from tracerd.web.answers import Refusal, encoded
from tracerd.web.pages.traces import named_traces
from tracerd.web.routing import Asked
from tracerd.web.traces import iso

LOOKS: Final = {"critical": "bad", "error": "bad", "warning": "warn"}
"""How a level looks; others look like nothing in particular."""


def shown_logs(asked: Asked, answer: Mapping[str, object]) -> list[dict[str, Any]]:
    """The events of an answer of `/api/logs`: each with time, level and how that looks, message, trace and fields.

    Fields of several lines, such as a traceback, are `texts`.
    """
    found: list[Mapping[str, Any]] = orjson.loads(encoded(answer))["data"]
    unnamed = {one["trace_id"] for one in found if not _service(one["event"], {})}
    names = {trace: _process_names(asked, trace) for trace in unnamed}
    return named_traces(asked, [_shown(one, names.get(one["trace_id"], {})) for one in found])


def _process_names(asked: Asked, trace: str) -> Mapping[Id, str]:
    names = ProcessNames()
    with contextlib.suppress(Refusal, TracerdError):  # it was removed meanwhile
        names.take(asked.work.ticked(asked.store.source(trace).blocks()))
    return names.processes


def _shown(found: Mapping[str, Any], processes: Mapping[Id, str]) -> dict[str, Any]:
    event, time_s = found["event"], found.get("time_s")
    args = _args(event)
    level = known_level(args.get("level")) or "info"
    message = args.get("message")
    fields = {key: value for key, value in args.items() if key not in ("level", "message", "service")}
    texts = {key: value for key, value in fields.items() if isinstance(value, str) and "\n" in value.strip()}
    return {
        "trace_id": found["trace_id"],
        "time": iso(time_s * 1e6) if isinstance(time_s, int | float) else None,
        "level": level,
        "look": LOOKS.get(level, ""),
        "message": message if isinstance(message, str) else event.get("name", ""),
        "service": _service(event, processes),
        "fields": {key: value for key, value in fields.items() if key not in texts},
        "texts": texts,
    }


def _service(event: Mapping[str, Any], processes: Mapping[Id, str]) -> str:
    """`args.service`, else the name of the process; empty if neither is known."""
    pid = event.get("pid")
    process = processes.get(pid, "") if isinstance(pid, int | float | str) else ""
    return service_of(_args(event).get("service"), process)


def _args(event: Mapping[str, Any]) -> Mapping[str, Any]:
    args = event.get("args")
    return cast("dict[str, Any]", args) if isinstance(args, dict) else {}
