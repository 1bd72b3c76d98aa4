"""A condition on the rows of a trace: a span is one row, that of its begin, and all else that is an event."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from tracerd.exporters.selection import EVENT, SPAN, Selection
from tracerd.query.where import Where
from tracerd.rows.columns import COLUMNS
from tracerd.rows.event import Event, decode_line, level_of
from tracerd.rows.table_values import at_path

_ANYTHING = msgspec.json.Decoder()
_UNREAD: Final = object()


class _Row:
    """A line, and what the replay has found of it."""

    def __init__(self, selection: Selection, line_no: int, event: Event) -> None:
        self.selection = selection
        self.line_no = line_no
        self.event = event
        self._args: object = _UNREAD

    @property
    def args(self) -> object:
        if self._args is _UNREAD:
            try:
                self._args = _ANYTHING.decode(self.event.args)
            except (msgspec.DecodeError, RecursionError):  # none; or a number that no double holds, or too deep
                self._args = None
        return self._args


def _dur_us(row: _Row) -> float | None:
    end = row.selection.end_of(row.line_no)
    return (
        None
        if end is None or row.selection.kinds[row.line_no] != SPAN
        else (end - row.selection.ts[row.line_no]) / 1000
    )


def _message(row: _Row) -> object:
    message = at_path(row.args, ("message",))
    return message if isinstance(message, str) else row.event.name


def _process(row: _Row) -> str:
    return row.selection.names.of_process(row.event.pid)


def _service(row: _Row) -> str:
    service = at_path(row.args, ("service",))
    return service if isinstance(service, str) else _process(row)


_COLUMNS: Final[Mapping[str, Callable[[_Row], object]]] = {
    "line": lambda row: row.line_no,
    "ph": lambda row: row.event.ph,
    "name": lambda row: row.event.name,
    "cat": lambda row: row.event.cat,
    "pid": lambda row: row.event.pid,
    "tid": lambda row: row.event.tid,
    "ts_us": lambda row: row.event.ts,
    "dur_us": _dur_us,
    "error": lambda row: row.line_no in row.selection.errors,
    "process": _process,
    "thread": lambda row: row.selection.names.of_thread(row.event.pid, row.event.tid),
    "service": _service,
    "level": lambda row: level_of(row.event),
    "message": _message,
    "args": lambda row: row.args,
}

TYPES: Final[Mapping[str, str]] = {column: COLUMNS[column].type for column in _COLUMNS}
"""The columns that rows have here."""


class RowTest:
    """Leaves out what does not pass a condition; metadata and the daemon's marks are no rows.

    Args:
        where: The condition, on TYPES.
        selection: The lines, which it has tested already for all else.
    """

    def __init__(self, where: Where, selection: Selection) -> None:
        self._where = where
        self._columns = [_COLUMNS[column] for column in where.columns]
        self._selection = selection

    def take(self, line_no: int, lines: list[bytes]) -> None:
        """Test lines, the first of which has this number; an empty one is no event."""
        selection = self._selection
        for at, line in enumerate(lines, line_no):
            if selection.keeps[at] and selection.kinds[at] in (EVENT, SPAN):
                event = decode_line(line)
                selection.keeps[at] = event is not None and self._passes(_Row(selection, at, event))

    def _passes(self, row: _Row) -> bool:
        values = [column(row) for column in self._columns]
        if self._where.paths:
            values += [at_path(row.args, path) for path in self._where.paths]
        return self._where.passes(*values)
