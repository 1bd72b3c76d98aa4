"""How commands reach a server of ClickHouse."""

import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from tracerd.cli.completion import complete_file
from tracerd.text import plural

if TYPE_CHECKING:
    from tracerd.exporters.clickhouse_http import Server
    from tracerd.exporters.tables import Tables

password_option = click.option(
    "--password-file",
    metavar="FILE",
    shell_complete=complete_file,
    help="The password for ClickHouse; else TRACERD_CLICKHOUSE_PASSWORD has it.",
)


@contextmanager
def server(url: str, password_file: str | None) -> "Generator[Server]":
    """The server of a URL.

    Raises:
        ExportError: It is no URL of one, or the password cannot be read.
    """
    from tracerd.exporters.clickhouse_http import Server, address, password_of

    found = Server(address(url), password_of(password_file, os.environ))
    try:
        yield found
    finally:
        found.close()


def insert(url: str, password_file: str | None, traces: "Iterable[Tables]") -> None:
    """Write traces, and report how many rows that were.

    Raises:
        TracerdError: The server does not take them, or a trace cannot be read.
    """
    from tracerd.exporters.clickhouse import ClickHouseExport

    with server(url, password_file) as found:
        export = ClickHouseExport(found)
        count = 0
        for trace in traces:
            export.write(trace)
            count += 1
        there = f", {export.unchanged} of them were there" if export.unchanged else ""
        click.echo(f"{plural(count, 'trace')}{there}: {plural(export.rows, 'row')} written", err=True)
