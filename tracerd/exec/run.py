"""`tracerd exec`, from its first to its last moment.

Strategy: prepare, start, wait, report. The command comes first: whatever goes wrong with the recording, it runs, and
exec ends as it ends. All that may go wrong passes one border, `_attempt`: no step relies on having named the right
exceptions. What is wrong is one warning at most, and only from the outermost exec. A nested exec waits for no answer,
so that hundreds of them cost a build little.
"""

import os
import sys

from tracerd.errors import NoDaemonError
from tracerd.exec import event
from tracerd.exec.command import Command
from tracerd.exec.daemon_socket import ANSWER_S, EXPORT_S, DaemonSocket, connect
from tracerd.exec.environment import (
    ALL_VARIABLE,
    ARGS_VARIABLE,
    Environ,
    TraceContext,
    absolute,
    exported,
    given,
)
from tracerd.exec.options import ARGS, FULL, Options
from tracerd.exec.programs import (
    NOT_EXECUTABLE,
    Ended,
    become,
    end_like,
    find_program,
    reason,
    take_signals,
    write_stderr,
)

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from tracerd.exec.process_tracer import ProcessTracer

NESTED_S = 1.0
"""How long a nested exec waits for a socket that is full."""


def run(options: Options) -> None:
    """Run the command, record it, and end as it ends; does not return."""
    if not sys.platform.startswith("linux"):
        raise SystemExit("tracerd needs Linux")
    Run(options, given()).run()


class Run:
    """One command and its recording.

    Args:
        options: The command and how to record it.
        environ: The environment that it gets.
    """

    def __init__(self, options: Options, environ: Environ) -> None:
        self._options = options
        self._environ = environ
        self._context: TraceContext | None = None
        self._events: event.CommandEvents | None = None
        self._output: str | None = None
        self._recorded_by_another = False
        self._added: Environ = {}  # to the environment of the command
        self._daemon: DaemonSocket | None = None
        self._process_tracer: ProcessTracer | None = None
        self._collecting = ["--collect"] if options.collect else []
        self._quiet = options.quiet
        self._has_warned = False

    def run(self) -> None:
        """Run the command; does not return."""
        take_signals()
        self._attempt(self._prepare)
        started_us = event.now_us()
        command = self._start()
        self._attempt(lambda: self._begin(command, started_us))
        ended = command.wait()
        ended_us = event.now_us()
        self._attempt(lambda: self._report(command, ended, started_us, ended_us))
        end_like(ended)

    @property
    def _written_by_another(self) -> bool:
        """Whether the command's span is not ours to write: one that a script names always is."""
        return self._recorded_by_another and not self._options.joins

    def _attempt(self, step: "Callable[[], None]") -> None:
        """The border around all recording: whatever a step raises, the command goes on without the recording."""
        try:
            step()
        except Exception as error:
            self._give_up(reason(error))

    def _give_up(self, why: str) -> None:
        self._daemon = self._process_tracer = None
        self._warn(f"the recording failed ({why}); the command runs without it")

    # ------------------------------------------------------------------ prepare

    def _prepare(self) -> None:
        """Connect to the daemon, and get ready what the options ask for."""
        options, environ = self._options, self._environ
        if None in (sys.stdin, sys.stdout, sys.stderr):  # Python's sign that one of 0, 1 and 2 was closed
            from tracerd.launcher import fill_standard_fds

            fill_standard_fds()
        context = TraceContext(environ, options.trace)
        if options.joins and context.is_new:
            self._become_command()
        inherited = os.fsdecode(environ.get(ARGS_VARIABLE, b""))
        shown = options.args or (inherited if inherited in ARGS else FULL)
        self._output = absolute(options.output) if options.output is not None else None
        self._quiet = options.quiet or (context.nested and options.output is None)
        # With --all, an exec around us records every process from outside, with times of its own.
        self._recorded_by_another = context.nested and ALL_VARIABLE in environ
        if not context.nested:
            environ.pop(ALL_VARIABLE, None)
        elif self._recorded_by_another and options.output is None and not options.joins:
            self._become_command()
        self._added[ARGS_VARIABLE] = shown.encode()
        self._context = context
        cat = event.SPAN if self._recorded_by_another else event.PROCESS
        # Nothing but us knows of the log: the daemon may remove it when it is old.
        removable = context.is_new and self._output is None and environ.get(b"TRACERD_KEEP") != b"all"
        self._events = event.CommandEvents(options, context, shown, cat, removable=removable)
        if context.warning:
            self._note(context.warning)
        if options.output is not None and self._output is None:
            self._warn(f"there will be no {options.output}: the current directory was removed")
        if options.trace and not (context.nested or self._quiet):
            from tracerd.exec.joined import note

            note(options.trace, environ, wanted=options.summary)
        self._connect(context)
        if options.all_processes and self._daemon and not self._recorded_by_another:
            self._trace_processes(context, shown)
        if options.shims:
            self._make_shims()
        if options.compiler_detail and self._daemon and not self._recorded_by_another:
            self._detail_compilers(shown)

    def _connect(self, context: TraceContext) -> None:
        output = self._options.output
        try:
            self._daemon = connect(context.socket, self._environ, start=self._options.start and not context.nested)
        except NoDaemonError as error:
            self._warn(f"{error}; the command runs unrecorded{f'; there will be no {output}' if output else ''}")
            return
        self._daemon.write(f"OPEN {context.trace_id}\n")
        if self._output is not None and not os.path.isdir(directory := os.path.dirname(self._output)):
            self._warn(f"there is no directory {directory}; there will be no {output} unless the command makes it")
        if self._options.follow and self._output is not None:
            self._daemon.write(f"EMIT_TEF_AT_EXIT {self._output}\n")

    def _trace_processes(self, context: TraceContext, shown: str) -> None:
        from tracerd.errors import NoProcessTracerError
        from tracerd.exec.process_tracer import ProcessTracer

        if find_program(self._options.command[0], self._environ) is None:
            return  # it cannot be started; that is reported as without --all
        try:
            self._process_tracer = ProcessTracer(context, self._environ, shown)
        except (NoProcessTracerError, OSError) as error:
            self._note(f"--all: {reason(error)}; only what is wrapped is recorded", error)
            return
        self._added[ALL_VARIABLE] = b"1"

    def _make_shims(self) -> None:
        from tracerd.errors import TracerdError
        from tracerd.exec.shims import Shims

        try:
            shims = Shims(self._options.shims, self._environ)
        except (TracerdError, OSError) as error:
            self._note(f"--shim: {reason(error)}; only what is wrapped is recorded", error)
            return
        if shims.missing:
            self._note(f"--shim: no {', '.join(shims.missing)} in PATH")
        self._added[b"PATH"] = shims.path

    def _detail_compilers(self, shown: str) -> None:
        from tracerd.exec.compiler_detail import added

        are_recorded = bool(self._process_tracer or b"PATH" in self._added)
        variables, why = added(self._environ, shown, compiles_are_recorded=are_recorded)
        self._added |= variables
        if variables:
            self._collecting.insert(0, "--compiler-detail")
        elif why:
            self._note(f"--compiler-detail: {why}; there are no phases")

    # ------------------------------------------------------------------ start

    def _start(self) -> Command:
        """Start the command."""
        try:
            command = Command(self._made)
        except Exception as error:
            self._warn(f"there is no room for another process ({reason(error)}); the command runs unrecorded")
            self._become_command()
        if command.error:
            verb = ("exec", "span")[self._options.joins]  # no warning: a nested exec reports it too, as a shell would
            write_stderr(f"tracerd {verb}: {self._options.command[0]}: {os.strerror(command.error)}")
            self._has_warned = True
        return command

    def _made(self, pid: int) -> tuple[list[str], Environ, str]:
        """What `Command` asks for; in the process of the command."""
        argv, environ = self._options.command, self._environ | self._added
        try:
            if self._context and self._events:
                span, daemon = self._events.span(pid), self._daemon is not None
                environ |= exported(self._context, span, environ, daemon=daemon, git=self._options.git)
            if self._process_tracer:
                argv = self._process_tracer.command(argv)
        except Exception as error:
            return argv, environ, reason(error)
        return argv, environ, ""

    def _begin(self, command: Command, started_us: int) -> None:
        """Name the command's process, and mark that its span has begun: exec may be killed before it ends."""
        if command.failure:
            self._give_up(command.failure)
        if self._daemon and self._events and not command.error and not self._written_by_another:
            self._daemon.write(self._events.begun(command.pid, started_us))

    def _become_command(self) -> "NoReturn":
        """Replace exec by the command, without recording it."""
        write_stderr(f"tracerd exec: {self._options.command[0]}: {become(self._options.command, self._environ)}")
        os._exit(NOT_EXECUTABLE)

    # ------------------------------------------------------------------ report

    def _report(self, command: Command, ended: Ended, started_us: int, ended_us: int) -> None:
        """Write what is recorded of the command, and make sure that the daemon has it."""
        failure = ""
        if self._process_tracer:  # before our span: what ended before the command is in the trace before it
            failure = self._process_tracer.finish(EXPORT_S if self._output else ANSWER_S)
            if names := self._process_tracer.untraceable:
                why = "under strace it cannot trace processes or start untraced ones"
                self._note(f"--all: {names} may have failed: {why}; use --shim instead")
        if self._daemon and self._context and self._events and not self._written_by_another:
            processes = self._process_tracer.processes if self._process_tracer else 0
            lines = self._events.ended(command.pid, ended, started_us, ended_us, processes)
            self._write(lines, self._events.name(command.pid), self._context)
        if self._collecting and self._daemon and self._context and self._events:
            from tracerd.exec.after import collect

            for option in self._collecting:
                collect(option, self._context, started_us, self._environ, self._note)
            self._daemon.write(self._events.result)  # again: readers look for it at the end of a log
        if failure and self._output:  # perhaps because the daemon ended: that was the first warning then
            self._warn(failure)
        if self._daemon and self._output is not None:
            self._daemon.write(f"EMIT_TEF {self._output}\n")
        command.unblock_signals()
        if self._daemon and self._quiet:
            self._daemon.finish(NESTED_S)
            self._daemon.close()
        elif self._daemon and self._context:
            from tracerd.exec.after import after

            wait_s = EXPORT_S if self._output is not None else ANSWER_S
            # What an exec around us records would be a step of its build.
            start = None if self._recorded_by_another else self._environ
            after(self._daemon, wait_s, self._options, self._context, self._output, start, self._warn)

    def _write(self, lines: str, name: str, context: TraceContext) -> None:
        """Write the events; if the daemon ended while the command ran, to the next one, if there is one."""
        assert self._daemon  # noqa: S101 (the caller has checked it)
        self._daemon.write(lines)
        if not self._daemon.broken:
            return
        self._daemon.close()
        try:
            self._daemon = DaemonSocket(context.socket)
        except OSError:
            self._daemon = None
            lost = f", and there is no {self._options.output}" if self._output else ""
            self._warn(f"the daemon ended while the command ran: the end of the trace is missing{lost}")
            return
        self._daemon.write(f"OPEN {context.trace_id}\n{name}{lines}")
        self._warn("the daemon was started anew while the command ran: the trace may lack processes")

    def _warn(self, text: str) -> None:
        """Warn, for the last time: it explains what follows. `_note` is for a part that is missing."""
        self._note(text)
        self._has_warned = True

    def _note(self, text: str, error: Exception | None = None) -> None:
        if not (self._has_warned or self._quiet):
            write_stderr(f"tracerd exec: {text}")
        self._has_warned |= isinstance(error, OSError)  # no descriptors, perhaps, which explains what follows
