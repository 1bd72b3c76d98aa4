"""`tracerd sql`: traces as tables of SQL."""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import click

from tracerd.cli.clickhouse import password_option, server
from tracerd.cli.export import database_for, read_tables
from tracerd.cli.options import complete_trace, directory_option
from tracerd.cli.printing import check_stdout, print_lines
from tracerd.cli.reading import sources_of
from tracerd.cli.target import STDOUT
from tracerd.text import printable, printable_json

if TYPE_CHECKING:
    from tracerd.exporters.clickhouse_http import Answer as EngineAnswer
    from tracerd.exporters.sql import Answer


_EXAMPLE: Final = "such as 'SELECT name, count(*) FROM spans GROUP BY name'"


@click.command()
@click.argument("traces", nargs=-1, metavar="[TRACE]... QUERY", shell_complete=complete_trace)
@directory_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each row.")
@click.option("--csv", "as_csv", is_flag=True, help="Print lines of CSV, the first with the names of the columns.")
@click.option("--save", metavar="FILE", help="Also keep all five tables, in this database of DuckDB.")
@click.option("--engine", metavar="URL", help="Ask this ClickHouse, such as clickhouse://localhost:8123/tracerd.")
@password_option
def sql(
    traces: tuple[str, ...],
    directory: Path,
    as_json: bool,
    as_csv: bool,
    save: str | None,
    engine: str | None,
    password_file: str | None,
) -> None:
    """Ask traces a question in SQL; needs tracerd[sql].

    QUERY is one SELECT of DuckDB's SQL over the tables traces, events, spans, logs and points.
    Without a TRACE they hold all traces of the directory.
    Nothing is written, but with --save: later queries then need not read the traces again.
    With --engine, which needs nothing, it is one of ClickHouse's SQL, over what `tracerd export --clickhouse` wrote.
    """
    import orjson

    from tracerd.exporters.sql import ask

    if not traces:
        raise click.UsageError(f"give a QUERY, {_EXAMPLE}")
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    if save is not None and (engine is not None or save == STDOUT):
        raise click.UsageError("--save is for a file of DuckDB: `tracerd export --all --duckdb FILE` needs no QUERY")
    *named, query = traces
    if re.fullmatch(r"[\w./:-]+", query) or os.path.isfile(query):  # a SELECT has a blank or a parenthesis
        raise click.UsageError(f"{printable(query)!r} is no QUERY: give one behind the TRACE, {_EXAMPLE}")
    check_stdout()
    answer: Answer | EngineAnswer
    if engine is None:
        if password_file:
            raise click.UsageError("--password-file is for --engine")
        directory = directory.absolute()
        sources = [*sources_of(directory, named)]
        with nullcontext() if save is None else database_for(sources, directory, save) as path:
            answer = ask(query, read_tables(sources, reads=4), path)
    elif named:
        raise click.UsageError("with --engine give only a QUERY, with a condition such as trace = 'build-42'")
    else:
        with server(engine, password_file) as found:
            answer = found.ask(query)
    if as_json:
        columns = _distinct(map(_text, answer.columns))
        for row in answer.rows():
            line = orjson.dumps(dict(zip(columns, map(_json, row), strict=True)), default=str)
            sys.stdout.buffer.write(printable_json(line) + b"\n")
    elif as_csv:
        print_lines(_csv([answer.columns, *answer.rows()]))
    else:
        print_lines(_table(answer.columns, list(answer.rows())))


def _json(value: object) -> object:
    """A value as JSON holds it: integers above 64 bits and keys as texts, which hold no half of a surrogate pair."""
    match value:
        case int() if value.bit_length() > 63:
            return str(value)
        case Decimal():  # of DuckDB, where 1.5 is one
            import orjson

            return orjson.Fragment(f"{value:f}")
        case str():
            return _text(value)
        case list() | tuple():
            return [*map(_json, cast("Iterable[object]", value))]
        case dict():
            pairs = cast("Mapping[object, object]", value).items()
            return {_text(str(key)): _json(item) for key, item in pairs}
        case _:
            return value


def _distinct(names: Iterable[str]) -> list[str]:
    """Names of columns as keys of an object: the second of one name is `name_1`."""
    found: list[str] = []
    for name in names:
        later = (f"{name}_{number}" for number in count(1))
        found.append(name if name not in found else next(key for key in later if key not in found))
    return found


def _text(text: str) -> str:
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _csv(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    import csv
    import io

    for row in rows:
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow(row)
        yield text.getvalue()


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """The rows below their columns; numbers to the right."""
    from tracerd.view.tables import aligned

    texts = [[printable("" if value is None else str(value)) for value in row] for row in rows]
    names = [printable(column) for column in columns]
    right = [
        all(isinstance(row[at], int | float | Decimal | None) for row in rows) and bool(rows)
        for at in range(len(columns))
    ]
    return aligned([names, *texts], right)
