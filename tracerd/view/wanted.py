"""Which events `tracerd tail` prints: a condition on single events, as they come."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from tracerd.rows.columns import COLUMNS
from tracerd.rows.error_events import is_error
from tracerd.rows.event import Event, level_of
from tracerd.rows.table_values import at_path

if TYPE_CHECKING:  # `tail` without conditions starts at once
    from tracerd.query.where import Where

_ANYTHING = msgspec.json.Decoder()


def args_of(event: Event) -> object:
    """The args of an event; None if it has none, or if they hold a number that no double holds, or lie too deep."""
    try:
        return _ANYTHING.decode(event.args)
    except (msgspec.DecodeError, RecursionError):
        return None


def _message(event: Event) -> object:
    message = at_path(args_of(event), ("message",))
    return message if isinstance(message, str) else event.name


_COLUMNS: Final[Mapping[str, Callable[[Event], object]]] = {
    "ph": lambda event: event.ph,
    "name": lambda event: event.name,
    "cat": lambda event: event.cat,
    "pid": lambda event: event.pid,
    "tid": lambda event: event.tid,
    "ts_us": lambda event: event.ts,
    "dur_us": lambda event: event.dur,
    "error": lambda event: is_error(event.args),
    "level": level_of,
    "message": _message,
    "args": args_of,
}

TYPES: Final[Mapping[str, str]] = {column: COLUMNS[column].type for column in _COLUMNS}
"""The columns that an event has by itself: what its process is called stands in another one."""


class Wanted:
    """The events that a person asked for.

    Args:
        where: The condition, on TYPES; None lets all pass.

    Attributes:
        is_all: Whether every event passes.
    """

    def __init__(self, where: "Where | None" = None) -> None:
        self._where = where
        self._columns = [_COLUMNS[column] for column in where.columns] if where else []
        self.is_all = where is None

    def passes(self, event: Event) -> bool:
        """Whether this event was asked for."""
        where = self._where
        if where is None:
            return True
        values = [column(event) for column in self._columns]
        if where.paths:
            args = args_of(event)
            values += [at_path(args, path) for path in where.paths]
        return where.passes(*values)
