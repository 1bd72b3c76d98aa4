"""`tracerd dir`: where the logs are."""

import click

from tracerd.store.paths import log_dir


@click.command("dir")
def dir_command() -> None:
    """Print the trace directory."""
    click.echo(str(log_dir().absolute()))
