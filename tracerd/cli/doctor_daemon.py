"""Checks of the socket and of the daemon behind it. No daemon is started: a mere connect could do that."""

import os
import stat
from pathlib import Path

import msgspec

from tracerd import __version__
from tracerd.cli.doctor_severity import Check, fail, ok, warn
from tracerd.daemon.listeners import MAX_SOCKET_PATH_BYTES
from tracerd.daemon.status import DaemonStatus
from tracerd.errors import NoDaemonError, TracerdError, UnsafePathError
from tracerd.service.control import ask
from tracerd.store.lock import hidden, lock_path
from tracerd.store.paths import check_private
from tracerd.text import plural

ANSWER_S = 2.0
"""A daemon answers within milliseconds; one that does not within this is in trouble."""


def check_socket(path: Path, pid: int | None) -> Check:
    """Whether clients can connect, and others cannot."""
    subject = "socket"
    if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
        return fail(
            subject, f"{path} is longer than {MAX_SOCKET_PATH_BYTES} bytes; set TRACERD_SOCKET to a shorter path"
        )
    try:
        if path.parent.exists():
            check_private(path.parent, sticky_allowed=True)
        status = path.lstat()
    except UnsafePathError as error:
        return fail(subject, str(error))
    except FileNotFoundError:
        if pid is not None:
            return fail(
                subject, f"{path} was removed under the daemon with pid {pid}; run kill {pid}, then tracerd serve"
            )
        return warn(subject, f"{path} does not exist; tracerd serve makes it")
    except OSError as error:
        return fail(subject, f"cannot read {path}: {error.strerror}; set TRACERD_SOCKET to another path")
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISSOCK(status.st_mode):
        return fail(subject, f"{path} is no socket; remove it, or set TRACERD_SOCKET to another path")
    if status.st_uid not in (os.geteuid(), 0):
        return fail(
            subject, f"{path} belongs to another user (uid {status.st_uid}); set TRACERD_SOCKET to another path"
        )
    if not os.access(path, os.W_OK):
        return fail(subject, f"{path} has mode {mode:04o} and takes no clients; run chmod 600 on it")
    if mode & 0o077:
        return warn(subject, f"{path} has mode {mode:04o}, so others may connect; run chmod 600 on it")
    return ok(subject, f"{path}, uid {status.st_uid}, mode {mode:04o}")


def check_daemon(path: Path, directory: Path, pid: int | None) -> Check:
    """Whether a daemon runs, answers, and has lost nothing."""
    subject = "daemon"
    if pid is None:
        if why := hidden(lock_path(path)):
            return warn(subject, f"{why}; nobody knows whether one runs")
        if _is_listened_on(path):
            return warn(
                subject,
                "none runs, but something listens: systemd, which starts it for the first client, or another program; "
                "compare systemctl --user status tracerd.socket",
            )
        return warn(subject, "none is running; tracerd exec starts one when it needs it, tracerd serve does now")
    try:
        status = msgspec.json.decode(ask(path, b"STATUS\n", ANSWER_S), type=DaemonStatus)
    except msgspec.DecodeError:
        return fail(subject, f"what answers is no tracerd of version {__version__}; stop pid {pid}, then tracerd serve")
    except NoDaemonError as error:
        return fail(subject, f"{error}; run kill -CONT {pid}, and if that does not help kill -KILL {pid}")
    except TracerdError as error:
        return fail(subject, str(error))
    if status.version != __version__:
        return warn(subject, f"pid {pid} is version {status.version} and this is {__version__}; restart the daemon")
    if waiting := sum(trace.waiting for trace in status.traces.values()):
        events = plural(waiting, "event")
        return warn(subject, f"pid {pid} keeps {events} in memory: a log cannot be written; its own log says why")
    if status.totals.lost:
        return warn(subject, f"pid {pid} has lost {plural(status.totals.lost, 'event')}; its own log says why")
    if not _is_same(Path(status.directory), directory):
        return warn(
            subject,
            f"pid {pid} keeps its logs in {status.directory}, not in {directory}; set TRACERD_DIR to its directory",
        )
    return ok(subject, f"pid {pid} holds the lock and answers, version {status.version}")


def _is_listened_on(path: Path) -> bool:
    """Whether a socket listens there, found out without a connect."""
    accepts = 0x10000  # __SO_ACCEPTCON
    try:
        lines = Path("/proc/net/unix").read_bytes().splitlines()[1:]
    except OSError:
        return False
    fields = (line.split(maxsplit=7) for line in lines)
    return any(len(field) == 8 and field[7] == bytes(path) and int(field[3], 16) & accepts for field in fields)


def _is_socket(path: Path) -> bool:
    try:
        return path.is_socket()
    except OSError:  # check_socket reports it
        return False


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return one == other


def check_leftovers(socket: Path) -> Check:
    """Whether sockets are left of daemons that have ended."""
    places = (socket, Path("/tmp/tldrs.socket"), Path(f"/tmp/tracerd-{os.geteuid()}/tracerd.socket"))  # noqa: S108 (looked at only)
    stale = [str(path) for path in dict.fromkeys(places) if _is_socket(path) and not _is_listened_on(path)]
    if stale:
        return warn(
            "leftovers", f"no process listens on {', '.join(stale)} any more; tracerd serve takes over, or remove it"
        )
    return ok("leftovers", "none")
