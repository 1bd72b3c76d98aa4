"""Traces in DuckDB: as tables of a database, or as Parquet files. Needs the extra `sql`."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from tracerd.errors import ExportError
from tracerd.exporters.tables import TRACES, TRACES_COLUMNS, Tables
from tracerd.rows.columns import Relation, Type, columns_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TYPES: Final = {
    Type.TEXT: "VARCHAR",
    Type.ID: "VARCHAR",
    Type.INT: "BIGINT",
    Type.FLOAT: "DOUBLE",
    Type.BOOL: "BOOLEAN",
    Type.JSON: "JSON",
}

_MAX_LINE: Final = 64 * 1024 * 1024
"""The longest line of ours: an event of 16 MiB as a text in JSON."""

TABLES: Final[dict[str, dict[str, Type]]] = {
    TRACES: TRACES_COLUMNS,
    **{relation.value: {name: column.type for name, column in columns_of(relation).items()} for relation in Relation},
}
"""The columns of each table."""


def connect(database: str = ":memory:") -> "DuckDBPyConnection":
    """A database of DuckDB.

    Raises:
        ExportError: DuckDB is not installed, or cannot open it.
    """
    try:
        import duckdb
    except ImportError:
        raise ExportError("this needs DuckDB: pip install 'tracerd[sql]'") from None
    try:
        return duckdb.connect(database, config={"autoinstall_known_extensions": False})
    except duckdb.Error as error:
        raise ExportError(f"cannot open {database}: {first_line(error)}") from None


def load(database: "DuckDBPyConnection", traces: Iterable[Tables], tables: Sequence[str] = tuple(TABLES)) -> None:
    """Make these tables.

    The rows go through files of JSON lines, which DuckDB reads many times faster than rows of Python.

    Raises:
        ExportError: They cannot be made.
        TracerdError: A trace cannot be read.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix="tracerd-") as name:
        directory = Path(name)
        try:
            _write_rows(directory, traces, tables)
            for table in tables:
                database.execute(f"CREATE TABLE {table} AS {_select(directory / table, TABLES[table])}")
        except duckdb.Error as error:
            raise ExportError(f"cannot make the tables: {first_line(error)}") from None
        except OSError as error:
            raise ExportError(f"cannot write in {tempfile.gettempdir()}: {error.strerror}") from None


def write_duckdb(path: Path, traces: Iterable[Tables]) -> None:
    """Make a database with all tables in a file that is not there yet; raises as `load`."""
    database = connect(str(path))
    try:
        load(database, traces)
    finally:
        database.close()


def write_parquet(directory: Path, traces: Iterable[Tables]) -> None:
    """Write a file for each table into a directory; raises as `load`."""
    database = connect()
    import duckdb

    try:
        load(database, traces)
        for table in TABLES:
            database.execute(f"COPY {table} TO {_quoted(directory / f'{table}.parquet')} (FORMAT parquet)")
    except duckdb.Error as error:
        raise ExportError(f"cannot write {directory}: {first_line(error)}") from None
    finally:
        database.close()


def first_line(error: Exception) -> str:
    """What an error of DuckDB says first; the lines that follow show the query."""
    return str(error).partition("\n")[0]


def _write_rows(directory: Path, traces: Iterable[Tables], tables: Sequence[str]) -> None:
    files = {table: open(directory / table, "wb") for table in tables}  # noqa: SIM115 (closed below)
    try:
        for trace in traces:
            for table, file in files.items():
                names = list(TABLES[table])
                rows = [trace.trace_row()] if table == TRACES else trace.plain_rows(Relation(table))
                json_at = [at for at, kind in enumerate(TABLES[table].values()) if kind is Type.JSON]
                file.writelines(_line(names, row, json_at) for row in rows)
    finally:
        for file in files.values():
            file.close()


def _line(names: list[str], row: Sequence[object], json_at: list[int]) -> bytes:
    values = dict(zip(names, row, strict=True))
    for at in json_at:
        if isinstance(text := row[at], str):
            values[names[at]] = orjson.Fragment(text)
    return orjson.dumps(values) + b"\n"


def _select(file: Path, types: dict[str, Type]) -> str:
    columns = ", ".join(f"{name}: '{_TYPES[kind]}'" for name, kind in types.items())
    options = f"columns = {{{columns}}}, maximum_object_size = {_MAX_LINE}"
    return f"SELECT * FROM read_json({_quoted(file)}, format = 'newline_delimited', {options})"  # noqa: S608 (our file)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
