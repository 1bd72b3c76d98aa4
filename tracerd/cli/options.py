"""Options that several commands share."""

from pathlib import Path

import click

from tracerd.errors import TracerdError
from tracerd.paths import log_dir
from tracerd.where import socket_path


def complete_trace(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The trace ids that begin so, the one written last first, and `latest`: for the completion of a shell."""
    from tracerd.spool import LATEST, list_logs

    directory = context.params.get("directory")
    try:
        logs = list_logs(directory if isinstance(directory, Path) else log_dir())
    except TracerdError:
        return []
    names = [LATEST, *(log.trace_id for log in reversed(logs) if log.trace_id.isprintable())]
    return [name for name in names if name.startswith(incomplete)]


directory_option = click.option(
    "-d",
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=log_dir,
    show_default="$TRACERD_DIR, or the user's data directory",
    help="Where the logs are.",
)

socket_option = click.option(
    "--socket",
    type=click.Path(dir_okay=False, path_type=Path),
    default=lambda: Path(socket_path()),
    show_default="$TRACERD_SOCKET, or the usual place",
    help="The daemon's socket.",
)

trace_argument = click.argument("trace", shell_complete=complete_trace)
