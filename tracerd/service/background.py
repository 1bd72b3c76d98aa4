"""A daemon in the background: this same command line once more as a process of its own, which reports when it is ready.

Nothing is forked: a new process has no threads, locks or event loop of ours. The two talk through a pipe. Its end tells
how the start went: one byte that stands for "ready", the one line of an error, or nothing if it died.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Generator, MutableMapping
from pathlib import Path

from tracerd.errors import StartError, TracerdError, UnsafePathError
from tracerd.launcher import fill_standard_fds
from tracerd.store.files import open_for_append
from tracerd.store.paths import check_private, make_private
from tracerd.text import printable

READY_FD = "TRACERD_READY_FD"
"""The descriptor on which the parent waits; a process that has it is the daemon."""

_READY = b"\n"


def start(log: Path) -> int:
    """Run this command line again in a session of its own, and wait until it is ready; its pid.

    Args:
        log: Where its stdout and stderr go.

    Raises:
        StartError: It did not get ready; the message is the daemon's own.
        UnsafePathError: The log cannot be written, or others could interfere with it.
    """
    fill_standard_fds()  # 0, 1 and 2 are others in the new process
    log_fd = _open_log(log)
    reader, writer = os.pipe()
    # NOTIFY_SOCKET, if there is one, waits for the process that we are.
    environ = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    try:
        process = subprocess.Popen(
            # With the interpreter's options too; in the same directory, so that relative paths keep their meaning.
            [sys.executable, *sys.orig_argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=log_fd,
            stderr=log_fd,
            pass_fds=[writer],
            env=environ | {READY_FD: str(writer)},
            start_new_session=True,
        )
    finally:
        os.close(writer)
        os.close(log_fd)
    try:
        with open(reader, "rb") as pipe:
            word = pipe.read()
    except BaseException:  # Ctrl-C
        process.terminate()
        raise
    if word != _READY:
        status = process.wait()
        raise StartError(
            word.decode(errors="replace") or f"the daemon died at its start (exit code {status}); see {log}"
        )
    return process.pid


def _open_log(log: Path) -> int:
    make_private(log.parent)
    check_private(log.parent)
    try:
        return open_for_append(log)
    except OSError as error:
        raise UnsafePathError(f"cannot write {log}: {error.strerror}") from None


class Parent:
    """The process that started us with `start` and waits until we are ready, if there is one."""

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        fd = environ.pop(READY_FD, "")
        self._fd = int(fd) if fd.isdecimal() else -1
        self.waits = self._fd >= 0
        if self.waits:
            os.set_inheritable(self._fd, False)

    def send_ready(self) -> None:
        """Clients can connect: let the parent go."""
        self._send(_READY)

    def _send(self, word: bytes) -> None:
        fd, self._fd = self._fd, -1
        with contextlib.suppress(OSError):  # it was killed, it knows already, or there is none
            try:
                os.write(fd, word)
            finally:
                os.close(fd)

    @contextlib.contextmanager
    def sent_errors(self) -> Generator[None]:
        """Send the parent what ends the start, if it is an error raised on purpose."""
        try:
            yield
        except TracerdError as error:
            self._send(printable(str(error)).encode())
            raise
