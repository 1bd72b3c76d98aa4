"""Traces as a SQLite database: a table for each relation, and one of the traces."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

from tracerd.errors import ExportError
from tracerd.exporters.tables import TRACES, TRACES_COLUMNS, Tables
from tracerd.rows.columns import Relation, Type, columns_of

_TYPES: Final = {
    Type.TEXT: "TEXT",
    Type.ID: "TEXT",
    Type.INT: "INTEGER",
    Type.FLOAT: "REAL",
    Type.BOOL: "INTEGER",
    Type.JSON: "TEXT",
}


def write_sqlite(path: Path, traces: Iterable[Tables]) -> None:
    """Make the database.

    Args:
        path: A file that is not there yet.
        traces: What goes into it.

    Raises:
        ExportError: It cannot be written.
        TracerdError: A trace cannot be read.
    """
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("PRAGMA synchronous = OFF")
            database.execute("BEGIN")
            database.execute(_create(TRACES, TRACES_COLUMNS))
            for relation in Relation:
                types = {name: column.type for name, column in columns_of(relation).items()}
                database.execute(_create(relation.value, types))
            for trace in traces:
                database.execute(_insert(TRACES, len(TRACES_COLUMNS)), trace.trace_row())
                for relation in Relation:
                    insert = _insert(relation.value, len(columns_of(relation)))
                    database.executemany(insert, trace.plain_rows(relation))
            database.execute("COMMIT")
    except sqlite3.Error as error:
        raise ExportError(f"cannot write the database: {error}") from None


def _create(table: str, types: dict[str, Type]) -> str:
    columns = ", ".join(f"{name} {_TYPES[kind]}" for name, kind in types.items())
    return f"CREATE TABLE {table} ({columns})"


def _insert(table: str, columns: int) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"  # noqa: S608 (no text of a user is in it)
