"""`tracerd summary`: a build in ten lines."""

from pathlib import Path

import click

from tracerd.cli.options import directory_option, trace_argument
from tracerd.cli.printing import print_json, print_lines
from tracerd.cli.reading import read_steps


@click.command()
@trace_argument
@directory_option
@click.option("--markdown", is_flag=True, help="Print a table in Markdown, as for the summary of a CI job.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with all steps.")
def summary(trace: str, directory: Path, markdown: bool, as_json: bool) -> None:
    """Sum up a build: time, processors, what was slow, failed or ran twice, and what held up the end.

    TRACE is a path, a file name, a trace id, an unambiguous prefix of one, `latest`, or `-` for stdin.
    """
    from tracerd.builds.summary import summarize
    from tracerd.view import summary as view

    if markdown and as_json:
        raise click.UsageError("--markdown and --json exclude each other")
    trace_id, build = read_steps(directory, trace)
    found = summarize(build)
    if as_json:
        print_json(view.as_json(found, trace_id))
    else:
        print_lines((view.as_markdown if markdown else view.as_text)(found, trace_id))
