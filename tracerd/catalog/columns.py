"""The columns of traces: what `list` shows, sorts by and takes in expressions."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from tracerd.catalog.store import Described
from tracerd.rows.attributes import TAGS, TEXTS
from tracerd.rows.columns import Type
from tracerd.rows.levels import LEVELS
from tracerd.text import encodable


class Column(NamedTuple):
    """A column: its type, and what it is of a trace."""

    type: Type
    value: Callable[[Described], object]


def _attribute(key: str, *types: type) -> Callable[[Described], object]:
    def value(found: Described) -> object:
        given = found.summary.attributes.get(key)
        return given if isinstance(given, types) and not isinstance(given, bool) else None

    return value


def _of_level(level: str) -> Callable[[Described], int]:
    return lambda found: found.summary.logs.get(level, 0)


_COMMAND: Final[Mapping[str, Column]] = {
    "command": Column(Type.TEXT, _attribute("command", str)),
    "begun_by": Column(Type.TEXT, _attribute("begun_by", str)),
    "exit_code": Column(Type.INT, _attribute("exit_code", int)),
    "signal": Column(Type.TEXT, _attribute("signal", str)),
}
"""What `tracerd exec` writes of its command."""

_dur_us = _attribute("dur_us", int, float)
_processes = _attribute("processes", int)


def _first(stated: object, counted: object) -> object:
    return counted if stated is None else stated


_COUNTED: Final[Mapping[str, tuple[Type, Callable[[Described], object]]]] = {
    "trace": (Type.TEXT, lambda found: encodable(found.log.trace_id)),
    "size": (Type.INT, lambda found: found.log.log_size + found.log.packed_size),
    "time": (Type.INT, lambda found: found.summary.time),
    "end_time": (Type.INT, lambda found: found.summary.end_time),
    "dur_us": (Type.FLOAT, lambda found: _first(_dur_us(found), found.summary.dur_us)),
    "events": (Type.INT, lambda found: found.summary.events),
    "spans": (Type.INT, lambda found: found.summary.spans),
    "errors": (Type.INT, lambda found: found.summary.errors),
    "processes": (Type.INT, lambda found: _first(_processes(found), found.summary.processes)),
}

COLUMNS: Final[Mapping[str, Column]] = {
    **{name: Column(*column) for name, column in _COUNTED.items()},
    **{f"logs.{level}": Column(Type.INT, _of_level(level)) for level in LEVELS},
    **{key: Column(Type.TEXT, _attribute(key, str)) for key in TEXTS},
    TAGS: Column(Type.JSON, _attribute(TAGS, list)),
    **_COMMAND,
}
"""By name. A trace of exec says itself how long it took, and how many processes it had."""

TYPES: Final = {name: column.type for name, column in COLUMNS.items()}

_NAMED: Final = {*TEXTS, TAGS, *_COMMAND, "dur_us", "processes"}


def other_attributes(found: Described) -> dict[str, object]:
    """The attributes without a column: `args.KEY` in an expression."""
    return {key: value for key, value in found.summary.attributes.items() if key not in _NAMED}


def as_json(found: Described) -> dict[str, object]:
    """All that is known of a trace but what its rejects file says, by column; levels are one object."""
    values = {name: column.value(found) for name, column in COLUMNS.items() if not name.startswith("logs.")}
    return {**values, "logs": found.summary.logs, "args": other_attributes(found)}
