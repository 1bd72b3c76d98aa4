"""A log as a table: the rows of a relation, as tuples of the columns that are asked for."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import UNSET

from tracerd.rows.columns import EVENT_ID, NESTING, Input
from tracerd.rows.names import ProcessNames
from tracerd.rows.table_events import TableEvents
from tracerd.rows.table_maker import (
    BODY,
    POINT_COLUMNS,
    SPAN_COLUMNS,
    Loop,
    events_loop,
    fields_of,
    keys_of,
    make_rows,
)
from tracerd.rows.table_spans import SPAN_FIELDS, Pairs

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
        events: Reads at least what `events_for` this relation and these inputs does; without it the table has its own.

    Attributes:
        events: Where its reader stands, and what it has found wrong.
    """

    def __init__(
        self,
        relation: str,
        inputs: Sequence[Input],
        trace: str,
        names: ProcessNames,
        *,
        in_order: bool,
        events: TableEvents | None = None,
    ) -> None:
        self._relation = relation
        self._inputs = inputs
        self._trace = trace
        self._names = names
        self.events = events or events_for([(relation, inputs)])
        self._has_args = _needs_args(relation, inputs)
        self._attributes = self.events.attributes
        self._pairs: Pairs | None = None
        if relation == "spans":
            nests = any(what in NESTING for what in inputs)
            keys = tuple((self._attributes or {}).values())
            self._pairs = Pairs(nests=nests, in_order=in_order, keys=keys)

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
        """The events, or spans, of each block, with the line before it and the clock there; at last, open spans."""
        reader, pairs = self.events, self._pairs
        yield from self.more_events_of(blocks)
        if pairs is not None:
            yield pairs.finish(), reader.line, reader.offset_us

    def more_events_of(self, blocks: Iterable[bytes]) -> Iterator[tuple[list[Any], int, int | None]]:
        """As `events_of`, of a log that goes on: a span comes when it ends."""
        reader = self.events
        for events in reader.read(blocks):
            yield self.taken(events), reader.line, reader.offset_us

    def taken(self, events: list[Any]) -> list[Any]:
        """Of the events that were read last those that are rows, or the spans that end with them.

        Of spans this changes the events: what else is made of them comes first.
        """
        return events if self._pairs is None else self._pairs.take(events, self.events.line, self.events.offset_us)


def _needs_args(relation: str, inputs: Sequence[Input]) -> bool:
    return relation == "points" or "args" in inputs or bool(keys_of(inputs))


def events_for(tables: Iterable[tuple[str, Sequence[Input]]], fields: Iterable[str] = ()) -> TableEvents:
    """The reader of all that tables need, each of a relation and its inputs, and of other fields of events."""
    found = set(fields)
    keys: dict[str, object] = {}
    is_whole, has_spans = False, False
    for relation, inputs in tables:
        found |= fields_of(inputs) | _NEEDED[relation]
        keys |= dict.fromkeys(keys_of(inputs), UNSET)
        is_whole |= relation == "points" or "args" in inputs
        has_spans |= relation == "spans"
        if _needs_args(relation, inputs):
            found.add("args")
    is_whole |= any(map(_UNFIT.search, keys))
    return TableEvents(found, None if is_whole else keys, SPAN_FIELDS if has_spans else ())
