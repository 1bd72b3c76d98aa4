"""`tracerd serve`: the daemon, in the foreground or in the background."""

import math
from pathlib import Path
from typing import Literal

import click

from tracerd.cli.options import directory_option, duration, size
from tracerd.core.limits import DEFAULT_MAX_LINE_BYTES, DEFAULT_MAX_UNFINISHED_BYTES
from tracerd.store.paths import daemon_log
from tracerd.text import printable

TLDRS_SOCKET = Path("/tmp/tldrs.socket")  # noqa: S108 (the path that OCaml clients know)


@click.command()
@click.option(
    "--socket",
    "sockets",
    type=click.Path(dir_okay=False, path_type=Path),
    multiple=True,
    metavar="PATH",
    help="Listen here instead of at $TRACERD_SOCKET or the usual place. May be given several times.",
)
@directory_option
@click.option("--tldrs", is_flag=True, help=f"Also listen on {TLDRS_SOCKET}, the OCaml client's default.")
@click.option(
    "--into-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write all events of all clients to this one log; OPEN is not needed.",
)
@click.option(
    "--max-line-bytes",
    type=click.IntRange(min=64),
    default=DEFAULT_MAX_LINE_BYTES,
    show_default=True,
    metavar="N",
    help="Refuse longer lines.",
)
@click.option(
    "--max-unfinished-bytes",
    type=click.IntRange(min=64),
    default=DEFAULT_MAX_UNFINISHED_BYTES,
    show_default=True,
    metavar="N",
    help="While unfinished lines together take more memory than this, refuse the longest one.",
)
@click.option(
    "--max-age",
    type=duration,
    default=math.inf,
    show_default="no limit",
    metavar="AGE",
    help="Remove traces whose last write is older, such as 30d.",
)
@click.option(
    "--compress-after",
    type=duration,
    default=math.inf,
    show_default="never",
    metavar="AGE",
    help="Compress logs whose last write is older, such as 7d.",
)
@click.option(
    "--max-total-size",
    type=size,
    default=math.inf,
    show_default="no limit",
    metavar="SIZE",
    help="Remove the oldest traces while all traces together are larger, such as 2GB.",
)
@click.option(
    "--max-trace-size",
    type=size,
    default=math.inf,
    show_default="no limit",
    metavar="SIZE",
    help="Refuse further events of a trace whose log has reached this size, such as 1GB.",
)
@click.option(
    "--fsync",
    type=click.Choice(["never", "close", "always"]),
    default="never",
    show_default=True,
    help="Sync logs to the disk when they are closed, or also before each OK; all clients wait for it.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default="info",
    show_default=True,
    help="The lowest level of messages on stderr.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Messages on stderr as text, or each as a JSON object in one line.",
)
@click.option(
    "--daemonize",
    is_flag=True,
    help="Run in the background, return when clients can connect, and write the daemon's stderr to a file.",
)
def serve(
    sockets: tuple[Path, ...],
    directory: Path,
    tldrs: bool,
    into_file: Path | None,
    max_line_bytes: int,
    max_unfinished_bytes: int,
    max_age: float,
    compress_after: float,
    max_total_size: float,
    max_trace_size: float,
    fsync: Literal["never", "close", "always"],
    log_level: str,
    log_format: Literal["text", "json"],
    daemonize: bool,
) -> None:
    """Run the daemon, until DIE, SIGTERM or Ctrl-C."""
    from tracerd.service.background import Parent, start  # these are slow to import, and serve is one command of many
    from tracerd.service.systemd import take_sockets

    passed = take_sockets()
    if passed and sockets:
        raise click.UsageError(
            "--socket has no place beside sockets passed by LISTEN_FDS; see ListenStream= of the unit"
        )
    if passed and daemonize:
        raise click.UsageError(
            "--daemonize has no place beside sockets passed by LISTEN_FDS; who passed them waits for us"
        )
    parent = Parent()
    if daemonize and not parent.waits:
        log = daemon_log()
        pid = start(log)
        click.echo(f"tracerd runs with pid {pid}; its log is {printable(str(log))}", err=True)
        return
    from tracerd.service import setup  # trio takes a while to import
    from tracerd.traces.retention import Limits

    config = setup.Config(
        sockets=sockets,
        more_sockets=[TLDRS_SOCKET] if tldrs else [],
        directory=directory,
        into_file=into_file,
        max_line_bytes=max_line_bytes,
        max_unfinished_bytes=max_unfinished_bytes,
        max_log_bytes=max_trace_size,
        fsync=fsync,
        limits=Limits(max_age, max_total_size, pack_after_s=compress_after),
        log_level=log_level,
        log_json=log_format == "json",
    )
    setup.serve(config, passed, parent)
