"""Traces into ClickHouse, so that an export that was killed goes on where it ended.

A log only grows, so the largest line that the server has of it says what it has: each insert is a block of whole
lines, which the server stores whole or not at all. Spans are others: one that was open may have ended, and its parent
has another self time. So the spans of a log that has grown are written anew, with the number of lines of the log, and
the rows with the largest number count.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

import orjson

from tracerd.exporters.clickhouse_http import Server
from tracerd.exporters.tables import TRACES_COLUMNS, Tables
from tracerd.query.sql_dialects import DIALECTS
from tracerd.rows.columns import Relation, columns_of

MAX_ROWS: Final = 20_000
_MAX_BYTES: Final = 8 << 20
"""Far less than what a server makes a block of."""

SPANS: Final = "span_versions"
TRACES: Final = "trace_versions"


class ClickHouseExport:
    """Writes traces.

    Args:
        server: Where to.

    Attributes:
        rows: How many rows were written.
        unchanged: How many traces were there already.
    """

    def __init__(self, server: Server) -> None:
        self.rows = self.unchanged = 0
        self._server = server

    def write(self, trace: Tables) -> None:
        """Write what the server has not of a trace.

        Raises:
            ExportError: The server does not take it; what was written stays, and a later export goes on there.
            TracerdError: The trace cannot be read.
        """
        first_line, lines = trace.first_line_and_count()
        if not lines:
            return
        log = int.from_bytes(hashlib.sha256(first_line).digest()[:8], "big")
        extra = {"log": log, "log_lines": lines}
        where = f"trace = {DIALECTS['clickhouse'].text(trace.trace_id).text} AND log = {log}"
        version = f"{where} AND log_lines = {lines}"
        if self._last("log_lines", TRACES, version):
            self.unchanged += 1
            return
        for relation in Relation:
            is_span = relation is Relation.SPANS
            table = SPANS if is_span else relation.value
            columns = list(columns_of(relation))
            last = self._last("line", table, version if is_span else where)
            own = extra if is_span else {"log": log}
            self._insert(table, columns, own, trace.plain_rows(relation, after_line=last))
        self._insert(TRACES, list(TRACES_COLUMNS), extra, [trace.trace_row()])

    def _last(self, column: str, table: str, where: str) -> int:
        """The largest number that is there; 0 for none."""
        [found] = self._server.numbers(f"SELECT max({column}) FROM {table} WHERE {where}", 1)  # noqa: S608  quoted
        return int(found or 0)

    def _insert(self, table: str, columns: list[str], extra: dict[str, int], rows: Iterable[Sequence[object]]) -> None:
        """Insert rows in blocks of whole lines: the values of one event are never apart."""
        names = [*columns, *extra]
        tail = tuple(extra.values())
        at = columns.index("line") if "line" in columns else 0
        block: list[bytes] = []
        size, last = 0, None
        for row in rows:
            if row[at] != last and (len(block) >= MAX_ROWS or size >= _MAX_BYTES):
                self._send(table, names, block)
                size = 0
            last = row[at]
            block.append(orjson.dumps(dict(zip(names, (*row, *tail), strict=True))))
            size += len(block[-1])
        self._send(table, names, block)

    def _send(self, table: str, names: list[str], block: list[bytes]) -> None:
        if block:
            self._server.insert(table, names, b"\n".join(block))
            self.rows += len(block)
            block.clear()
