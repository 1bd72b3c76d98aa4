"""A connection to the daemon, which is started if there is none.

Of any number that start at once, one starts the daemon: the others wait for its lock on the socket's directory.
"""

import errno
import fcntl
import os
import select
import sys
import time

from tracerd.exec.daemon_socket import DaemonSocket
from tracerd.exec.environment import Environ

START_S = 20.0
"""How long a daemon may take until clients can connect; then the command runs without. A start takes half a second, and
one that fails is told at once; it takes so long only on a machine that is much too busy."""

_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.3

_ABSENT = (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR)


class NoConnectionError(Exception):
    """Raised when there is no daemon to be had; `str()` is one line for a person."""


def connect(path: str, environ: Environ, *, start: bool) -> DaemonSocket:
    """A connection to the daemon on this socket.

    Raises:
        NoConnectionError: There is none, and it was not to be started or could not be.
    """
    try:
        return DaemonSocket(path)
    except OSError as error:
        if error.errno not in _ABSENT:
            raise NoConnectionError(f"cannot connect to the daemon on {path}: {error.strerror or error}") from None
    if not start:
        raise NoConnectionError(f"no daemon is running on {path}; `tracerd serve` starts one")
    return _started(path, environ)


def _started(path: str, environ: Environ) -> DaemonSocket:
    until = time.monotonic() + START_S
    directory = os.path.dirname(path)
    try:
        os.makedirs(directory, 0o700, exist_ok=True)
        lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise NoConnectionError(f"no daemon is running, and {directory} cannot be used: {error.strerror}") from None
    said = ""
    tried = False
    pause_s = _FIRST_PAUSE_S
    try:
        while time.monotonic() < until:
            locked = _try_lock(lock)
            try:
                return DaemonSocket(path)
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise NoConnectionError(
                        f"cannot connect to the daemon on {path}: {error.strerror or error}"
                    ) from None
            if locked and not tried:
                tried = True
                said = _serve(path, environ, until)
                continue
            # Another program holds the lock, or the daemon that holds the socket's own lock is not ready yet.
            if said and "is in use" not in said:
                raise NoConnectionError(f"the daemon did not start: {said}")
            time.sleep(pause_s)  # longer each time: hundreds may wait here, and the daemon needs the processors
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
    finally:
        os.close(lock)
    raise NoConnectionError(said or f"no daemon could be reached on {path} in {START_S:.0f} s")


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _serve(path: str, environ: Environ, until: float) -> str:
    """Run `tracerd serve --daemonize`; what it says if it fails."""
    reader, writer = os.pipe()
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    # -P: a directory `tracerd` that happens to lie in the current directory is not ours.
    command = [sys.executable, "-P", "-m", "tracerd", "serve", "--daemonize"]
    try:
        pid = os.posix_spawn(
            sys.executable,
            command,
            environ | {b"TRACERD_SOCKET": os.fsencode(path)},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, null, 1),
                (os.POSIX_SPAWN_DUP2, writer, 2),
            ],
        )
    except OSError as error:
        os.close(reader)
        return f"{sys.executable}: {error.strerror}"
    finally:
        os.close(null)
        os.close(writer)
    said = b""
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    while (left := until - time.monotonic()) > 0 and poll.poll(left * 1000):
        data = os.read(reader, 4096)
        if not data:
            break
        said += data
    else:
        os.kill(pid, 15)
        said = b"it takes too long"
    os.close(reader)
    _, status = os.waitpid(pid, 0)
    lines = said.decode(errors="replace").strip().splitlines()
    return (lines[-1] if lines else "it died").removeprefix("Error: ") if status else ""
