"""`tracerd stop`: let the daemon end."""

import time
from pathlib import Path

import click

from tracerd.cli.options import socket_option
from tracerd.errors import NoDaemonError
from tracerd.text import plural

PATIENCE_S = 10.0
POLL_S = 0.02


@click.command()
@socket_option
@click.option("--now", is_flag=True, help="Stop even if clients are connected; what they have written is kept.")
def stop(socket: Path, now: bool) -> None:
    """Stop the daemon when its last client has gone."""
    import msgspec

    from tracerd.daemon.status import DaemonStatus
    from tracerd.service.control import ask, daemon_pid
    from tracerd.store.lock import holder, lock_path

    pid = daemon_pid(socket)
    reply = ask(socket, b"DIE\n" if now else b"DIE_WHEN_IDLE\nSTATUS\n")
    if not now:
        others = msgspec.json.decode(reply, type=DaemonStatus).clients - 1
        if others:
            click.echo(
                f"the daemon with pid {pid} stops after its {plural(others, 'other client')} (--now does not wait)",
                err=True,
            )
            return
    until_s = time.monotonic() + PATIENCE_S
    while holder(lock_path(socket)) == pid:
        if time.monotonic() > until_s:
            raise NoDaemonError(f"the daemon with pid {pid} is still busy stopping after {PATIENCE_S:.0f} s")
        time.sleep(POLL_S)
