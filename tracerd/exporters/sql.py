"""A query of SQL over traces: over tables in memory or in a file of their own; it can read and write nothing else."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tracerd.errors import ExportError
from tracerd.exporters.duck import TABLES, connect, first_line, load
from tracerd.exporters.tables import Tables

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ROWS: Final = 1000


class Answer:
    """The rows that a query gives.

    Attributes:
        columns: The names of its columns.
    """

    def __init__(self, database: "DuckDBPyConnection", columns: Sequence[str]) -> None:
        self.columns = columns
        self._database = database

    def rows(self) -> Iterator[tuple[object, ...]]:
        """The rows, in order.

        Raises:
            ExportError: The query fails on the way.
        """
        import duckdb

        try:
            while some := self._database.fetchmany(_ROWS):
                yield from some
        except duckdb.Error as error:
            raise ExportError(first_line(error)) from None


def ask(query: str, traces: Iterable[Tables], path: Path | None = None) -> Answer:
    """Run a query.

    Args:
        query: One statement of DuckDB's SQL.
        traces: What the tables hold.
        path: Where a database of all tables is made, and is whole when this returns; None for one in memory, which has
            only those that the query names.

    Raises:
        ExportError: DuckDB is not installed, or the query is wrong, or wants to read or write files.
        TracerdError: A trace cannot be read.
    """
    database = connect(":memory:" if path is None else str(path))
    import duckdb

    words = {word.lower() for word in re.findall(r"\w+", query)}
    named = [table for table in TABLES if path is not None or table in words]
    try:
        with connect() as empty:  # reading traces takes long: what is wrong in the query is known before
            _run(query, empty, (), ())
    except duckdb.Error as error:
        if isinstance(error, duckdb.CatalogException):  # a table
            raise ExportError(f"{first_line(error).removesuffix('!')}; the tables are {', '.join(TABLES)}") from None
        if isinstance(error, duckdb.BinderException):
            hints = [line for line in str(error).splitlines() if line.startswith("Candidate bindings")]
            raise ExportError("; ".join([first_line(error), *hints])) from None
        if isinstance(error, duckdb.ParserException):
            raise ExportError(first_line(error)) from None
    try:
        _run(query, database, traces, named)
    except duckdb.Error as error:
        raise ExportError(first_line(error)) from None
    return Answer(database, [str(column[0]) for column in database.description or ()])


def _run(query: str, database: "DuckDBPyConnection", traces: Iterable[Tables], named: Sequence[str]) -> None:
    """Run a query over all tables, of which only those that are named have rows.

    Raises:
        duckdb.Error: The query is wrong.
        ExportError: It is no query, or the tables cannot be made.
        TracerdError: A trace cannot be read.
    """
    import duckdb

    statements = database.extract_statements(query)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise ExportError("write one SELECT: nothing else can be run; --save keeps the tables in a database")
    load(database, traces, named)
    load(database, (), [table for table in TABLES if table not in named])  # SHOW TABLES lists all
    database.execute("CHECKPOINT")  # all that is in the file beside it goes into it
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")
    database.execute(statements[0])
