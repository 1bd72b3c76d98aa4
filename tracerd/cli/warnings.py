"""What commands warn of when they have read a trace."""

from typing import TYPE_CHECKING

import click

from tracerd.text import plural, printable

if TYPE_CHECKING:
    from tracerd.rows.source import Source
    from tracerd.trace_json.export import Summary


def warn_problem(source: "Source") -> None:
    """Warn of a file that ends too early, once it has been read; and say which trace was chosen among several."""
    if source.note:
        click.echo(printable(source.note), err=True)
    if source.problem:
        click.echo(f"{printable(source.trace_id)} {source.problem}: what is whole was read", err=True)


def warn_bad_lines(trace_id: str, count: int, first: int) -> None:
    """Warn of lines that are no events; the first of them has this number."""
    if count:
        lines = "1 line is" if count == 1 else f"{count:,} lines are"
        click.echo(f"{printable(trace_id)}:{first}: {lines} no event and left out; `tracerd check` says why", err=True)


def warn_left_out(source: "Source", summary: "Summary") -> None:
    """Warn of what a trace.json does not hold of its log or document."""
    warn_problem(source)
    if not summary.left_out:
        return
    of_log = " of the log" if source.log is not None else ""
    written, left_out = plural(summary.events, "event"), plural(summary.left_out, "line")
    click.echo(f"{written} written; {left_out}{of_log} left out:", err=True)
    for line in summary.first_left_out:
        click.echo(f"  line {line.line_no}: {printable(line.reason)}", err=True)
    if more := summary.left_out - len(summary.first_left_out):
        click.echo(f"  and {more} more", err=True)
