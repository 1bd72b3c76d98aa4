"""A log as a table: the rows of a relation, as tuples of the columns that are asked for."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import UNSET

from tracerd.rows.names import ProcessNames
from tracerd.rows.table_events import TableEvents
from tracerd.rows.table_maker import (
    BODY,
    EVENT_ID,
    NAMED,
    POINT_COLUMNS,
    SPAN_COLUMNS,
    Input,
    Loop,
    events_loop,
    fields_of,
    keys_of,
    make_rows,
)
from tracerd.rows.table_spans import NESTING, SPAN_FIELDS, Pairs

_UNWANTED: Final = {
    "events": "e.ph in {'', 'M'}",
    "logs": "e.ph != 'i' or e.cat != 'log'",
    "points": "e.ph != 'C'",
}
_NEEDED: Final = {
    "events": {"ph"},
    "logs": {"ph", "cat"},
    "points": {"ph", "name", "args"},
    "spans": {"ph", "name", "cat", "pid", "tid", "ts", "dur", "id", "id2"},
}

_UNFIT: Final = re.compile(r'[\x00-\x1f"\\]')
"""What msgspec allows in no key of a struct."""


class Table:
    """The rows of one log.

    Args:
        relation: `events`, `spans`, `logs` or `points`.
        inputs: The columns and paths, in the order of the tuples.
        trace: What the trace is called.
        names: The names of processes, complete before the first row is read; only the columns NAMED need them.
        in_order: Whether spans come in the order of their lines, else of their ends.

    Attributes:
        events: Where its reader stands, and what it has found wrong.
    """

    def __init__(
        self, relation: str, inputs: Sequence[Input], trace: str, names: ProcessNames, *, in_order: bool
    ) -> None:
        self._relation = relation
        self._inputs = inputs
        self._trace = trace
        self._names = names
        keys = keys_of(inputs)
        is_span = relation == "spans"
        is_whole = relation == "points" or "args" in inputs or any(map(_UNFIT.search, keys))
        fields = fields_of(inputs) | _NEEDED[relation]
        if is_span:
            keys = dict.fromkeys(keys, UNSET)
        if keys or is_whole:
            fields.add("args")
        self._has_args = "args" in fields
        self.events = TableEvents(fields, None if is_whole else keys, SPAN_FIELDS if is_span else ())
        self._attributes = None if is_whole else {key: self.events.attribute(key) for key in keys}
        self._pairs: Pairs | None = None
        if is_span:
            nests = any(what in NESTING for what in inputs)
            self._pairs = Pairs(nests=nests, in_order=in_order, keys=tuple((self._attributes or {}).values()))

    def rows(self, blocks: Iterable[bytes]) -> Iterator[tuple[Any, ...]]:
        """A tuple for each row."""
        locals_ = [f"i{at}" for at in range(len(self._inputs))]
        make = make_rows(self.loop(locals_), locals_)
        for events, line, offset in self.events_of(blocks):
            yield from make(events, line, offset)

    def loop(self, locals_: Sequence[str]) -> Loop:
        """The loop over what `events_of` gives, in which the inputs are these locals."""
        head = ["        for e in events:"]
        if self._pairs is None:
            if any(what in ("line", EVENT_ID) for what in self._inputs):
                head.append(f"{BODY}line += 1")
            head.append(f"{BODY}if e is None or {_UNWANTED[self._relation]}: continue")
        if self._has_args:
            head.append(f"{BODY}a = e.args")
        own: Mapping[str, str] = {}
        if self._relation == "points":
            # The body is inside the loop over the values of one event, which is indented less.
            head = [line.replace(BODY, BODY[1:]) for line in [*head, f"{BODY}for point in points_of(e.name, a):"]]
            own = POINT_COLUMNS
        elif self._pairs is not None:
            own = SPAN_COLUMNS
        return events_loop(head, self._inputs, locals_, self._attributes, self._trace, self._names, own)

    def events_of(self, blocks: Iterable[bytes]) -> Iterator[tuple[list[Any], int, int | None]]:
        """The events, or spans, of each block, with the line before it and the clock there."""
        reader, pairs = self.events, self._pairs
        for events in reader.read(blocks):
            some = events if pairs is None else pairs.take(events, reader.line, reader.offset_us)
            yield some, reader.line, reader.offset_us
        if pairs is not None:
            yield pairs.finish(), reader.line, reader.offset_us


__all__ = ["NAMED", "Table"]
