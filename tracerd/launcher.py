"""Starts Python programs of our own: the daemon that all programs of a user share, and others that need a fast start.

Standard library only, for `exec` and the pytest plugin have to start a daemon too. What is slow to import is imported
where a start is certain.
"""

from __future__ import annotations

import errno
import os
import sys
import time

from tracerd.errors import NoDaemonError

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    _Connection = TypeVar("_Connection")

START_S = 20.0
"""How long a daemon may take until clients can connect. A start takes half a second, and one that fails is reported at
once; it takes so long only on a machine that is much too busy."""

_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.3

_ABSENT = (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR)

FIRST_FREE_FD = 3


def fill_standard_fds() -> None:
    """Make sure that no descriptor opened from here on is 0, 1 or 2; in our children a closed one stays closed."""
    while (fd := os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)) < FIRST_FREE_FD:
        pass
    os.close(fd)


def connect_or_start(
    connect: Callable[[], _Connection], path: str, environ: Mapping[bytes, bytes], *, start: bool = True
) -> _Connection:
    """Connect to the shared daemon; start one in the background if there is none.

    Of any number of programs that do this at once, one starts the daemon: a lock on the directory of the socket decides
    which, and the others connect as soon as they can.

    Args:
        connect: Makes a connection to the socket, or raises OSError.
        path: The socket.
        environ: The environment for a new daemon.
        start: Whether to start one.

    Raises:
        NoDaemonError: There is none, and it was not to be started or could not be.
    """
    if (connection := _try_to_connect(connect, path)) is not None:
        return connection
    if not start:
        raise NoDaemonError(f"no daemon is running on {path}; `tracerd serve` starts one")
    directory = os.path.dirname(path)
    try:
        os.makedirs(directory, 0o700, exist_ok=True)
        lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise NoDaemonError(f"no daemon is running, and {directory} cannot be used: {error.strerror}") from None
    try:
        return _connect_to_new(connect, path, environ, lock)
    finally:
        os.close(lock)


def _connect_to_new(
    connect: Callable[[], _Connection], path: str, environ: Mapping[bytes, bytes], lock: int
) -> _Connection:
    until = time.monotonic() + START_S
    failure = ""
    tried = False
    pause_s = _FIRST_PAUSE_S
    while time.monotonic() < until:
        locked = _try_lock(lock)
        # Only now: the program that had the lock before us may have started a daemon.
        if (connection := _try_to_connect(connect, path)) is not None:
            return connection
        if locked and not tried:
            tried = True
            failure = _serve(path, environ, until)
            continue
        # Another program holds the lock, or the daemon that holds the socket's own lock is not ready yet.
        if failure and "is in use" not in failure:
            raise NoDaemonError(f"the daemon did not start: {failure}")
        time.sleep(pause_s)  # longer each time: hundreds may wait here, and the daemon needs the processors
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
    raise NoDaemonError(failure or f"no daemon could be reached on {path} in {START_S:.0f} s")


def _try_to_connect(connect: Callable[[], _Connection], path: str) -> _Connection | None:
    """A connection, or None if no daemon listens.

    Raises:
        NoDaemonError: Something else listens, or this one may not connect.
    """
    try:
        return connect()
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise NoDaemonError(f"cannot connect to the daemon on {path}: {error.strerror or error}") from None


def _try_lock(fd: int) -> bool:
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _serve(path: str, environ: Mapping[bytes, bytes], until: float) -> str:
    """Run `tracerd serve --daemonize`; the reason if it fails, else nothing."""
    import subprocess

    # -P: a directory `tracerd` that happens to lie in the current directory is not ours.
    command = [sys.executable, "-P", "-m", "tracerd", "serve", "--daemonize"]
    try:
        done = subprocess.run(
            command,
            env={**environ, b"TRACERD_SOCKET": os.fsencode(path)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=max(0.0, until - time.monotonic()),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "it takes too long"
    except OSError as error:
        return f"{sys.executable}: {error.strerror}"
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return (lines[-1] if lines else "it died").removeprefix("Error: ") if done.returncode else ""


# ------------------------------------------------------------------ Python without site packages


def library() -> str:
    """Where this package is, for an interpreter that does not look for it."""
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def interpreter(module: str, function: str) -> list[str]:
    """A command line that calls a function of ours, which finds its arguments in `sys.argv`.

    It starts fast: the search for site packages takes longer than all else at the start of Python.
    """
    code = f"import sys; sys.path.insert(0, {library()!r}); from {module} import {function}; {function}()"
    return [os.path.realpath(sys.executable), "-IS", "-c", code]
