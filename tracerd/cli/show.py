"""`tracerd show`: a trace as a tree."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd.cli.conditions import inputs_of, span_condition
from tracerd.cli.options import directory_option, span_duration, trace_argument, where_option
from tracerd.cli.printing import json_lines, print_json, print_lines
from tracerd.cli.reading import Read, read_steps, read_trace
from tracerd.errors import ViewError
from tracerd.text import printable

_SOME = 3
"""So many steps are named if several fit."""

if TYPE_CHECKING:
    from tracerd.builds.steps import Build
    from tracerd.rows.recording import Recording
    from tracerd.rows.spans import Id
    from tracerd.view.process_tree import Wish
    from tracerd.view.tree import Tree


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
@click.option("--errors", is_flag=True, help="Show only what failed or never ended, and what it lies in.")
@click.option("--running", is_flag=True, help="Show only what has begun and not ended, and for how long it runs.")
@click.option("--rerun", metavar="STEP", help="Print the line that runs this step again; STEP is a part of its name.")
@where_option("spans")
@click.option("--log", "logs", is_flag=True, help="Show log events below the spans in which they were written.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per process and span, and line.")
def show(
    trace: str,
    directory: Path,
    depth: int | None,
    min_dur: float,
    pids: tuple[str, ...],
    errors: bool,
    running: bool,
    rerun: str | None,
    where: str | None,
    logs: bool,
    as_json: bool,
) -> None:
    """Show a trace as a tree: processes, and in them their nested spans.

    Of a build that `tracerd exec` has recorded it is the processes as they started one another, with their command
    lines. --depth and --min-dur are about processes then, and --where asks for spans. --running shows what runs now.
    --rerun prints `cd DIRECTORY && COMMAND` of one step, to be copied; its environment is not recorded.

    TRACE is a path, a file name, a trace id, an unambiguous prefix of one, `latest`, or `-` for stdin.
    """
    from tracerd.view.chosen import choose, failed, unfinished
    from tracerd.view.process_tree import Wish
    from tracerd.view.tree import LOG_INPUTS, Tree

    if rerun is not None:
        _print_rerun(directory, trace, rerun)
        return
    condition = span_condition(where)
    inputs = inputs_of(LOG_INPUTS if logs else (), condition)
    read = read_trace(directory, trace, inputs, may_be_build=where is None, running=running)
    of_processes = frozenset(_known(read.recording, pid) for pid in pids)
    least = round(min_dur * 1e9)
    if read.build:
        wish = Wish(max_depth=depth, min_dur=least, pids=of_processes, errors=errors, running=running)
        _print_processes(read, read.build, wish, logs=logs, as_json=as_json)
        return
    recording = unfinished(read.recording) if running else read.recording
    recording = choose(recording, condition, with_logs=logs)
    tree = Tree(failed(recording, with_logs=logs) if errors else recording, depth, least, of_processes, logs)
    if as_json:
        _print_attributes(read)
    _print_spans(read, tree, as_json=as_json)


def _print_rerun(directory: Path, trace: str, wanted: str) -> None:
    """The line that runs a step again."""
    from tracerd.builds.rerun import commands, find_steps
    from tracerd.redact import HIDDEN

    trace_id, build = read_steps(directory, trace)
    found = find_steps(build, wanted)
    if not found:
        raise ViewError(f"no step of {trace_id} has {wanted!r} in its name; `tracerd show {trace_id}` lists them")
    lines = commands(found)
    if len(lines) > 1:
        some = ", ".join(f"{step.name} ({step.pid})" for step in found[:_SOME])
        raise ViewError(f"{wanted!r} fits {len(found)} steps ({some} ...); give the number of the process")
    step, line = found[-1], lines[0]
    if not line or "argv_left_out" in step.main.args:
        raise ViewError(f"the command line of {step.name} was not recorded, or not all of it")
    if not isinstance(step.main.args.get("cwd"), str):
        click.echo("where it ran was not recorded", err=True)
    if HIDDEN in line:
        click.echo(f"{HIDDEN} stands for what may be a secret", err=True)
    click.echo(printable(line))


def _print_processes(read: Read, build: "Build", wish: "Wish", *, logs: bool, as_json: bool) -> None:
    """The processes of a build, and the spans that some of them have written by themselves."""
    from tracerd.view import process_tree
    from tracerd.view.chosen import failed, unfinished, without_steps
    from tracerd.view.tree import Tree

    tree = process_tree.ProcessTree(build, wish)
    others = without_steps(read.recording, build)
    others = unfinished(others) if wish.running else others
    others = failed(others, with_logs=logs) if wish.errors else others
    spans = Tree(others, wish.max_depth, wish.min_dur, wish.pids, logs)
    if as_json:
        _print_attributes(read)
        print_lines(json_lines(map(process_tree.as_json, tree.rows)))
    else:
        _print_lines(process_tree.as_text(tree, read.trace_id))
    if others.tracks:
        _print_spans(read, spans, as_json=as_json, with_head=False)


def _print_spans(read: Read, tree: "Tree", *, as_json: bool, with_head: bool = True) -> None:
    from tracerd.view import tree_text

    if as_json:
        print_lines(json_lines(map(tree_text.as_json, tree.rows())))
        return
    if with_head:
        _print_lines(tree_text.head(tree, read.trace_id))
    click.echo()
    _print_lines(tree_text.as_text(tree))


def _print_attributes(read: Read) -> None:
    if attributes := read.recording.attributes:
        print_json({"type": "trace", "attributes": attributes})


def _print_lines(lines: Iterable[tuple[str, bool]]) -> None:
    """Lines, in red if they report an error."""
    print_lines(click.style(line, fg="red") if is_error else line for line, is_error in lines)


def _known(recording: "Recording", pid: str) -> "Id":
    for known in recording.processes:
        if str(known) == pid:
            return known
    some = ", ".join(map(str, list(recording.processes)[:5]))
    more = " ..." if len(recording.processes) > 5 else ""
    raise ViewError(f"there is no process {pid} in this trace, but {some}{more}")
