"""After the command: the file of `-o` laid out on lanes, by a child, in a bounded time."""

import os
import select
import sys
import time

from tracerd.exec.environment import Environ

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal

LAY_OUT_S = 10.0
"""How long it may take. A trace of 3,000 processes takes some tenths of a second, most of which is Python's start."""

_MAX_REASON_BYTES = 512


def lay_out(path: str, layout: str | None, environ: Environ) -> str:
    """Lay out a trace.json; what went wrong, or nothing. Then the file is as the daemon has written it."""
    reader, writer = os.pipe()
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    # -P: a directory `tracerd` that happens to lie in the current directory is not ours.
    command = [sys.executable, "-P", "-m", "tracerd.builds.relayout", path, *([layout] if layout else [])]
    actions = [(os.POSIX_SPAWN_DUP2, fd, to) for fd, to in ((null, 0), (null, 1), (writer, 2))]
    try:
        pid = os.posix_spawn(sys.executable, command, environ, file_actions=actions)
    finally:
        os.close(null)
        os.close(writer)
    reason = _read(reader, time.monotonic() + LAY_OUT_S)
    os.close(reader)
    if reason is None:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if reason is None:
        return f"it takes more than {LAY_OUT_S:.0f} s"
    lines = reason.decode(errors="replace").strip().splitlines()
    return (lines[-1] if lines else "it died") if status else ""


def _read(reader: int, until: float) -> bytes | None:
    """What the child writes until it ends; None if that is too late."""
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    output = b""
    while poll.poll(max(0.0, until - time.monotonic()) * 1000):
        data = os.read(reader, 4096)
        if not data:
            return output
        output = (output + data)[-_MAX_REASON_BYTES:]
    return None
