"""What commands that write a trace.json show meanwhile, and afterwards."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from tracerd.text import printable

if TYPE_CHECKING:
    from tracerd.store.export import Progress, Summary
    from tracerd.store.traces import StoredTrace

PROGRESS_BYTES = 50_000_000
"""Logs up to this size are read before anybody could read a progress bar."""


@contextmanager
def progress_bar(log: "StoredTrace") -> Generator["Progress"]:
    """What is to be called with the size of each block of the log: a progress bar, if that is worth it."""
    if log.log_size > PROGRESS_BYTES and sys.stderr.isatty():
        with click.progressbar(length=log.log_size, label=printable(log.trace_id), file=sys.stderr) as bar:
            yield bar.update
    else:
        yield lambda _: None


def tell_left_out(summary: "Summary") -> None:
    """Say what a trace.json does not hold of its log."""
    if not summary.left_out:
        return
    click.echo(f"{summary.events} events written; {summary.left_out} lines of the log left out:", err=True)
    for left_out in summary.first_left_out:
        click.echo(f"  line {left_out.line_no}: {printable(left_out.reason)}", err=True)
    if more := summary.left_out - len(summary.first_left_out):
        click.echo(f"  and {more} more", err=True)
