"""The function that makes the rows of an event, written as text and compiled for the columns that are asked for.

No text of a user is in it: keys of args are attributes that are numbered, and paths are values of a tuple.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import CodeType
from typing import Any, Final, NamedTuple

from msgspec import UNSET

from tracerd.rows.columns import EVENT_ID, Input, Path
from tracerd.rows.error_events import ERROR_KEYS, error_of
from tracerd.rows.levels import level_of
from tracerd.rows.names import ProcessNames
from tracerd.rows.table_values import WALL_US, at_path, event_id, labels_of, message_of, points_of, time_of

NAMED: Final = ("process", "thread", "service")
"""The columns that need names, which may stand anywhere in a log."""

_TIME: Final = "(round(e.ts) + {0} if {0} is not None and e.ts is not None and e.ts < WALL_US else time_of(e.ts, {0}))"
"""Without a call in the usual case."""

_COLUMNS: Final[Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]]] = {
    "trace": ("trace", (), ()),
    "line": ("line", (), ()),
    EVENT_ID: ("event_id(trace, line)", (), ()),
    "ph": ("e.ph", ("ph",), ()),
    "name": ("e.name", ("name",), ()),
    "cat": ("e.cat", ("cat",), ()),
    "pid": ("e.pid", ("pid",), ()),
    "tid": ("e.tid", ("tid",), ()),
    "ts_us": ("e.ts", ("ts",), ()),
    "dur_us": ("e.dur", ("dur",), ()),
    "time": (_TIME.format("offset"), ("ts",), ()),
    "process": ("processes.get(e.pid, '')", ("pid",), ()),
    "thread": ("threads.get((e.pid, e.tid), '')", ("pid", "tid"), ()),
    "service": ("(s if (s := {}).__class__ is str and s else processes.get(e.pid, ''))", ("pid",), ("service",)),
    "error": ("error_of({}, {}, {}, {}, {})", (), ERROR_KEYS),
    "level": ("level_of({})", (), ("level",)),
    "message": ("message_of({}, e.name)", ("name",), ("message",)),
    "labels": ("labels_of(e.id)", ("id",), ()),
    "args": ("a", (), ()),
}
"""Of each column how it is computed, of which fields of an event `e`, and of which keys of its args `a`."""

SPAN_COLUMNS: Final[Mapping[str, str]] = {
    "line": "e.line", EVENT_ID: "event_id(trace, e.line)", "time": _TIME.format("e.offset"),
    "self_us": "e.self_us", "depth": "e.depth", "parent": "e.parent",
}  # fmt: skip
POINT_COLUMNS: Final[Mapping[str, str]] = {"name": "point[0]", "value": "point[1]"}


def fields_of(inputs: Sequence[Input]) -> set[str]:
    """The fields of an event that some columns are made of."""
    return {field for what in inputs if isinstance(what, str) and what in _COLUMNS for field in _COLUMNS[what][1]}


def keys_of(inputs: Sequence[Input]) -> list[str]:
    """The keys of args that some columns and paths are made of."""
    found: list[str] = []
    for what in inputs:
        if isinstance(what, tuple):
            found += (what[0], ".".join(what))
        elif what in _COLUMNS:
            found += _COLUMNS[what][2]
    return found


class _Texts:
    """Expressions of Python for columns and paths.

    Args:
        attributes: The attribute of args that holds a key; None if args are a whole object.
        own: How some columns of the relation are computed.
    """

    def __init__(self, attributes: Mapping[str, str] | None, own: Mapping[str, str]) -> None:
        self._attributes = attributes
        self._own = own
        self.paths: list[Path] = []

    def text(self, what: Input) -> str:
        """The expression of a column or path."""
        if isinstance(what, tuple):
            return self._path(what)
        if what in self._own:
            return self._own[what]
        template, _fields, keys = _COLUMNS[what]
        return template.format(*(self._path((key,)) for key in keys))

    def _path(self, path: Path) -> str:
        self.paths.append(path)
        if self._attributes is None:
            return f"at_path(a, paths[{len(self.paths) - 1}])"
        if len(path) == 1:
            key = f"a.{self._attributes[path[0]]}"
            return f"(None if a is None or {key} is UNSET else {key})"
        whole, first = f"a.{self._attributes['.'.join(path)]}", f"a.{self._attributes[path[0]]}"
        self.paths[-1] = path[1:]
        inside = f"at_path({first}, paths[{len(self.paths) - 1}])"
        return f"(None if a is None else {inside} if {whole} is UNSET else {whole})"


class Loop(NamedTuple):
    """The part of a function that goes through the rows: parameters and lines, below which a body follows.

    Attributes:
        parameters: Names of its parameters.
        lines: What stands before the body; the body is indented by BODY.
        names: Other names that the lines use.
    """

    parameters: tuple[str, ...]
    lines: tuple[str, ...]
    names: Mapping[str, object]


BODY: Final = " " * 12
"""How the body of a loop is indented; its first line is by 8."""


def rows_loop(locals_: Sequence[str]) -> Loop:
    """The loop over tuples, as `Table.rows` gives them."""
    return Loop(("rows",), (f"        for {', '.join(locals_)}{',' if locals_ else '_'} in rows:",), {})


def events_loop(
    head: Sequence[str],
    inputs: Sequence[Input],
    locals_: Sequence[str],
    attributes: Mapping[str, str] | None,
    trace: str,
    names: ProcessNames,
    own: Mapping[str, str],
) -> Loop:
    """The loop over the events of a block.

    Args:
        head: Its lines, up to where an event `e`, and its args `a`, are known to be a row.
        inputs: The columns and paths.
        locals_: A local for each of them.
        attributes: The attribute of args that holds a key; None if args are a whole object.
        trace: What the trace is called.
        names: The names of processes.
        own: How some columns of the relation are computed.
    """
    texts = _Texts(attributes, own)
    lines = [f"{BODY}{local} = {texts.text(what)}" for what, local in zip(inputs, locals_, strict=True)]
    known: dict[str, object] = {
        **_HELPERS,
        "trace": trace,
        "processes": names.processes,
        "threads": names.threads,
        "paths": tuple(texts.paths),
        "UNSET": UNSET,
    }
    return Loop(("events", "line", "offset"), (*head, *lines), known)


def make_rows(loop: Loop, locals_: Sequence[str]) -> Callable[..., Any]:
    """The function that gives a tuple for each row: of `events`, the line before the first, and the clock there."""
    row = "".join(f"{local}, " for local in locals_)
    lines = [f"def make({', '.join(loop.parameters)}):", *loop.lines, f"{BODY}yield ({row})"]
    namespace: dict[str, Any] = {**loop.names}
    exec(_compiled("\n".join(lines)), namespace)  # noqa: S102  no text of a user is in it
    made: Callable[..., Any] = namespace["make"]
    return made


@lru_cache
def _compiled(text: str) -> CodeType:
    """The code of a text: it is the same for each of many traces."""
    return compile(text, "<rows>", "exec")


_HELPERS: Final[Mapping[str, object]] = {
    "WALL_US": WALL_US, "at_path": at_path, "error_of": error_of, "event_id": event_id, "labels_of": labels_of,
    "level_of": level_of, "message_of": message_of, "points_of": points_of, "time_of": time_of,
}  # fmt: skip
