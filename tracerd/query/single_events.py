"""Conditions on events that are read one by one, in the order of a log or in any other."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

from tracerd.rows.clock_lines import clock_lines
from tracerd.rows.columns import COLUMNS, NESTING
from tracerd.rows.error_events import is_error
from tracerd.rows.event import Event, log_level
from tracerd.rows.names import ProcessNames
from tracerd.rows.table_values import at_path, message_of, service_of, time_of, value_of

if TYPE_CHECKING:  # `tail` without a condition needs no grammar
    from tracerd.query.where import Where

_UNREAD: Final = object()

FROM_OTHER_LINES: Final = ("line", "time", "process", "thread", "service")
"""The columns for which the lines before must be known."""


class Surroundings:
    """What of an event stands in other lines of its trace: names, clocks, and how many lines there are.

    Attributes:
        lines: How many were taken.
    """

    def __init__(self, trace: str) -> None:
        self.trace = trace
        self.names = ProcessNames()
        self.lines = 0
        self._clock_lines: list[int] = []
        self._offsets_us: list[int] = []

    def take(self, block: bytes) -> None:
        """Take the next whole lines."""
        self.names.take([block])
        for at, _, readings in clock_lines(block):
            self._clock_lines.append(self.lines + 1 + block.count(b"\n", 0, at))
            self._offsets_us.append(readings.realtime_us - readings.monotonic_us)
        self.lines += block.count(b"\n")

    def time_of(self, line_no: int, ts: int | float | None) -> int | None:
        """The time of an event in microseconds since 1970; None if it is not known."""
        at = bisect_right(self._clock_lines, line_no)
        return time_of(ts, self._offsets_us[at - 1] if at else None)


class EventRow:
    """An event, of which a column is computed when it is asked for.

    Args:
        event: The event.
        line_no: Its line; 0 if no column is asked for that needs it.
        around: What stands elsewhere.
        end_args: The args of the end, if it is a begin that has one.
    """

    def __init__(self, event: Event, line_no: int, around: Surroundings, end_args: bytes = b"") -> None:
        self.event = event
        self.line_no = line_no
        self.around = around
        self._end_args = end_args
        self._args: object = _UNREAD

    @property
    def args(self) -> object:
        """The args; None if there are none, or if they hold a number that no double holds, or lie too deep.

        Those of a begin and its end are one object, in which those of the end count.
        """
        if self._args is _UNREAD:
            self._args = value_of(self.event.args)
            later = value_of(self._end_args) if self._end_args else None
            if isinstance(later, dict):
                own: object = self._args
                first = cast("dict[str, object]", own) if isinstance(own, dict) else {}
                self._args = first | cast("dict[str, object]", later)
        return self._args

    @property
    def process(self) -> str:
        """The name of its process; empty without one."""
        return self.around.names.processes.get(self.event.pid, "")

    @property
    def thread(self) -> str:
        """The name of its thread; empty without one."""
        return self.around.names.threads.get((self.event.pid, self.event.tid), "")


Column = Callable[[EventRow], object]

_COLUMNS: Final[Mapping[str, Column]] = {
    "trace": lambda row: row.around.trace,
    "line": lambda row: row.line_no,
    "ph": lambda row: row.event.ph,
    "name": lambda row: row.event.name,
    "cat": lambda row: row.event.cat,
    "pid": lambda row: row.event.pid,
    "tid": lambda row: row.event.tid,
    "ts_us": lambda row: row.event.ts,
    "time": lambda row: row.around.time_of(row.line_no, row.event.ts),
    "dur_us": lambda row: row.event.dur,
    "error": lambda row: is_error(row.event.args),
    "process": lambda row: row.process,
    "thread": lambda row: row.thread,
    "service": lambda row: service_of(at_path(row.args, ("service",)), row.process),
    "level": lambda row: log_level(row.event),
    "message": lambda row: message_of(at_path(row.args, ("message",)), row.event.name),
    "args": lambda row: row.args,
}

TYPES: Final[Mapping[str, str]] = {column: COLUMNS[column].type for column in _COLUMNS}
"""The columns that an event has."""

PLAYED_TYPES: Final[Mapping[str, str]] = {**TYPES, **{column: COLUMNS[column].type for column in NESTING}}
"""The columns that an event has in a trace that was played."""

ARGS_COLUMNS: Final = ("args", "service", "message")
"""The columns that are made of any args, as values in args are."""


class EventTest:
    """Tests events, one by one.

    Args:
        condition: On TYPES, or on PLAYED_TYPES.
        own: Columns that are computed in another way here.

    Attributes:
        needs_others: Whether it reads what stands in other lines.
    """

    def __init__(self, condition: "Where", own: Mapping[str, Column] | None = None) -> None:
        self._passes = condition.passes
        self._columns: Sequence[Column] = [{**_COLUMNS, **(own or {})}[column] for column in condition.columns]
        self._paths = condition.paths
        self.needs_others = any(column in FROM_OTHER_LINES for column in condition.columns)

    def passes(self, event: Event, line_no: int, around: Surroundings, end_args: bytes = b"") -> bool:
        """Whether an event passes."""
        row = EventRow(event, line_no, around, end_args)
        return self._passes(
            *[column(row) for column in self._columns], *[at_path(row.args, path) for path in self._paths]
        )
