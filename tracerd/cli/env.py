"""`tracerd env`: the variables by which a program finds the daemon and its trace, for a shell."""

import json
import os
import shlex
import sys
from pathlib import Path

import click

from tracerd import trace_id
from tracerd.errors import InvalidTraceIdError
from tracerd.socket_path import socket_path
from tracerd.store.paths import check_private
from tracerd.text import encodable
from tracerd.trace_id import TraceId


@click.command()
@click.option("--new", is_flag=True, help="Begin a new trace.")
@click.option("--fish", is_flag=True, help="For fish: tracerd env --new --fish | source")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
def env(new: bool, fish: bool, as_json: bool) -> None:
    """Print the variables with which programs join one trace: eval "$(tracerd env --new)".

    Without --new the trace stays that of $TRACERD_TRACE_ID, if it is set.
    """
    if fish and as_json:
        raise click.UsageError("give either --fish or --json")
    variables = _variables(trace_id.new() if new else _present_trace_id())
    if as_json:
        # JSON has no way to write bytes that are not UTF-8.
        shown = {name: encodable(value) for name, value in variables.items()}
        click.echo(json.dumps(shown, ensure_ascii=False))
        return
    for name, value in variables.items():
        line = f"set -gx {name} {_fish_quoted(value)};\n" if fish else f"export {name}={shlex.quote(value)};\n"
        sys.stdout.buffer.write(os.fsencode(line))


def _variables(trace: TraceId | None) -> dict[str, str]:
    """Each value twice: the OCaml library trace-tef.tldrs has names of its own."""
    path = Path(os.path.abspath(socket_path()))
    if not os.environ.get("TRACERD_SOCKET") and path.parent.exists():
        check_private(path.parent)  # a default that another user could have taken before us
    variables = {"TRACERD_SOCKET": str(path), "TRACE_TEF_TLDR_SOCKET": str(path)}
    if trace is not None:
        variables |= {"TRACERD_TRACE_ID": trace, "TRACE_TEF_TLDR_TRACE_ID": trace}
    return variables


def _present_trace_id() -> TraceId | None:
    present = os.environ.get("TRACERD_TRACE_ID")
    try:
        return TraceId(present) if present else None
    except InvalidTraceIdError as error:
        raise InvalidTraceIdError(f"TRACERD_TRACE_ID: {error}; --new makes another one") from None


def _fish_quoted(text: str) -> str:
    r"""In fish a single quote and a backslash are escaped inside single quotes, and nothing else is."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
