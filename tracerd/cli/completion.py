"""What a shell offers for a word that is not whole yet."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd.errors import TracerdError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def complete_file(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> "list[str] | list[CompletionItem]":
    """The files that begin so, which the shell itself looks for."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def complete_trace(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> "list[str] | list[CompletionItem]":
    """The trace ids that begin so, the one written last first, and `latest`; if there is none, files."""
    from tracerd.store.paths import log_dir
    from tracerd.traces.stored import LATEST, list_logs

    directory = context.params.get("directory")
    try:
        logs = list_logs(directory if isinstance(directory, Path) else log_dir())
    except TracerdError:
        return complete_file(context, parameter, incomplete)
    names = [LATEST, *(log.trace_id for log in reversed(logs) if log.trace_id.isprintable())]
    found = [name for name in names if name.startswith(incomplete)]
    return found or complete_file(context, parameter, incomplete)
