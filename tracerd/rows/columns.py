"""The vocabulary of a trace: which columns its rows have, each with one name, one type and one unit everywhere.

There are four relations. A row of any belongs to one trace and to one line of it. Times in a column that ends in `_us`
are microseconds as the log has them; `time` is wall time.
"""

from enum import StrEnum
from typing import Final, NamedTuple


class Relation(StrEnum):
    """What is a row."""

    EVENTS = "events"
    """Every line that is an event; metadata (`M`) and the daemon's own lines are none."""
    SPANS = "spans"
    """`X`, and pairs of `B` and `E`, `b` and `e`."""
    LOGS = "logs"
    """`i` of the category `log`."""
    POINTS = "points"
    """The values of counters (`C`): one row for each key of the args."""


class Type(StrEnum):
    """What a column holds; null is possible in each."""

    TEXT = "text"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    JSON = "json"
    ID = "int or text"


class Column(NamedTuple):
    """A column.

    Attributes:
        name: What it is called in expressions, in JSON, in SQL.
        type: What its values are.
        relations: Which rows have it.
        meaning: For people, in a sentence.
    """

    name: str
    type: Type
    relations: frozenset[Relation]
    meaning: str


ARGS: Final = "args"
"""The column whose parts have names of their own: `args.a.b` is the key `a.b`, else `b` inside of `a`."""

NESTING: Final = ("self_us", "depth", "parent")
"""The columns for which all spans of a thread must be known."""

Path = tuple[str, ...]
"""The keys of a value in args: one key, or several that are first one key with dots, and else lie in one another."""

Input = str | Path
"""What is read of a row: a column, or a value in args."""

EVENT_ID: Final = "event.id"
"""An input beside the columns: what an event is called."""

_ALL = frozenset(Relation)
_EVENTS_AND_SPANS = frozenset({Relation.EVENTS, Relation.SPANS})
_SPANS = frozenset({Relation.SPANS})
_LOGS = frozenset({Relation.LOGS})
_POINTS = frozenset({Relation.POINTS})

COLUMNS: Final = {
    column.name: column
    for column in (
        Column("trace", Type.TEXT, _ALL, "The trace id."),
        Column("line", Type.INT, _ALL, "The line of the log, from 1; of a pair, that of its begin."),
        Column("ph", Type.TEXT, _EVENTS_AND_SPANS, "The phase; of a span `X`, `B` or `b`."),
        Column("name", Type.TEXT, _ALL, "The event's name; of a point with `.key`, unless the key is `value`."),
        Column("cat", Type.TEXT, _ALL, "The event's category."),
        Column("pid", Type.ID, _ALL, "The process, as the event has it."),
        Column("tid", Type.ID, _ALL, "The thread, as the event has it."),
        Column("ts_us", Type.FLOAT, _ALL, "The time, as the event has it."),
        Column("time", Type.INT, _ALL, "Microseconds since 1970; null without a clock line before, unless ts has it."),
        Column("dur_us", Type.FLOAT, _EVENTS_AND_SPANS, "How long it is; null if it was never ended."),
        Column("self_us", Type.FLOAT, _SPANS, "The part of `dur_us` in which no finished child ran."),
        Column("depth", Type.INT, _SPANS, "How many spans it lies in."),
        Column("parent", Type.INT, _SPANS, "The `line` of the span around it; null for the outermost."),
        Column("error", Type.BOOL, _ALL - _POINTS, "Whether it is an error, as docs/view.md defines it."),
        Column("process", Type.TEXT, _ALL, "The name of the process, the latest; empty without one."),
        Column("thread", Type.TEXT, _ALL, "The name of the thread, the latest; empty without one."),
        Column("level", Type.TEXT, _LOGS, "How serious it is: `args.level`; `info` if that is unknown."),
        Column("message", Type.TEXT, _LOGS, "`args.message`, else the name."),
        Column("service", Type.TEXT, _ALL, "`args.service`, else the name of the process."),
        Column("value", Type.FLOAT, _POINTS, "The counter's value."),
        Column("labels", Type.TEXT, _POINTS, 'The event\'s id: `"k=v,k2=v2"`, sorted; empty without one.'),
        Column(ARGS, Type.JSON, _ALL, "The event's args."),
    )
}
"""By name, in the order in which documents show them."""


def columns_of(relation: Relation) -> dict[str, Column]:
    """The columns of a relation, by name."""
    return {name: column for name, column in COLUMNS.items() if relation in column.relations}
