"""`tracerd show`: a trace as a tree."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd.cli.conditions import inputs_of, span_condition
from tracerd.cli.options import directory_option, span_duration, trace_argument, where_option
from tracerd.cli.reading import print_lines, read_trace
from tracerd.errors import ViewError
from tracerd.text import printable_json

if TYPE_CHECKING:
    from tracerd.rows.recording import Recording
    from tracerd.rows.spans import Id


@click.command()
@trace_argument
@directory_option
@click.option(
    "--depth", type=click.IntRange(min=0), metavar="N", help="Show N levels of spans; 0 shows only processes."
)
@click.option(
    "--min-dur", type=span_duration, default="0", metavar="D", help="Leave out spans shorter than D, such as 5ms."
)
@click.option("--pid", "pids", multiple=True, metavar="N", help="Show only this process; may be repeated.")
@where_option("spans")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per process and span, and line.")
def show(
    trace: str,
    directory: Path,
    depth: int | None,
    min_dur: float,
    pids: tuple[str, ...],
    where: str | None,
    as_json: bool,
) -> None:
    """Show a trace as a tree: processes, and in them their nested spans.

    TRACE is a path, a file name, a trace id, an unambiguous prefix of one, `latest`, or `-` for stdin.
    """
    import orjson

    from tracerd.view.chosen import choose
    from tracerd.view.tree import Tree
    from tracerd.view.tree_text import as_json as json_of
    from tracerd.view.tree_text import as_text

    condition = span_condition(where)
    trace_id, recording = read_trace(directory, trace, inputs_of((), condition))
    of_processes = frozenset(_known(recording, pid) for pid in pids)
    tree = Tree(choose(recording, condition), depth, round(min_dur * 1e9), of_processes)
    if as_json:
        if recording.attributes:
            line = orjson.dumps({"type": "trace", "attributes": recording.attributes})
            click.echo(printable_json(line))
        print_lines(printable_json(orjson.dumps(json_of(row))).decode() for row in tree.rows())
    else:
        print_lines(click.style(line, fg="red") if is_error else line for line, is_error in as_text(tree, trace_id))


def _known(recording: "Recording", pid: str) -> "Id":
    for known in recording.processes:
        if str(known) == pid:
            return known
    some = ", ".join(map(str, list(recording.processes)[:5]))
    more = " ..." if len(recording.processes) > 5 else ""
    raise ViewError(f"there is no process {pid} in this trace, but {some}{more}")
