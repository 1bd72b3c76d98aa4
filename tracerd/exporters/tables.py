"""A trace as tables: the rows of its relations, for other programs to take."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import orjson

from tracerd import redact
from tracerd.rows.attributes import Attributes
from tracerd.rows.columns import COLUMNS, Relation, Type, columns_of
from tracerd.rows.names import ProcessNames
from tracerd.rows.source import Source
from tracerd.rows.table import Table

INT64: Final = range(-(2**63), 2**63)

TRACES: Final = "traces"
"""Beside the relations: a row for each trace, with its attributes as JSON."""

TRACES_COLUMNS: Final = {"trace": Type.TEXT, "attributes": Type.JSON}


class Tables:
    """One trace, as it was when this was made.

    Args:
        source: The trace.
        redacts: Whether secrets are hidden, as far as they can be recognised.
        read: Called after each block with its size in bytes; the trace is read once more for each relation.

    Attributes:
        trace_id: What it is called.
        attributes: What it says of itself.
        bad_lines: How many lines are no JSON objects.
        first_bad_line: Which is the first of them; 0 for none.
    """

    def __init__(self, source: Source, *, redacts: bool = False, read: Callable[[int], None] = lambda _: None) -> None:
        self.trace_id = source.trace_id
        self.bad_lines = self.first_bad_line = 0
        self._source = source
        self._redacts = redacts
        self._read = read
        source.keep()
        self._snapshot = source.snapshot()
        self._names = ProcessNames()
        attributes = Attributes()
        for block in self.blocks():
            self._names.take((block,))
            attributes.feed(block)
        self.attributes = attributes.values

    def blocks(self) -> Iterator[bytes]:
        """All lines, in blocks of whole ones."""
        return self._blocks(self._source.blocks(self._snapshot))

    def stored_blocks(self) -> Iterator[bytes]:
        """The lines as clients have written them, in blocks of whole lines."""
        return self._blocks(self._source.stored_blocks(self._snapshot))

    def rows(self, relation: Relation, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """The values of some columns for each row, in the order of the lines."""
        table = Table(relation.value, columns, self.trace_id, self._names, in_order=True)
        yield from table.rows(self.blocks())
        self.bad_lines = table.events.bad_lines
        self.first_bad_line = table.events.first_bad_line

    def plain_rows(self, relation: Relation, *, after_line: int = 0) -> Iterator[tuple[str | int | float | None, ...]]:
        """All columns of each row, as databases take them: ids and JSON as texts, no integer above 64 bits.

        Args:
            relation: Which rows.
            after_line: Only those of later lines.
        """
        columns = list(columns_of(relation))
        plain = [_PLAIN[COLUMNS[column].type] for column in columns]
        line = columns.index("line")
        for row in self.rows(relation, columns):
            if row[line] > after_line:
                yield tuple([make(value) for make, value in zip(plain, row, strict=True)])

    def first_line_and_count(self) -> tuple[bytes, int]:
        """The first line of the log, as it is also if secrets are hidden, and the number of its lines."""
        first, lines = b"", 0
        for block in self._source.stored_blocks(self._snapshot):
            first = first or block.partition(b"\n")[0]
            lines += block.count(b"\n") + (not block.endswith(b"\n"))
        return first, lines

    def trace_row(self) -> tuple[str, str]:
        """The row of TRACES."""
        return self.trace_id, json_text(self.attributes)

    def _blocks(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            yield b"\n".join(map(redact.line, block.split(b"\n"))) if self._redacts else block
            self._read(len(block))


def _text(value: object) -> str | None:
    """A text, or a pid as one; what no UTF-8 holds is replaced."""
    if value is None:
        return None
    text = str(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _int(value: object) -> int | None:
    return value if isinstance(value, int) and value in INT64 else None


def _float(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:  # an integer that no double holds
        return None


def _json(value: object) -> str | None:
    return None if value is None else json_text(value)


def json_text(value: object) -> str:
    """A value of JSON as text, with integers of any size."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer above 64 bits, a lone surrogate
        import json

        return json.dumps(value, separators=(",", ":"))


_PLAIN: Final[dict[Type, Callable[[object], str | int | float | None]]] = {
    Type.TEXT: _text,
    Type.ID: _text,
    Type.INT: _int,
    Type.FLOAT: _float,
    Type.BOOL: bool,
    Type.JSON: _json,
}
