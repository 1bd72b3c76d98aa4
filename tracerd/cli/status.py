"""`tracerd status`: what the daemon is doing."""

from pathlib import Path

import click

from tracerd.cli.options import socket_option
from tracerd.errors import NoDaemonError
from tracerd.text import plural, printable


@click.command()
@socket_option
@click.option("--json", "as_json", is_flag=True, help="Print the daemon's JSON line as it is.")
def status(socket: Path, as_json: bool) -> None:
    """Show the running daemon: its totals, and the traces that have clients. Exit 1 if there is none."""
    import msgspec

    from tracerd.daemon.status import DaemonStatus
    from tracerd.service.control import ask

    reply = ask(socket, b"STATUS\n")
    if as_json:
        click.echo(reply.decode().rstrip("\n"))
        return
    try:
        daemon = msgspec.json.decode(reply, type=DaemonStatus)
    except msgspec.DecodeError:
        raise NoDaemonError(f"what answers on {socket} is no tracerd of this version") from None
    totals = daemon.totals
    click.echo(
        f"tracerd {daemon.version}, pid {daemon.pid}, up {daemon.uptime_s:.0f} s, logs in {printable(daemon.directory)}"
    )
    click.echo(
        f"{plural(daemon.clients - 1, 'client')} besides this one; events: {totals.stored} stored, "
        f"{totals.repaired} repaired, {totals.refused} refused, {totals.lost} lost"
    )
    if daemon.git.processes:
        git = daemon.git
        click.echo(f"git: {plural(git.processes, 'process')}, {plural(git.unknown_events, 'unknown event')}")
    for trace_id, trace in daemon.traces.items():
        waiting = f", {trace.waiting} wait until the log can be written" if trace.waiting else ""
        click.echo(
            f"trace {printable(trace_id)}: {trace.stored} stored, {trace.refused} refused, {trace.lost} lost{waiting}"
        )
        for client in trace.clients:
            click.echo(
                f"  pid {client.pid} ({printable(client.comm or 'gone')}): "
                f"{plural(client.lines, 'line')} in {client.seconds:.1f} s"
            )
