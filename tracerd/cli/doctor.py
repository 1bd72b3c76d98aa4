"""`tracerd doctor`: what could keep tracing from working here; each check says what to do about it.

Nothing is changed, and no daemon is started: with socket activation a mere connect would do that.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from tracerd.cli.doctor_daemon import check_daemon, check_leftovers, check_socket
from tracerd.cli.doctor_directory import check_directory, check_exec_logs, check_owner, check_rejects, check_space
from tracerd.cli.doctor_severity import Check, Severity
from tracerd.cli.doctor_system import check_clock, check_descriptors, check_environment, check_speedups, check_units
from tracerd.cli.options import any_directory_option, any_socket_option
from tracerd.store.lock import holder, lock_path
from tracerd.text import printable


@click.command()
@any_socket_option
@any_directory_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object per check and line.")
def doctor(socket: Path, directory: Path, as_json: bool) -> None:
    """Check socket, daemon, directory and system, and suggest what to do. Exit 1 if a check fails."""
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


def examine(socket: Path, directory: Path, environ: Mapping[str, str]) -> Iterator[Check]:
    """Run all checks."""
    socket, directory = Path(os.path.abspath(socket)), Path(os.path.abspath(directory))
    pid = holder(lock_path(socket))
    yield check_socket(socket, pid)
    yield check_daemon(socket, directory, pid)
    yield check_directory(directory)
    yield check_owner(directory, pid)
    yield check_space(directory)
    yield check_units()
    yield check_speedups(environ)
    yield check_descriptors(pid)
    yield check_clock()
    yield check_environment(environ)
    yield check_exec_logs(directory)
    yield check_rejects(directory)
    yield check_leftovers(socket)
