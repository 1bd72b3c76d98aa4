"""`tracerd exec`: its options and their texts. `tracerd.exec.options` reads the usual spellings without click."""

import click

from tracerd.cli.completion import complete_file
from tracerd.errors import InvalidTraceIdError
from tracerd.exec.options import ARGS, FULL, LAYOUTS, OWN_ATTRIBUTES, Options, pair, shim_names
from tracerd.trace_id import TraceId


def trace_id(value: str) -> TraceId:
    """A type for options."""
    try:
        return TraceId(value)
    except InvalidTraceIdError as error:
        raise click.BadParameter(str(error)) from None


def attributes(values: tuple[str, ...]) -> list[tuple[str, str]]:
    """What `--attr` gives.

    Raises:
        click.UsageError: One of them is not KEY=VALUE.
    """
    found: list[tuple[str, str]] = []
    for value in values:
        if not (attribute := pair(value)):
            raise click.UsageError(f"--attr {value!r} is not KEY=VALUE")
        found.append(attribute)
    return found


@click.command("exec", context_settings={"allow_interspersed_args": False})
@click.option("--name", metavar="NAME", help="The name of the process and its span, instead of the program's.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    shell_complete=complete_file,
    help="When the command has ended, write the trace; a name ending in .gz compresses.",
)
@click.option(
    "--trace",
    type=trace_id,
    metavar="ID",
    help="Join or begin this trace, instead of that of $TRACERD_TRACE_ID or a new one.",
)
@click.option(
    "--args",
    "shown",
    type=click.Choice(ARGS),
    show_default=f"as an enclosing exec, else {FULL}",
    help="How much of command lines to record; passwords and keys are hidden where they can be recognised.",
)
@click.option("--all", "all_processes", is_flag=True, help="Record each process that the command starts; needs strace.")
@click.option("--shim", metavar="NAMES", default="", help="Record these programs wherever PATH finds them: cc,ld,ar")
@click.option(
    "--layout",
    type=click.Choice(LAYOUTS),
    show_default="lanes, if processes record only their span",
    help="How FILE shows processes: on as few rows as ran at once, or on a row each.",
)
@click.option("--follow", is_flag=True, help="Write FILE again when processes that outlive the command have ended.")
@click.option(
    "--no-start", is_flag=True, help="Do not start a daemon; if none is running, the command is not recorded."
)
@click.option(
    "--collect",
    is_flag=True,
    help="Import what ninja, clang, rustc, cargo and tsc write meanwhile below the current directory.",
)
@click.option(
    "--compiler-detail",
    is_flag=True,
    help="Show the phases of each compile of clang below it; needs --all, or --shim with the compilers.",
)
@click.option("--no-git", is_flag=True, help="Do not let git record itself: its commands, their parts and hooks.")
@click.option("--summary", is_flag=True, help="At the end, print what `tracerd summary` shows, on stderr.")
@click.option("--attr", "given", metavar="KEY=VALUE", multiple=True, help="An attribute of the trace, such as user=ci.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, shell_complete=complete_file)
def exec_command(
    name: str | None,
    output: str | None,
    trace: TraceId | None,
    shown: str | None,
    all_processes: bool,
    shim: str,
    layout: str | None,
    follow: bool,
    no_start: bool,
    collect: bool,
    compiler_detail: bool,
    no_git: bool,
    summary: bool,
    given: tuple[str, ...],
    command: tuple[str, ...],
) -> None:
    """Run a command, record it, and end as it ends.

    For example: tracerd exec -o trace.json -- make -j8

    Starts a daemon if there is none.
    What the command starts with `tracerd exec`, and what writes events by itself, belongs to the same trace.
    """
    from tracerd.exec.run import run

    if output in ("", "-"):
        raise click.UsageError("-o needs the name of a file: stdout is that of the command")
    if follow and output is None:
        raise click.UsageError("--follow needs -o, the file to write again")
    if layout is not None and output is None:
        raise click.UsageError("--layout needs -o, the file to lay out")
    if compiler_detail and not all_processes and not shim_names(shim):
        raise click.UsageError("--compiler-detail needs --all, or --shim with the names of the compilers: cc,c++,clang")
    attributes_given = attributes(given)
    for key, _ in attributes_given:
        if key in OWN_ATTRIBUTES:
            raise click.UsageError(f"--attr {key}: tracerd itself writes this attribute; choose another name")
    run(
        Options(
            list(command),
            name=name,
            output=output,
            trace=trace,
            args=shown,
            start=not no_start,
            follow=follow,
            all_processes=all_processes,
            shims=shim_names(shim),
            layout=layout,
            collect=collect,
            compiler_detail=compiler_detail,
            git=not no_git,
            summary=summary,
            attributes=attributes_given,
        )
    )
