"""`tracerd exec`, from its first to its last moment."""

import os
import sys
import time

from tracerd.exec import event
from tracerd.exec.command import NOT_EXECUTABLE, Command, Ended, become, die_of_ctrl_c, end_like, signal_name
from tracerd.exec.daemon import NoConnectionError, connect
from tracerd.exec.daemon_socket import DaemonSocket
from tracerd.exec.environment import Environ, TraceContext, absolute, given, span_id, told
from tracerd.exec.options import ARGS, FULL, Options

ANSWER_S = 1.0
"""How long the outermost exec waits for the acknowledgement when its command has ended."""

EXPORT_S = 10.0
"""The same with `-o`: the daemon writes the file meanwhile."""

NESTED_S = 1.0
"""How long a nested exec waits for a socket that is full."""

LAST_STANDARD_FD = 2

ARGS_VARIABLE = b"TRACERD_EXEC_ARGS"
ALL_VARIABLE = b"TRACERD_EXEC_ALL"


def now_us() -> int:
    """The clock that all processes of a machine share."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def run(options: Options) -> None:
    """Run the command, record it, and end as it ends; does not return."""
    if not sys.platform.startswith("linux"):
        raise SystemExit("tracerd needs Linux")
    Run(options, given()).run()


class Run:
    """One command.

    Everything that goes wrong with the recording is told in one line at most, and by the outermost exec only.
    """

    def __init__(self, options: Options, environ: Environ) -> None:
        self._options = options
        self._environ = environ
        self._place = TraceContext(environ, options.trace)
        inherited = os.fsdecode(environ.get(ARGS_VARIABLE, b""))
        self._shown = options.args or (inherited if inherited in ARGS else FULL)
        self._quiet = options.quiet or (self._place.nested and options.output is None)
        # With --all, an exec around us records every process from outside, with times of its own.
        self._by_another = self._place.nested and ALL_VARIABLE in environ
        self._said = False
        self._link: DaemonSocket | None = None
        self._output = absolute(options.output) if options.output is not None else None
        self._title = event.CommandLabel(options.command, _cwd(), self._shown, options.name)

    def run(self) -> None:
        """Run the command; does not return."""
        die_of_ctrl_c()
        fill_standard_fds()
        options = self._options
        if not self._place.nested:
            self._environ.pop(ALL_VARIABLE, None)
        elif self._by_another and options.output is None:
            self._unrecorded()  # by us
        if self._place.complaint:
            self._say(self._place.complaint)
        if options.output is not None and self._output is None:
            self._say(f"there will be no {options.output}: the current directory was removed")
        try:
            start = options.start and not self._place.nested
            self._link = connect(self._place.socket, self._environ, start=start)
        except NoConnectionError as error:
            lost = f"; there will be no {options.output}" if options.output is not None else ""
            self._say(f"{error}; the command runs unrecorded{lost}")
        if self._link:
            self._link.write(f"OPEN {self._place.trace_id}\n")
            if options.follow and self._output is not None:
                self._link.write(f"EMIT_TEF_AT_EXIT {self._output}\n")

        own = {ARGS_VARIABLE: self._shown.encode()}
        everyone = None
        if options.all_processes and self._link and not self._by_another:
            everyone = self._everyone()
            if everyone:
                own[ALL_VARIABLE] = b"1"
        shims = self._shims(own) if options.shims else None

        random = os.urandom(8)
        daemon = self._link is not None
        environ = self._environ | own
        started_us = now_us()
        try:
            command = Command(
                options.command,
                environ,
                lambda pid: told(self._place, span_id(pid, random), daemon=daemon),
                everyone.command if everyone else None,
            )
        except OSError as error:
            self._say(f"there is no room for another process ({error.strerror}); the command runs unrecorded")
            self._unrecorded()
        if command.error:
            said = f"tracerd exec: {options.command[0]}: {os.strerror(command.error)}"
            _write_stderr(said)
            self._said = True
        elif self._link and not self._by_another:
            self._link.write(event.process_name(command.pid, self._title.process))
        ended = command.wait()
        ended_us = now_us()
        if shims:
            shims.remove()
        complaint = everyone.finish(EXPORT_S if self._output else ANSWER_S) if everyone else ""
        self._record(command.pid, span_id(command.pid, random), started_us, ended_us, ended)
        if complaint and self._output:  # perhaps because the daemon ended: that is told first
            self._say(complaint)
        if self._link and self._output is not None:
            self._link.write(f"EMIT_TEF {self._output}\n")
        command.listen_again()
        self._finish()
        end_like(ended)

    def _unrecorded(self) -> "NoReturn":
        """Be the command, without recording it."""
        command = self._options.command
        _write_stderr(f"tracerd exec: {command[0]}: {become(command, self._environ)}")
        os._exit(NOT_EXECUTABLE)

    # ------------------------------------------------------------------ what is recorded

    def _record(self, pid: int, span: str, started_us: int, ended_us: int, ended: Ended) -> None:
        args = self._title.args | {"span": span}
        if ended.error:
            args["error"] = ended.error
        if ended.code is not None:
            args["exit_code"] = ended.code
        else:
            args["signal"] = signal_name(ended.signal)
        if not ended.error:
            args |= {"user_s": round(ended.user_s, 6), "system_s": round(ended.system_s, 6)}
        if ended.peak_bytes:
            args["peak_memory_bytes"] = ended.peak_bytes
        lines = event.span(pid, self._title.span, started_us, ended_us, args)
        if ended.error:
            lines = event.process_name(pid, self._title.process) + lines
        if self._place.parent_pid is not None:
            lines += event.arrow(self._place.parent_pid, pid, started_us, f"0x{span}")
        if not self._link or self._by_another:
            return
        self._link.write(lines)
        if self._link.broken:
            self._again(self._link, event.process_name(pid, self._title.process) + lines)

    def _again(self, old: DaemonSocket, lines: str) -> None:
        """The daemon ended while the command ran: perhaps another has begun."""
        old.close()
        try:
            self._link = DaemonSocket(self._place.socket)
        except OSError:
            self._link = None
            lost = f", and there is no {self._options.output}" if self._output else ""
            self._say(f"the daemon ended while the command ran: the end of the trace is missing{lost}")
            return
        self._link.write(f"OPEN {self._place.trace_id}\n{lines}")
        self._say("the daemon was started anew while the command ran: the trace may lack processes")

    def _finish(self) -> None:
        """Make sure that everything is where it should be, as far as it is ours to say."""
        link = self._link
        if not link:
            return
        if self._quiet:
            link.finish(NESTED_S)
            link.close()
            return
        wait_s = EXPORT_S if self._output is not None else ANSWER_S
        errors, numbers = link.acknowledged(wait_s)
        link.close()
        if errors:
            self._say(errors[0])
        elif not numbers:
            why = f"it ended: {link.broken}" if link.broken else "does it hang?"
            lost = f"; {self._options.output} may be missing" if self._output else ""
            self._say(f"the daemon did not answer, {why}{lost}")
        elif numbers.split()[2:3] not in (["0"], []):
            self._say(f"the daemon could not store {numbers.split()[2]} events: is the disk full?")

    # ------------------------------------------------------------------ the rarer options

    def _everyone(self) -> "ProcessTracer | None":
        from tracerd.exec.process_tracer import ProcessTracer, UnavailableError, find_program

        if find_program(self._options.command[0], self._environ) is None:
            return None  # it cannot be started; that is told as without --all
        try:
            return ProcessTracer(self._place, self._environ, self._shown)
        except UnavailableError as error:
            self._say(f"--all: {error}; only what is wrapped is recorded")
            return None

    def _shims(self, own: Environ) -> "Shims | None":
        from tracerd.errors import TracerdError
        from tracerd.exec.shims import Shims

        try:
            shims = Shims(self._options.shims, self._environ)
        except (TracerdError, OSError) as error:
            self._say(f"--shim: {error}; only what is wrapped is recorded")
            return None
        if shims.missing:
            self._say(f"--shim: no {', '.join(shims.missing)} in PATH")
        own[b"PATH"] = shims.path
        return shims

    def _say(self, text: str) -> None:
        if self._said or self._quiet:
            return
        self._said = True
        _write_stderr(f"tracerd exec: {text}")


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from tracerd.exec.process_tracer import ProcessTracer
    from tracerd.exec.shims import Shims


def fill_standard_fds() -> None:
    """Make sure that none of our descriptors is 0, 1 or 2; where one was closed, it is closed for the command again."""
    while (fd := os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)) <= LAST_STANDARD_FD:
        pass
    os.close(fd)


def _write_stderr(text: str) -> None:
    from tracerd.text import printable

    try:
        os.write(2, os.fsencode(printable(text)) + b"\n")
    except OSError:  # closed, or nobody reads: the command counts, not what we have to say
        pass


def _cwd() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # removed
        return None
