"""Checks of the directory of logs."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from tracerd.cli.doctor_severity import Check, fail, ok, warn
from tracerd.errors import TracerdError, UnsafePathError
from tracerd.store.directory import LOCK_NAME
from tracerd.store.lock import hidden, holder
from tracerd.store.paths import check_private
from tracerd.store.rejects import rejects_path
from tracerd.text import plural, size_text
from tracerd.traces.attributes import is_of_exec
from tracerd.traces.stored import list_traces

LITTLE_SPACE = 1_000_000_000
NO_SPACE = 50_000_000
"""Bytes: a build can write the first while it runs, and the second in a second."""


def check_directory(directory: Path) -> Check:
    """Whether the directory of logs can be written, and is private."""
    subject = "directory"
    try:
        status = directory.stat()
    except FileNotFoundError:
        return warn(subject, f"{directory} does not exist; tracerd serve makes it")
    except OSError as error:
        return fail(subject, f"cannot use the directory {directory}: {error.strerror}; set TRACERD_DIR to another")
    if not stat.S_ISDIR(status.st_mode):
        return fail(subject, f"{directory} is not a directory; set TRACERD_DIR to another")
    try:
        check_private(directory)
    except UnsafePathError as error:
        return fail(subject, str(error))
    mode = stat.S_IMODE(status.st_mode)
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return fail(
            subject, f"{directory} (uid {status.st_uid}, mode {mode:04o}) cannot be written; run chmod u+rwx on it, "
            "or set TRACERD_DIR to another"
        )  # fmt: skip
    if mode & 0o077:
        return warn(subject, f"{directory} has mode {mode:04o}, so others may read it; run chmod 700 on it")
    return ok(subject, f"{directory}, uid {status.st_uid}, mode {mode:04o}, writable")


def check_owner(directory: Path, socket_pid: int | None) -> Check:
    """Which daemon uses the directory."""
    pid = holder(directory / LOCK_NAME)
    if pid is None:
        if why := hidden(directory / LOCK_NAME):
            return warn("lock", f"{why}; nobody knows which daemon uses it")
        return ok("lock", "no daemon uses the directory")
    if pid != socket_pid:
        found = fail if socket_pid is None else warn  # none can be started beside it
        return found(
            "lock",
            f"pid {pid} uses the directory, and listens on another socket; set TRACERD_SOCKET to that, or stop it",
        )
    return ok("lock", f"pid {pid} uses the directory")


def check_space(directory: Path) -> Check:
    """How much can still be written there."""
    there = next(path for path in (directory, *directory.parents) if os.path.exists(path))
    try:
        system = os.statvfs(there)
    except OSError as error:
        return warn("space", f"cannot read {there}: {error.strerror}; see df {there}")
    return space_check(system.f_bavail * system.f_frsize, system.f_favail if system.f_files else None)


def space_check(free: int, free_files: int | None) -> Check:
    """What so much room says: bytes that we may write, and files that we may make, None where these are not counted."""
    do = "run tracerd clear, or start the daemon with --max-total-size"
    if free_files == 0:
        return fail("space", f"no file can be made any more; {do}")
    if free < NO_SPACE:
        return fail("space", f"only {size_text(free)} free: events will be lost; {do}")
    if free < LITTLE_SPACE:
        return warn("space", f"only {size_text(free)} free; {do}")
    return ok("space", f"{size_text(free)} free")


def check_exec_logs(directory: Path) -> Check:
    """What the daemon will remove by itself."""
    size = count = 0
    with suppress(TracerdError):  # check_directory reports it
        for trace in list_traces(directory):
            with suppress(OSError, TracerdError):
                if trace.has_log and is_of_exec(trace.path):
                    count += 1
                    size += trace.size
    return ok(
        "exec-logs",
        f"{count}, {size_text(size)}: they go after 30 days, or the oldest of them beyond 2 GB; TRACERD_KEEP=all in "
        "the environment of exec keeps new ones",
    )


def check_rejects(directory: Path) -> Check:
    """Whether there are traces of which every line was refused."""
    subject = "rejects"
    try:
        alone = [trace for trace in list_traces(directory) if not trace.has_log]
    except TracerdError as error:
        return fail(subject, f"{error}; its own line above says what to do")
    if not alone:
        return ok(subject, "each trace has a log")
    reasons = rejects_path(alone[-1].path)
    return warn(
        subject,
        f"{plural(len(alone), 'trace')} without a log, for every line was refused; {reasons} says why, "
        "tracerd clear removes them",
    )
