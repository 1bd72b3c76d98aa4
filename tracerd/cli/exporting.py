"""What commands that write a trace.json show meanwhile, and afterwards."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from tracerd.text import printable

if TYPE_CHECKING:
    from tracerd.rows.source import Source
    from tracerd.trace_json.export import Progress, Summary

PROGRESS_BYTES = 50_000_000
"""Files up to this size are read before a progress bar could be read."""


@contextmanager
def progress_bar(source: "Source") -> Generator["Progress"]:
    """What is to be called with the size of each block that was read: a progress bar, if that is worth it."""
    if source.size > PROGRESS_BYTES and sys.stderr.isatty():
        with click.progressbar(length=source.size, label=printable(source.trace_id), file=sys.stderr) as bar:
            yield bar.update
    else:
        yield lambda _: None


def warn_problem(source: "Source") -> None:
    """Warn of a file that ends too early, once it has been read."""
    if source.problem:
        click.echo(f"{printable(source.trace_id)} {source.problem}: what is whole was read", err=True)


def warn_left_out(source: "Source", summary: "Summary") -> None:
    """Warn of what a trace.json does not hold of its log or document."""
    warn_problem(source)
    if not summary.left_out:
        return
    of_log = "of the log " if source.log is not None else ""
    click.echo(f"{summary.events} events written; {summary.left_out} lines {of_log}left out:", err=True)
    for left_out in summary.first_left_out:
        click.echo(f"  line {left_out.line_no}: {printable(left_out.reason)}", err=True)
    if more := summary.left_out - len(summary.first_left_out):
        click.echo(f"  and {more} more", err=True)
