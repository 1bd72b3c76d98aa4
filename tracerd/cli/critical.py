"""`tracerd critical`: what held up the end of a build."""

from pathlib import Path

import click

from tracerd.cli.options import directory_option, trace_argument
from tracerd.cli.printing import print_json, print_lines
from tracerd.cli.reading import read_steps


@click.command()
@trace_argument
@directory_option
@click.option("--all", "with_short", is_flag=True, help="Give each step a row, also those below 1 % of the build.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def critical(trace: str, directory: Path, with_short: bool, as_json: bool) -> None:
    """Show what held up the end of a build: the chain of steps, each of which waited for the one before.

    TRACE is a path, a file name, a trace id, an unambiguous prefix of one, `latest`, or `-` for stdin.
    """
    from tracerd.builds.summary import summarize
    from tracerd.view.critical import as_json as json_of
    from tracerd.view.critical import as_text

    trace_id, build = read_steps(directory, trace)
    summary = summarize(build)
    if as_json:
        print_json(json_of(trace_id, summary))
    else:
        print_lines(as_text(trace_id, summary, with_short=with_short))
