"""Putting a daemon together: checks, locks, listeners, signals, in an order that leaves nothing behind.

What could be destroyed by a mistake is checked before anything is locked or made. The signals are blocked before the
first thread and before clients can connect, so that each of them is an orderly stop.
"""

import gc
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import trio

from tracerd.core.lines import BadLine, check_line
from tracerd.daemon.listeners import AnyListener, Listener, PassedListener
from tracerd.daemon.server import Server
from tracerd.daemon.trace_files import Fsync
from tracerd.errors import InvalidTraceIdError, UnsafePathError
from tracerd.service.background import Parent
from tracerd.service.stderr_log import StderrHandler
from tracerd.service.systemd import notify
from tracerd.socket_path import socket_path
from tracerd.store.directory import LOCK_NAME, TraceDirectory
from tracerd.store.lock import Lock, lock_path
from tracerd.store.paths import check_private, make_private
from tracerd.store.rejects import rejects_path
from tracerd.text import printable
from tracerd.trace_id import TraceId
from tracerd.traces.retention import Limits

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Config:
    """What `tracerd serve` was asked for.

    Attributes:
        sockets: Where to listen, besides what a service manager passes; the usual place if there is none of both.
        more_sockets: Where to listen in any case.
        directory: Where the logs are.
        into_file: The one log of all clients.
        max_line_bytes: Longer lines are refused.
        max_unfinished_bytes: What lines that have not ended yet may take together.
        max_log_bytes: A log that has reached this size takes no more.
        fsync: When logs are brought to the disk.
        limits: What may stay in the directory.
        log_level: The least level that is logged.
        log_json: Whether each line of the log is a JSON object.
    """

    sockets: Sequence[Path]
    more_sockets: Sequence[Path]
    directory: Path
    into_file: Path | None
    max_line_bytes: int
    max_unfinished_bytes: int
    max_log_bytes: float
    fsync: Fsync
    limits: Limits
    log_level: str
    log_json: bool


def serve(config: Config, passed: Sequence[socket.socket], parent: Parent) -> None:
    """Run a daemon in this process until it is stopped.

    Args:
        config: What was asked for.
        passed: Listening sockets from a service manager.
        parent: The process that waits until clients can connect, if there is one.

    Raises:
        TracerdError: It cannot start; the message is the reason.
    """
    # A signal waits until we listen to it. This comes before the first thread, which would take it otherwise.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    handler = StderrHandler(as_json=config.log_json)
    logging.basicConfig(level=config.log_level.upper(), handlers=[handler], force=True)
    _raise_descriptor_limit()
    with parent.sent_errors(), ExitStack() as stack:
        stack.callback(handler.close)
        server = _assemble(config, passed, stack)
        if parent.waits:
            os.chdir("/")  # every path is absolute by now, and no disk is kept from being unmounted

        def report_ready() -> None:
            notify("READY=1", f"STATUS=logs in {printable(str(config.directory.absolute()))}")
            parent.send_ready()

        _run(server, report_ready)
        logger.info("stopped")


def _assemble(config: Config, passed: Sequence[socket.socket], stack: ExitStack) -> Server:
    """A server that holds its locks and listens; the stack gives them back."""
    named = [(path, True) for path in config.sockets]
    if not named and not passed:
        named.append((Path(socket_path()), False))
    named += [(path, True) for path in config.more_sockets]
    socket_paths = [path for path, _ in named] + [Path(name) for sock in passed if (name := _path_of(sock))]
    directory = config.directory.absolute()
    make_private(directory)
    check_private(directory)
    own_files = {os.path.realpath(f(path)) for path in socket_paths for f in (Path, lock_path)}
    own_files.add(os.path.realpath(directory / LOCK_NAME))
    only_trace = None
    if config.into_file:
        only_trace = _only_trace(config.into_file)
        own_files |= _lock_only_log(only_trace[1], own_files, stack)
    trace_directory = TraceDirectory(directory, own_files)
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
    return Server(
        listeners,
        trace_directory,
        only_trace=only_trace,
        max_line_bytes=config.max_line_bytes,
        max_unfinished_bytes=config.max_unfinished_bytes,
        max_log_bytes=config.max_log_bytes,
        fsync=config.fsync,
        limits=config.limits,
    )


def _lock_only_log(log: Path, own_files: set[str], stack: ExitStack) -> set[str]:
    """Lock the log of `--into-file`; the resolved paths of the files that belong to it.

    Raises:
        InUseError: Another daemon writes it.
        UnsafePathError: It is a file of the daemon's own.
    """
    log_files = {os.path.realpath(f(log)) for f in (Path, rejects_path, lock_path)}
    # A lock is emptied when it is taken: check before any is.
    if shared := own_files & log_files:
        raise UnsafePathError(f"cannot use {log}: {min(shared)} is a socket or lock of the daemon's own")
    stack.callback(Lock(lock_path(log), f"the file {log}").release)
    return log_files


def _run(server: Server, report_ready: Callable[[], None]) -> None:
    async def stop_at_signal(task_status: trio.TaskStatus[None]) -> None:
        with trio.open_signal_receiver(*STOP_SIGNALS) as received:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
            task_status.started()
            async for _ in received:
                server.stop()

    async def report_stopping() -> None:
        await server.wait_stopping()
        notify("STOPPING=1", "STATUS=reading all connections to their end")

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(stop_at_signal)
            nursery.start_soon(report_stopping)
            report_ready()
            await server.run()
            nursery.cancel_scope.cancel()

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a closed terminal is no reason to lose the next event
    # What is imported stays: the collector need not visit it again. Connections are freed by reference counts.
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


def _only_trace(path: Path) -> tuple[TraceId, Path]:
    """The trace id and log of `--into-file`.

    Raises:
        UnsafePathError: The file holds something else than a log, or no events could be written to it.
    """
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
