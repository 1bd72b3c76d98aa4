"""The columns of the relations: a name, a type and a unit that are the same in every command."""

from collections.abc import Mapping
from typing import Final

_ROW: Final[Mapping[str, str]] = {
    "trace": "text",
    "line": "int",
    "name": "text",
    "cat": "text",
    "pid": "int or text",
    "tid": "int or text",
    "ts_us": "float",
    "time": "int",
    "process": "text",
    "thread": "text",
    "service": "text",
    "args": "json",
}

EVENTS: Final[Mapping[str, str]] = {**_ROW, "ph": "text", "dur_us": "float", "error": "bool"}

SPANS: Final[Mapping[str, str]] = {**EVENTS, "self_us": "float", "depth": "int", "parent": "int"}

LOGS: Final[Mapping[str, str]] = {**_ROW, "error": "bool", "level": "text", "message": "text"}

POINTS: Final[Mapping[str, str]] = {**_ROW, "value": "float", "labels": "text"}

RELATIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "events": EVENTS,
    "spans": SPANS,
    "logs": LOGS,
    "points": POINTS,
}
