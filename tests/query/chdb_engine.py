"""ClickHouse inside of this process, with the tables of data/clickhouse.sql."""

import json
import re
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson

from tracerd.exporters.tables import Tables
from tracerd.rows.columns import Relation, columns_of

SCHEMA = Path(__file__).parents[2] / "data" / "clickhouse.sql"


class ChdbEngine:
    """A database of its own.

    Args:
        directory: Where files for it may lie.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._session: Any = import_module("chdb.session").Session()
        for statement in re.sub("--.*", "", SCHEMA.read_text()).split(";"):
            if statement.strip():
                self._session.query(statement)

    def load(self, traces: Iterable[Tables]) -> None:
        """Have the rows of these traces, and no others."""
        kept = list(traces)
        for relation in Relation:
            table = "span_versions" if relation is Relation.SPANS else relation.value
            self._session.query(f"TRUNCATE TABLE {table}")
            names = list(columns_of(relation))
            path = self._directory / table
            with open(path, "wb") as file:
                for trace in kept:
                    file.writelines(
                        orjson.dumps({**dict(zip(names, row, strict=True)), "log": 1}) + b"\n"
                        for row in trace.plain_rows(relation)
                    )
            self._session.query(f"INSERT INTO {table} FROM INFILE '{path}' FORMAT JSONEachRow")

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """The rows of a query."""
        text = self._session.query(query, "JSONCompactEachRow").bytes()
        return [tuple(json.loads(line)) for line in text.splitlines()]
