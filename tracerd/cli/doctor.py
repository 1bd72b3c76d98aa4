"""`tracerd doctor`: what could keep tracing from working here."""

import json
import os
from pathlib import Path

import click

from tracerd.cli.options import directory_option, socket_option
from tracerd.text import printable


@click.command()
@socket_option
@directory_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object per finding and line.")
def doctor(socket: Path, directory: Path, as_json: bool) -> None:
    """Look at socket, daemon, directory and system, and say what to do. Exit 1 if anything fails."""
    from tracerd.cli.doctor_checks import Level, examine

    failed = False
    for finding in examine(socket, directory, os.environ):
        failed = failed or finding.level is Level.FAIL
        text = printable(finding.text)
        if as_json:
            click.echo(json.dumps({"level": finding.level, "subject": finding.subject, "text": text}))
        else:
            click.echo(f"{finding.level:<4}  {finding.subject:<11}  {text}")
    if failed:
        raise SystemExit(1)
