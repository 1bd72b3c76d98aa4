"""`tracerd exec --all`: each process of the tree, by strace, which needs no root and no change to any program.

strace follows the command as a process beside it (`-DDD`), so that the command stays our child: its signals, stops and
exit code are as without. A recorder, a process of its own too, reads what strace writes and makes events of it, for as
long as any of the processes lives; exec does not wait for that.
"""

import os
import select
import time
from contextlib import suppress

from tracerd.errors import NoProcessTracerError
from tracerd.exec.environment import Environ, TraceContext, current_directory
from tracerd.exec.programs import find_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal

    from tracerd.exec.daemon_socket import DaemonSocket
    from tracerd.exec.strace import Tree
else:
    import _signal as signal

PROBE_S = 10.0
"""How long strace may take to show that it works here; as a rule some hundredths of a second."""

QUIET_S = 0.02
"""strace writes one process's end at once; nothing for so long: it has written all that it knew."""

_FIRST_FREE_FD = 3
_DONE = b"."
_MAX_ANSWER_BYTES = 512


class ProcessTracer:
    """The strace and the recorder of one command.

    Attributes:
        processes: When it has finished, how many it has recorded.
        untraceable: When it has finished, the programs that strace may have kept from working.

    Args:
        context: Where the command belongs.
        environ: Its environment.
        shown: One of `options.ARGS`.

    Raises:
        NoProcessTracerError: There is no strace, or it may not trace.
    """

    def __init__(self, context: TraceContext, environ: Environ, shown: str) -> None:
        found = find_program("strace", environ)
        if found is None:
            raise NoProcessTracerError("there is no strace; install it, such as with apt-get install strace")
        self.processes = 0
        self.untraceable = ""
        self._strace = found
        from tracerd.exec.descriptors import require_room

        if not os.path.exists("/proc/self/fd"):
            raise NoProcessTracerError("there is no /proc")
        require_room()
        _probe(found, environ)
        lines, self._lines_writer = os.pipe()
        self._done, done = os.pipe()
        # strace opens our pipe by its name: what the command inherited it would keep open.
        self._output = f"--output=/proc/{os.getpid()}/fd/{self._lines_writer}"
        if not (pid := os.fork()):
            _record(context, shown, lines, done)
        self._recorder = pid
        os.close(lines)
        os.close(done)

    def command(self, argv: list[str]) -> list[str]:
        """The command line that runs `argv` and has it followed; for the process that is to become the command."""
        from tracerd.exec.descriptors import send
        from tracerd.exec.strace import OPTIONS
        from tracerd.launcher import interpreter

        python = interpreter("tracerd.exec.descriptors", "restore")
        return [self._strace, "-DDD", *OPTIONS, self._output, "--", *python, str(send()), *argv]

    def finish(self, wait_s: float) -> str:
        """Wait until the recorder has written what ended before the command; what went wrong, or nothing."""
        os.close(self._lines_writer)
        poll = select.poll()
        poll.register(self._done, select.POLLIN)
        answered = poll.poll(wait_s * 1000)
        word = os.read(self._done, _MAX_ANSWER_BYTES) if answered else b""
        os.close(self._done)
        if word.startswith(_DONE):
            processes, _, self.untraceable = word.removeprefix(_DONE).decode(errors="replace").partition(" ")
            self.processes = int(processes)
            return ""
        return (
            "--all: the recorder of processes ended early" if answered else "--all: processes are still being recorded"
        )


def _probe(strace: str, environ: Environ) -> None:
    """Let strace follow a program that does nothing, as it would the command."""
    from tracerd.exec.strace import OPTIONS

    reader, writer = os.pipe()
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    command = [strace, "-DDD", *OPTIONS, "--output=/dev/null", "--", "true"]  # silent also in a removed directory
    actions = [(os.POSIX_SPAWN_DUP2, fd, to) for fd, to in ((null, 0), (writer, 1), (writer, 2))]
    # A shell without PATH finds programs too.
    pid = os.posix_spawn(strace, command, {b"PATH": os.defpath.encode()} | environ, file_actions=actions)
    os.close(null)
    os.close(writer)
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    until = time.monotonic() + PROBE_S
    output = b""
    ended = False
    while not ended and poll.poll(max(0.0, until - time.monotonic()) * 1000):
        data = os.read(reader, 4096)
        output += data
        ended = not data
    os.close(reader)
    if not ended:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if status or output:  # strace runs the program also if it cannot follow it
        why = output.decode(errors="replace").strip().splitlines()[:1]
        raise NoProcessTracerError(f"strace does not work here: {why[0] if why else 'it does not end'}")


# ------------------------------------------------------------------ the recorder


def _record(context: TraceContext, shown: str, lines: int, done: int) -> None:
    """Be the recorder; does not return."""
    try:
        os.setsid()  # no signal of a terminal may end us: the command would lose its tracer
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        _close_all_but(lines, done)
        from tracerd.exec.daemon_socket import DaemonSocket
        from tracerd.exec.strace import Tree

        tree = Tree(
            shown, time.time_ns() - time.clock_gettime_ns(time.CLOCK_MONOTONIC), os.urandom(4), current_directory()
        )
        daemon = None
        with suppress(OSError):  # strace must be read all the same, or it would stop the command
            daemon = DaemonSocket(context.socket)
            daemon.write(f"OPEN {context.trace_id}\n")
        _follow(tree, daemon, lines, done)
    finally:
        os._exit(0)


def _close_all_but(lines: int, done: int) -> None:
    """Keep nothing of the command's: a pipe ends when the command has closed it."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(_FIRST_FREE_FD):
        os.dup2(null, fd)
    for name in os.listdir("/proc/self/fd"):
        if int(name) >= _FIRST_FREE_FD and int(name) not in (lines, done):
            with suppress(OSError):  # that of the listing itself
                os.close(int(name))


def _follow(tree: "Tree", daemon: "DaemonSocket | None", lines: int, done: int) -> None:
    poll = select.poll()
    poll.register(lines, select.POLLIN)
    rest = b""
    has_reported = False
    while True:
        # When the command has ended, what strace knew then is on its way.
        if tree.root_ended and not has_reported and not poll.poll(QUIET_S * 1000):
            has_reported = True
            _report(tree, daemon, done)
        data = os.read(lines, 65536)
        if not data:
            break
        *whole, rest = (rest + data).split(b"\n")
        if daemon:
            daemon.write("".join(map(tree.feed, whole)))
    if daemon:
        daemon.write(tree.rest())
    if tree.root_ended and not has_reported:
        _report(tree, daemon, done)
    elif daemon:
        daemon.finish(PROBE_S)


def _report(tree: "Tree", daemon: "DaemonSocket | None", done: int) -> None:
    """Let exec go on, unless something that it waits for was lost."""
    if daemon:
        daemon.finish(PROBE_S)
        if not (daemon.broken or daemon.pending or daemon.dropped):
            names = ", ".join(sorted(tree.untraceable))
            os.write(done, (_DONE + f"{tree.processes} {names}".encode(errors="replace"))[:_MAX_ANSWER_BYTES])
    os.close(done)
