"""Options that several commands share."""

from pathlib import Path

import click

from tracerd.paths import log_dir
from tracerd.where import socket_path

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
