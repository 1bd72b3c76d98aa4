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
@click.option("--json", "as_json", is_flag=True, help="One JSON object per check and line.")
def doctor(socket: Path, directory: Path, as_json: bool) -> None:
    """Check socket, daemon, directory and system, and suggest what to do. Exit 1 if a check fails."""
    from tracerd.cli.doctor_checks import examine
    from tracerd.cli.doctor_severity import Severity

    failed = False
    for check in examine(socket, directory, os.environ):
        failed = failed or check.severity is Severity.FAIL
        text = printable(check.text)
        if as_json:
            click.echo(json.dumps({"level": check.severity, "subject": check.subject, "text": text}))
        else:
            click.echo(f"{check.severity:<4}  {check.subject:<11}  {text}")
    if failed:
        raise SystemExit(1)
