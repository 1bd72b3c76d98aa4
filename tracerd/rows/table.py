"""A log as a table: the rows of a relation, as tuples of the columns that are asked for."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from tracerd.rows.names import ProcessNames
from tracerd.rows.table_events import TableEvents
from tracerd.rows.table_maker import NAMED, POINT_COLUMNS, SPAN_COLUMNS, Input, fields_of, keys_of, make_rows
from tracerd.rows.table_spans import NESTING, Pairs

_LOOP: Final = """
def make(events, line, offset):
    for e in events:
        line += 1
        if e is None or {unwanted}: continue
        {prepare}
        yield"""
_POINT: Final = """a = e.args
        for point in points_of(e.name, a): yield"""
_SPAN: Final = """
def make(e, a, line, offset, span):
    return"""

_UNWANTED: Final = {
    "events": "not e.ph or e.ph == 'M'",
    "logs": "e.ph != 'i' or e.cat != 'log'",
    "points": "e.ph != 'C'",
}
_NEEDED: Final = {
    "events": {"ph"},
    "logs": {"ph", "cat"},
    "points": {"ph", "name", "args"},
    "spans": {"ph", "name", "cat", "pid", "tid", "ts", "dur", "id", "id2", "args"},
}


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
        keys = keys_of(inputs)
        is_whole = relation in ("points", "spans") or "args" in inputs
        fields = fields_of(inputs) | _NEEDED[relation]
        if keys or is_whole:
            fields.add("args")
        self.events = TableEvents(fields, None if is_whole else keys)
        self._pairs: Pairs | None = None
        attributes = None if is_whole else {key: self.events.attribute(key) for key in keys}
        if relation == "spans":
            make = make_rows(_SPAN, inputs, attributes, trace, names, SPAN_COLUMNS)
            self._pairs = Pairs(make, nests=any(what in NESTING for what in inputs), in_order=in_order)
            return
        prepare = "a = e.args" if "args" in fields else ""
        head = _LOOP.format(unwanted=_UNWANTED[relation], prepare=prepare)
        if relation == "points":
            head = head.replace(f"{prepare}\n        yield", _POINT)
        self._make = make_rows(head, inputs, attributes, trace, names, POINT_COLUMNS if relation == "points" else {})

    def rows(self, blocks: Iterable[bytes]) -> Iterator[tuple[Any, ...]]:
        """A tuple for each row."""
        if self._pairs is not None:
            for events in self.events.read(blocks):
                yield from self._pairs.take(events, self.events.line, self.events.offset_us)
            yield from self._pairs.finish()
            return
        for events in self.events.read(blocks):
            yield from self._make(events, self.events.line, self.events.offset_us)


__all__ = ["NAMED", "Table"]
