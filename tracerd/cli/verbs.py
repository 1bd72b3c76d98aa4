"""`tracerd span`, `event`, `counter` and `log`: their options and their texts, and what is wrong with unusual words.

`tracerd.exec.verbs` does the work; it reads the usual spellings without click.
"""

from collections.abc import Callable

import click

from tracerd.cli.completion import complete_file
from tracerd.cli.exec_command import attributes, trace_id
from tracerd.exec import verbs
from tracerd.trace_id import TraceId

_trace = click.option("--trace", type=trace_id, metavar="ID", help="The trace, instead of that of $TRACERD_TRACE_ID.")
_attributes = click.option("--attr", "given", metavar="KEY=VALUE", multiple=True, help="What `args` holds besides.")
_WORDS = {"ignore_unknown_options": True}


def _do(do: Callable[[verbs.Verb], bool], verb: verbs.Verb, trace: TraceId | None, given: tuple[str, ...]) -> bool:
    verb.trace = trace
    verb.attributes = attributes(given)
    return do(verb)


@click.command()
@click.argument("name", required=False)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, shell_complete=complete_file)
@click.option("--begin", metavar="NAME", default="", help="Begin a span, and print its id.")
@click.option("--end", metavar="ID", default="", help="End the span of this id, from any process.")
@_attributes
@_trace
def span(
    name: str | None, command: tuple[str, ...], begin: str, end: str, given: tuple[str, ...], trace: TraceId | None
) -> None:
    """From a script: run a command as a named span, or begin and end one.

    For example: tracerd span "unit tests" -- make check

    Or, from two lines of a script or from two shells: id=$(tracerd span --begin deploy), and later
    tracerd span --end $id

    Without a trace in the environment, or without a daemon, the command only runs.
    A span that never ends is shown up to the end of the trace.
    """
    verb = verbs.Verb([] if name is None else [name, *command])
    verb.begin, verb.end = begin, end
    if not _do(verbs.span, verb, trace, given):
        if end and not (begin or name or given):
            raise click.UsageError(f"--end {end!r} is not an id that --begin has printed: 16 hexadecimal digits")
        raise click.UsageError("give NAME -- COMMAND..., or --begin NAME, or --end ID")


@click.command()
@click.argument("name")
@_attributes
@_trace
def event(name: str, given: tuple[str, ...], trace: TraceId | None) -> None:
    """From a script: something that happens now.

    For example: tracerd event "cache cleared" --attr reason=disk
    """
    if not _do(verbs.instant, verbs.Verb([name]), trace, given):
        raise click.UsageError("NAME must not be empty")


@click.command(context_settings=_WORDS)
@click.argument("name")
@click.argument("value", type=click.UNPROCESSED)
@_trace
def counter(name: str, value: str, trace: TraceId | None) -> None:
    """From a script: a number as it is from now on, drawn as a curve.

    For example: tracerd counter "open files" 17
    """
    if not _do(verbs.counter, verbs.Verb([name, value]), trace, ()):
        raise click.UsageError(f"{value!r} is not a number" if name else "NAME must not be empty")


@click.command()
@click.argument("text")
@click.option("--level", metavar="LEVEL", default=verbs.INFO, show_default=True, help="Such as debug, warning, error.")
@_attributes
@_trace
def log(text: str, level: str, given: tuple[str, ...], trace: TraceId | None) -> None:
    """From a script: a line as a program writes to its log.

    For example: tracerd log --level warning "disk is 90 % full"
    """
    verb = verbs.Verb([text])
    verb.level = level
    _do(verbs.log, verb, trace, given)
