"""`tracerd serve`: the daemon, in the foreground or in the background."""

import gc
import logging
import math
import os
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from tracerd.cli.options import directory_option, duration, size
from tracerd.core.limits import DEFAULT_MAX_LINE_BYTES, DEFAULT_MAX_UNFINISHED_BYTES
from tracerd.errors import InvalidTraceIdError, UnsafePathError
from tracerd.socket_path import socket_path
from tracerd.store.paths import daemon_log
from tracerd.text import printable

if TYPE_CHECKING:
    from tracerd.daemon.server import Server
    from tracerd.trace_id import TraceId

TLDRS_SOCKET = Path("/tmp/tldrs.socket")  # noqa: S108 (the path that OCaml clients know)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

logger = logging.getLogger(__name__)


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
    help="Refuse the longest line that has not ended yet while all of them take more memory.",
)
@click.option(
    "--max-age",
    type=duration,
    default=math.inf,
    show_default="no limit",
    metavar="AGE",
    help="Remove traces that were last written longer ago, such as 30d.",
)
@click.option(
    "--max-total-size",
    type=size,
    default=math.inf,
    show_default="no limit",
    metavar="SIZE",
    help="Remove the oldest traces while all together are larger, such as 2GB.",
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
    help="Bring logs to the disk: when they are closed, or then and before each OK; all clients wait for it.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default="info",
    show_default=True,
    help="What to say on stderr.",
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
    max_total_size: float,
    max_trace_size: float,
    fsync: Literal["never", "close", "always"],
    log_level: str,
    daemonize: bool,
) -> None:
    """Run the daemon, until DIE, SIGTERM or Ctrl-C."""
    from tracerd.daemon.background import Parent, start  # these are slow to import, and serve is one command of many
    from tracerd.daemon.systemd import notify, take_sockets

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
    from tracerd.daemon.listeners import AnyListener, Listener, PassedListener
    from tracerd.daemon.server import Server  # trio takes a while to import
    from tracerd.daemon.stderr_log import StderrHandler
    from tracerd.store.export import Forbidden
    from tracerd.store.lock import LOCK_NAME, Lock, TraceDirectory, lock_path
    from tracerd.store.paths import check_private, make_private
    from tracerd.store.rejects import rejects_path
    from tracerd.store.retention import Limits

    # From the first moment that clients can connect, a signal is an orderly stop: it waits until we listen to it. It
    # comes before the first thread, which would take it otherwise.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    handler = StderrHandler()
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s", level=log_level.upper(), handlers=[handler], force=True
    )
    _raise_descriptor_limit()
    directory = directory.absolute()
    named = [(path, True) for path in sockets]
    if not named and not passed:
        named.append((Path(socket_path()), False))
    if tldrs:
        named.append((TLDRS_SOCKET, True))
    socket_paths = [path for path, _ in named] + [Path(name) for sock in passed if (name := _path_of(sock))]
    with parent.told_of_errors(), ExitStack() as stack:
        stack.callback(handler.close)
        make_private(directory)
        check_private(directory)
        own_files = {os.path.realpath(f(path)) for path in socket_paths for f in (Path, lock_path)}
        own_files.add(os.path.realpath(directory / LOCK_NAME))
        only_trace = None
        if into_file:
            only_trace = _only_trace(into_file)
            _, log = only_trace
            log_files = {os.path.realpath(f(log)) for f in (Path, rejects_path, lock_path)}
            # A lock is emptied when it is taken: look before any is.
            if shared := own_files & log_files:
                raise UnsafePathError(f"cannot use {log}: {min(shared)} is a socket or lock of the daemon's own")
            stack.callback(Lock(lock_path(log), f"the file {log}").release)
            own_files |= log_files
        trace_directory = TraceDirectory(directory, LOCK_NAME)
        stack.callback(trace_directory.release)
        listeners: list[AnyListener] = []
        for sock in passed:
            listeners.append(PassedListener(sock))
            stack.callback(listeners[-1].close)
        for path, is_named in named:
            listeners.append(Listener(path, named=is_named))
            stack.callback(listeners[-1].close)
        for listener in listeners:
            logger.info("listening on %s", listener.path)
        server = Server(
            listeners,
            directory,
            only_trace=only_trace,
            max_line_bytes=max_line_bytes,
            max_unfinished_bytes=max_unfinished_bytes,
            max_log_bytes=max_trace_size,
            fsync=fsync,
            ensure_directory=trace_directory.ensure,
            limits=Limits(max_age, max_total_size),
            forbidden=Forbidden(os.path.realpath(directory), frozenset(own_files)),
        )
        if parent.waits:
            os.chdir("/")  # every path is absolute by now; nobody has to wait for us to unmount a disk

        def tell_ready() -> None:
            notify("READY=1", f"STATUS=logs in {printable(str(directory))}")
            parent.tell_ready()

        _run(server, tell_ready)
        logger.info("stopped")


def _run(server: "Server", tell_ready: Callable[[], None]) -> None:
    import trio

    from tracerd.daemon.systemd import notify

    async def stop_at_signal(task_status: trio.TaskStatus[None]) -> None:
        with trio.open_signal_receiver(*STOP_SIGNALS) as received:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
            task_status.started()
            async for _ in received:
                server.stop()

    async def tell_stopping() -> None:
        await server.wait_stopping()
        notify("STOPPING=1", "STATUS=reading all connections to their end")

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(stop_at_signal)
            nursery.start_soon(tell_stopping)
            tell_ready()
            await server.run()
            nursery.cancel_scope.cancel()

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a closed terminal is no reason to lose the next event
    # What is imported stays: the collector need not look at it again. Connections are freed by reference counts.
    gc.freeze()
    gc.set_threshold(50_000)
    trio.run(run)


def _raise_descriptor_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _path_of(sock: socket.socket) -> str:
    """The path of a Unix socket; empty if it has none."""
    name = os.fsdecode(sock.getsockname())
    return name if name.startswith("/") else ""


def _only_trace(path: Path) -> "tuple[TraceId, Path]":
    """The trace id and log of `--into-file`.

    Raises:
        UnsafePathError: The file holds something else than a log, or no events could be written to it.
    """
    from tracerd.core.lines import BadLine, check_line
    from tracerd.trace_id import TraceId

    path = path.absolute()
    first = _first_line(path)
    if first and isinstance(check_line(first.strip(b" \t\r\n")), BadLine):
        raise UnsafePathError(
            f"{path} does not begin with a line that is a JSON object: it is no log; choose another file"
        )
    try:
        return TraceId(path.name.removesuffix(".jsonl")), path
    except InvalidTraceIdError as error:
        raise UnsafePathError(f"cannot use {path}: {error}") from None


def _first_line(path: Path) -> bytes:
    """The first line of a log that can be written, empty if there is none yet; nothing is made.

    Raises:
        UnsafePathError: No log can be written here.
    """
    try:
        if not path.parent.is_dir():
            raise UnsafePathError(f"there is no directory {path.parent}; make it first")
        if path.is_symlink():
            raise UnsafePathError(f"{path} is a symbolic link; give the file itself")
        if not path.exists():
            if not os.access(path.parent, os.W_OK | os.X_OK):
                raise UnsafePathError(f"cannot write into the directory {path.parent}")
            return b""
        if not path.is_file():
            raise UnsafePathError(f"{path} is not a regular file")
        with path.open("r+b") as file:
            return file.readline()
    except OSError as error:
        raise UnsafePathError(f"cannot write {path}: {error.strerror}") from None
