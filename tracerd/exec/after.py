"""What exec does when its command has ended and all is stored: the file on lanes, the summary, how to see the trace.

Other programs of ours do it, in a bounded time: exec itself imports nothing that could, and whatever goes wrong with
them, it ends as its command has ended.
"""

import os
import select
import sys
import time

from tracerd.exec.environment import Environ, TraceContext, state_directory
from tracerd.exec.options import PROCESSES, Options
from tracerd.exec.programs import write_stderr

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable

    from tracerd.exec.daemon_socket import DaemonSocket
else:
    import _signal as signal

CHILD_S = 10.0
"""How long each of them may take. With 3,000 processes it takes some tenths of a second, most of it to start Python."""

RETENTION = (
    "its logs go after 30 days, or the oldest of them beyond 2 GB; TRACERD_KEEP=all in the environment keeps them"
)
"""What becomes of logs that exec has begun for itself: see `traces.retention.EXEC_LIMITS`."""

COLLECTORS = {
    "--compiler-detail": "tracerd.importers.compiler_detail",
    "--collect": "tracerd.importers.collect",  # after the other, which removes what is not the user's
}
"""What puts files into the trace at the end, by option; in this order."""

COLLECT_S = 60.0
"""How long the files of a build may take, at 20 MB/s."""

_OF_FILE = "EMIT_TEF: "
"""How the daemon's errors about the file of `-o` begin. A full disk has others before: the file matters more."""

_STDERR = 2
_MAX_OUTPUT_BYTES = 65536


def after(
    daemon: "DaemonSocket",
    wait_s: float,
    options: Options,
    context: TraceContext,
    output: str | None,
    environ: Environ | None,
    warn: "Callable[[str], None]",
) -> None:
    """Wait until the daemon has stored all, and do what the options ask for.

    With `--follow` the file stays as the daemon has written it: it may be written again at any time.

    Args:
        daemon: The connection; it is closed.
        wait_s: How long the daemon may take.
        options: The command and how to record it.
        context: The trace.
        output: The path of the file of `-o`, if there is one.
        environ: For what is started; None: nothing must be started.
        warn: Warns of what is wrong.
    """
    errors, numbers = daemon.acknowledged(wait_s)
    daemon.close()
    if why := _problem(daemon, errors, numbers, options.output):
        warn(why)
        return
    if environ is None:
        return
    if output is not None and not options.follow and options.layout != PROCESSES:
        layout = [options.layout] if options.layout else []
        _, why = _run(["tracerd.builds.relayout", output, *layout], environ)
        if why:
            warn(f"{options.output} has a row for each process, for it could not be laid out: {why}")
    if options.summary:
        text, why = _run(["tracerd", "summary", output or str(context.trace_id)], environ)
        for line in text.splitlines():
            write_stderr(line)
        if why:
            warn(f"there is no summary: {why}")
    elif output is None and context.is_new and os.isatty(_STDERR):  # a script may compare what its commands write
        write_stderr(f"tracerd exec: `tracerd open {context.trace_id}` shows it, `tracerd summary` sums it up")
        if environ.get(b"TRACERD_KEEP") != b"all" and _is_first_time(environ):
            write_stderr(f"tracerd exec: {RETENTION}")


def _is_first_time(environ: Environ) -> bool:
    """Whether RETENTION was not reported before; from now on it was."""
    state = state_directory(environ)
    if state is None:
        return False
    try:
        os.makedirs(os.path.join(state, "tracerd"), mode=0o700, exist_ok=True)
        os.close(os.open(os.path.join(state, "tracerd/exec-retention"), os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError:
        return False
    return True


def collect(
    option: str, context: TraceContext, started_us: int, environ: Environ, warn: "Callable[[str], None]"
) -> None:
    """Put what tools have written into the trace.

    Args:
        option: One of `COLLECTORS`.
        context: The trace.
        started_us: When the command began.
        environ: For what is started.
        warn: Warns of what is wrong.
    """
    words = [COLLECTORS[option], context.socket, str(context.trace_id), str(started_us)]
    text, why = _run(words, environ, COLLECT_S)
    for line in text.splitlines():
        write_stderr(f"tracerd exec: {line}")
    if why:
        warn(f"{option}: {why}")


def _problem(daemon: "DaemonSocket", errors: list[str], numbers: str, output: str | None) -> str:
    """What the answer of the daemon says is wrong; empty: nothing."""
    if errors:
        others = [error for error in errors if not error.startswith(_OF_FILE)][:1]
        about_file = [error.removeprefix(_OF_FILE) for error in errors if error.startswith(_OF_FILE)]
        state = [f"{output} {'is' if why.startswith('written, ') else 'was not written:'} {why}" for why in about_file]
        return "; ".join(state + others)
    if not numbers:
        why = f"it ended: {daemon.broken}" if daemon.broken else "does it hang?"
        return f"the daemon did not answer, {why}{f'; {output} may be missing' if output else ''}"
    lost = "".join(numbers.split()[2:3])
    events = "event" if lost == "1" else "events"
    return f"the daemon could not store {lost} {events}: is the disk full?" if lost not in ("0", "") else ""


def _run(arguments: list[str], environ: Environ, limit_s: float = CHILD_S) -> tuple[str, str]:
    """Run a module of ours; what it has written, or why it failed."""
    reader, writer = os.pipe()
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    # -P: a directory `tracerd` that happens to lie in the current directory is not ours.
    command = [sys.executable, "-P", "-m", *arguments]
    actions = [(os.POSIX_SPAWN_DUP2, fd, to) for fd, to in ((null, 0), (writer, 1), (writer, 2))]
    try:
        pid = os.posix_spawn(sys.executable, command, environ, file_actions=actions)
    finally:
        os.close(null)
        os.close(writer)
    output = _read(reader, time.monotonic() + limit_s)
    os.close(reader)
    if output is None:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if output is None:
        return "", f"it takes more than {limit_s:.0f} s"
    text = output.decode(errors="replace")
    lines = text.strip().splitlines()
    return ("", (lines[-1] if lines else "it died").removeprefix("Error: ")) if status else (text, "")


def _read(reader: int, until: float) -> bytes | None:
    """What a child writes until it ends, or the last of it; None if that is too late."""
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    output = b""
    while poll.poll(max(0.0, until - time.monotonic()) * 1000):
        data = os.read(reader, 4096)
        if not data:
            return output
        output = (output + data)[-_MAX_OUTPUT_BYTES:]
    return None
