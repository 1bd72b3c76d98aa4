"""`tracerd stats`: the figures of a trace."""

from pathlib import Path

import click

from tracerd.cli.conditions import inputs_of, span_condition, span_keys
from tracerd.cli.options import by_option, directory_option, top_option, trace_argument, where_option
from tracerd.cli.reading import can_print, print_lines, read_trace
from tracerd.text import printable_json


@click.command()
@trace_argument
@directory_option
@by_option
@where_option("spans")
@top_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with all rows unless --top is given.")
def stats(trace: str, directory: Path, by: str, where: str | None, top: int | None, as_json: bool) -> None:
    """Count and measure the spans of a trace, and how much ran at once.

    TRACE is a path, a file name, a trace id, an unambiguous prefix of one, `latest`, or `-` for stdin.
    """
    import orjson

    from tracerd.view.chosen import choose
    from tracerd.view.stats import ASCII_BARS, BARS, SHOWN, Stats

    keys, condition = span_keys(by), span_condition(where)
    trace_id, recording = read_trace(directory, trace, inputs_of(keys, condition))
    found = Stats(choose(recording, condition), keys)
    if as_json:
        click.echo(printable_json(orjson.dumps(found.as_json(trace_id, top))))
    else:
        print_lines(found.as_text(trace_id, top or SHOWN, BARS if can_print(BARS) else ASCII_BARS))
