"""What could keep tracing from working here: each thing looked at is one finding, and says what to do about it.

Nothing is changed, and no daemon is started: with socket activation a mere connect would do that.
"""

import enum
import os
import re
import resource
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tracerd import __version__
from tracerd.daemon.control import ask
from tracerd.daemon.listeners import MAX_SOCKET_PATH_BYTES
from tracerd.daemon.status import DaemonStatus
from tracerd.errors import InvalidTraceIdError, NoDaemonError, TracerdError, UnsafePathError
from tracerd.store.directory import LOCK_NAME
from tracerd.store.lock import holder, lock_path
from tracerd.store.paths import check_private
from tracerd.store.rejects import rejects_path
from tracerd.store.traces import list_traces
from tracerd.text import size_text
from tracerd.trace_id import TraceId

ANSWER_S = 2.0
"""A daemon answers within milliseconds; one that does not within this is in trouble."""

LITTLE_SPACE = 1_000_000_000
NO_SPACE = 50_000_000
"""Bytes: a build can write the first while it runs, and the second in a second."""

FEW_DESCRIPTORS = 4096
"""A parallel build has hundreds of clients at once, each with one descriptor, and each open trace has two."""

UNITS = ("tracerd.socket", "tracerd.service")

SUSPENDED_S = 1.0
"""CLOCK_BOOTTIME is read a moment after CLOCK_MONOTONIC; more than this is time asleep."""


class Level(enum.StrEnum):
    """How bad it is."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one thing."""

    level: Level
    subject: str
    text: str


def examine(socket: Path, directory: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    """All findings.

    Args:
        socket: Where clients look for the daemon.
        directory: Where commands look for logs.
        environ: What the programs to be traced inherit.
    """
    socket, directory = Path(os.path.abspath(socket)), Path(os.path.abspath(directory))
    pid = holder(lock_path(socket))
    yield _socket(socket, pid)
    yield _daemon(socket, directory, pid)
    yield _directory(directory)
    yield _owner(directory, pid)
    yield _space(directory)
    yield _units()
    yield _descriptors(pid)
    yield _clock()
    yield _environment(environ)
    yield _accounts(directory)
    yield _leftovers(socket)


def _ok(subject: str, text: str) -> Finding:
    return Finding(Level.OK, subject, text)


def _warn(subject: str, text: str) -> Finding:
    return Finding(Level.WARN, subject, text)


def _fail(subject: str, text: str) -> Finding:
    return Finding(Level.FAIL, subject, text)


# ------------------------------------------------------------------ socket and daemon


def _socket(path: Path, pid: int | None) -> Finding:
    subject = "socket"
    if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
        return _fail(
            subject, f"{path} is longer than {MAX_SOCKET_PATH_BYTES} bytes; set TRACERD_SOCKET to a shorter path"
        )
    try:
        if path.parent.exists():
            check_private(path.parent, sticky_allowed=True)
        status = path.lstat()
    except UnsafePathError as error:
        return _fail(subject, str(error))
    except FileNotFoundError:
        if pid is not None:
            return _fail(
                subject, f"{path} was removed under the daemon with pid {pid}; run kill {pid}, then tracerd serve"
            )
        return _warn(subject, f"{path} does not exist; tracerd serve makes it")
    except OSError as error:
        return _fail(subject, f"cannot look at {path}: {error.strerror}; set TRACERD_SOCKET to another path")
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISSOCK(status.st_mode):
        return _fail(subject, f"{path} is no socket; remove it, or set TRACERD_SOCKET to another path")
    if status.st_uid not in (os.geteuid(), 0):
        return _fail(
            subject, f"{path} belongs to another user (uid {status.st_uid}); set TRACERD_SOCKET to another path"
        )
    if not os.access(path, os.W_OK):
        return _fail(subject, f"{path} has mode {mode:04o} and takes no clients; run chmod 600 on it")
    if mode & 0o077:
        return _warn(subject, f"{path} has mode {mode:04o}, so others may connect; run chmod 600 on it")
    return _ok(subject, f"{path}, uid {status.st_uid}, mode {mode:04o}")


def _daemon(path: Path, directory: Path, pid: int | None) -> Finding:
    subject = "daemon"
    if pid is None:
        if _is_listened_on(path):
            return _warn(
                subject,
                "none runs, but something listens: systemd, which starts it for the first client, or another program; "
                "compare systemctl --user status tracerd.socket",
            )
        return _fail(subject, "none is running; tracerd serve starts one")
    try:
        told = msgspec.json.decode(ask(path, b"STATUS\n", ANSWER_S), type=DaemonStatus)
    except msgspec.DecodeError:
        return _fail(
            subject, f"what answers is no tracerd of version {__version__}; stop pid {pid}, then tracerd serve"
        )
    except NoDaemonError as error:
        return _fail(subject, f"{error}; run kill -CONT {pid}, and if that does not help kill -KILL {pid}")
    except TracerdError as error:
        return _fail(subject, str(error))
    if told.version != __version__:
        return _warn(subject, f"pid {pid} is version {told.version} and this is {__version__}; restart the daemon")
    if waiting := sum(trace.waiting for trace in told.traces.values()):
        return _warn(
            subject, f"pid {pid} keeps {waiting} events in memory: a log cannot be written; its own log says why"
        )
    if told.totals.lost:
        return _warn(subject, f"pid {pid} has lost {told.totals.lost} events; its own log says why")
    if not _is_same(Path(told.directory), directory):
        return _warn(
            subject,
            f"pid {pid} keeps its logs in {told.directory}, not in {directory}; set TRACERD_DIR to its directory",
        )
    return _ok(subject, f"pid {pid} holds the lock and answers, version {told.version}")


def _is_listened_on(path: Path) -> bool:
    """Whether a socket listens there, found out without a connect."""
    accepts = 0x10000  # __SO_ACCEPTCON
    try:
        lines = Path("/proc/net/unix").read_bytes().splitlines()[1:]
    except OSError:
        return False
    fields = (line.split(maxsplit=7) for line in lines)
    return any(len(field) == 8 and field[7] == bytes(path) and int(field[3], 16) & accepts for field in fields)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return one == other


# ------------------------------------------------------------------ directory


def _directory(directory: Path) -> Finding:
    subject = "directory"
    if not directory.exists():
        return _warn(subject, f"{directory} does not exist; tracerd serve makes it")
    try:
        check_private(directory)
    except UnsafePathError as error:
        return _fail(subject, str(error))
    status = directory.stat()
    mode = stat.S_IMODE(status.st_mode)
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return _fail(
            subject, f"{directory} (uid {status.st_uid}, mode {mode:04o}) cannot be written; run chmod u+rwx on it, "
            "or set TRACERD_DIR to another"
        )  # fmt: skip
    if mode & 0o077:
        return _warn(subject, f"{directory} has mode {mode:04o}, so others may look in; run chmod 700 on it")
    return _ok(subject, f"{directory}, uid {status.st_uid}, mode {mode:04o}, writable")


def _owner(directory: Path, socket_pid: int | None) -> Finding:
    pid = holder(directory / LOCK_NAME)
    if pid is None:
        return _ok("lock", "no daemon uses the directory")
    if pid != socket_pid:
        return _warn(
            "lock",
            f"pid {pid} uses the directory, and listens on another socket; set TRACERD_SOCKET to that, or stop it",
        )
    return _ok("lock", f"pid {pid} uses the directory")


def _space(directory: Path) -> Finding:
    there = next(path for path in (directory, *directory.parents) if path.exists())
    try:
        system = os.statvfs(there)
    except OSError as error:
        return _warn("space", f"cannot look at {there}: {error.strerror}; see df {there}")
    return space_finding(system.f_bavail * system.f_frsize, system.f_favail if system.f_files else None)


def space_finding(free: int, free_files: int | None) -> Finding:
    """What so much room says.

    Args:
        free: Bytes that we may still write.
        free_files: Files that we may still make; None where nobody counts them.
    """
    do = "run tracerd clear, or start the daemon with --max-total-size"
    if free_files == 0:
        return _fail("space", f"no file can be made any more; {do}")
    if free < NO_SPACE:
        return _fail("space", f"only {size_text(free)} free: events will be lost; {do}")
    if free < LITTLE_SPACE:
        return _warn("space", f"only {size_text(free)} free; {do}")
    return _ok("space", f"{size_text(free)} free")


# ------------------------------------------------------------------ the system


def _units() -> Finding:
    subject = "unit"
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        return _ok(subject, "not checked: there is no systemctl")
    command = [systemctl, "--user", "show", "--property=Id,LoadState,ActiveState", *UNITS]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return _ok(subject, "not checked: systemctl does not answer")
    if done.returncode:
        return _ok(subject, "not checked: no user manager of systemd answers")
    units = [dict(re.findall(r"^(\w+)=(.*)$", block, re.MULTILINE)) for block in done.stdout.split("\n\n")]
    states = {str(unit.get("Id")): str(unit.get("ActiveState")) for unit in units if unit.get("LoadState") == "loaded"}
    if not states:
        return _ok(subject, 'not installed; see "As a service" in the README')
    for name, state in states.items():
        if state == "failed":
            return _fail(subject, f"{name} has failed; see journalctl --user -u {name}")
    if "active" not in states.values():
        return _warn(subject, f"{', '.join(states)} not active; run systemctl --user start {next(iter(states))}")
    return _ok(subject, ", ".join(f"{name} {state}" for name, state in states.items()))


def _descriptors(pid: int | None) -> Finding:
    limit = _limit_of(pid) if pid is not None else None
    whose = "the daemon's" if limit is not None else "a daemon started here has"
    if limit is None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if limit == resource.RLIM_INFINITY or limit >= FEW_DESCRIPTORS:
        return _ok("descriptors", f"{whose} limit: {'none' if limit == resource.RLIM_INFINITY else limit}")
    return _warn(
        "descriptors",
        f"{whose} limit: {limit}, one for each client; start it with a higher one (ulimit -Hn, LimitNOFILE=)",
    )


def _limit_of(pid: int) -> int | None:
    try:
        limits = Path(f"/proc/{pid}/limits").read_text()
    except OSError:
        return None
    found = re.search(r"^Max open files +(\w+)", limits, re.MULTILINE)
    if found is None:
        return None
    return int(found[1]) if found[1].isdigit() else resource.RLIM_INFINITY


def _clock() -> Finding:
    slept_s = -time.clock_gettime(time.CLOCK_MONOTONIC) + time.clock_gettime(time.CLOCK_BOOTTIME)
    try:
        boot = f"boot {Path('/proc/sys/kernel/random/boot_id').read_text().strip()}"
    except OSError:
        return _fail("clock", "there is no boot id in /proc, and no log without it; mount /proc here")
    if slept_s > SUSPENDED_S:
        return _warn(
            "clock",
            f"{boot}; asleep for {slept_s:.0f} s since then: take ts from CLOCK_MONOTONIC, "
            "for CLOCK_BOOTTIME and /proc/uptime are off by that",
        )
    return _ok("clock", f"{boot}; CLOCK_MONOTONIC and CLOCK_BOOTTIME agree")


def _environment(environ: Mapping[str, str]) -> Finding:
    trace_id = environ.get("TRACERD_TRACE_ID")
    if not trace_id:
        return _ok("environment", "no TRACERD_TRACE_ID: each program begins its own trace")
    try:
        TraceId(trace_id)
    except InvalidTraceIdError as error:
        return _fail("environment", f'TRACERD_TRACE_ID: {error}; run eval "$(tracerd env --new)"')
    return _ok("environment", f"TRACERD_TRACE_ID={trace_id}: programs join this trace")


def _leftovers(socket: Path) -> Finding:
    places = (socket, Path("/tmp/tldrs.socket"), Path(f"/tmp/tracerd-{os.geteuid()}/tracerd.socket"))  # noqa: S108 (looked at only)
    stale = [str(path) for path in dict.fromkeys(places) if path.is_socket() and not _is_listened_on(path)]
    if stale:
        return _warn(
            "leftovers", f"nobody listens on {', '.join(stale)} any more; tracerd serve takes over, or remove it"
        )
    return _ok("leftovers", "none")


def _accounts(directory: Path) -> Finding:
    subject = "accounts"
    try:
        alone = [trace for trace in list_traces(directory) if not trace.has_log]
    except TracerdError as error:
        return _fail(subject, f"{error}; run chmod u+rwx on it")
    if not alone:
        return _ok(subject, "each trace has a log")
    reasons = rejects_path(alone[-1].path)
    return _warn(
        subject,
        f"{len(alone)} without a log, for every line was refused; {reasons} says why, tracerd clear removes them",
    )
