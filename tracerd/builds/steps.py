"""The steps of a build: what `tracerd exec` recorded of each process, and which process started it.

A step is one process. It may have been several programs, one after the other; each of them has a span. A pid that is
used twice belongs to two steps: their start tells them apart. All times are in ns, as Perfetto takes them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, cast

from tracerd.builds.names import command_line, is_chosen, program_at, step_name

OPEN_END: Final = "unfinished"
"""What `args.end` is of a program that had not ended when the trace did."""

UNFINISHED: Final = "UNFINISHED"
"""What stands before the name of a step that had not ended when the trace did."""


UNKNOWN_DEPTH: Final = -1
"""The depth of a step before it is counted."""


@dataclass(slots=True)
class Program:
    """What a process was for a time: one program and its command line.

    Attributes:
        pid: The process.
        name: What the trace calls it.
        start: When it began.
        dur: How long it lasted.
        args: What was recorded of it: `argv`, `cwd`, `exit_code` and others of docs/exec.md.
        line: Where it stands among the lines of the trace.
        ts: The start as the trace has it, in us.
        dur_us: The duration as the trace has it, in us.
        called: What it calls itself, or what to call it if its command line is not known.
        argv: The command line; empty if it was not recorded.
        tool: The last part of its path: `cc`; its name if the command line is not known.
    """

    pid: int
    name: str
    start: int
    dur: int
    args: Mapping[str, object]
    line: int
    ts: int | float
    dur_us: int | float
    called: str = ""
    argv: list[str] = field(init=False)
    tool: str = field(init=False)

    def __post_init__(self) -> None:
        """Take the command line out of the `args`."""
        argv = self.args.get("argv")
        self.argv = [*map(str, cast("list[object]", argv))] if isinstance(argv, list) else []
        self.tool = program_at(self.argv[0]) if self.argv else self.name

    @property
    def end(self) -> int:
        """When it ended; even an empty span occupies a nanosecond."""
        return self.start + max(self.dur, 1)

    @property
    def label(self) -> str:
        """What a person would call it: `cc lvm.o`."""
        return step_name(self.argv, self.called or self.name)

    @property
    def is_named(self) -> bool:
        """Whether a person has chosen its name."""
        return is_chosen(self.argv, self.called or self.name)

    @property
    def is_open(self) -> bool:
        """Whether it had not ended when the trace did: it still ran, or was killed with what recorded it."""
        return self.args.get("end") == OPEN_END

    @property
    def title(self) -> str:
        """The label, and before it how it ended if it did not end well: `FAILED 2 cc lvm.o`, `UNFINISHED cc lvm.o`."""
        return f"{UNFINISHED if self.is_open else outcome(self.args)} {self.label}".lstrip()


def _no_steps() -> "list[Step]":
    return []  # `list[Step]()` takes six times as long


@dataclass(eq=False)
class Step:
    """One process of a build.

    Attributes:
        programs: What it was, one after the other; at least one.
        parent: The step that started it; None if that is unknown.
        children: The steps that it started, in the order of their starts.
        inner: Those of them that are no parts of a compiler.
        is_part: Whether a compiler has started it as a part of its own work.
        depth: How many steps are around it.
        execs_s: Seconds of processor time of the execs around its steps: processes of ours, and no steps.
        pid: Its process.
        start: When it began.
        end: When it ended.
        dur: How long it lasted.
        main: The program that it was for the longest time.
        program: The name of that: `cc`.
    """

    programs: list[Program]
    parent: "Step | None" = None
    children: "list[Step]" = field(default_factory=_no_steps)
    inner: "list[Step]" = field(default_factory=_no_steps)
    is_part: bool = False
    depth: int = UNKNOWN_DEPTH
    execs_s: float = 0.0
    pid: int = field(init=False)
    start: int = field(init=False)
    end: int = field(init=False)
    dur: int = field(init=False)
    main: Program = field(init=False)
    program: str = field(init=False)

    def __post_init__(self) -> None:
        """Take from the programs what is asked for often."""
        first, last = self.programs[0], self.programs[-1]
        self.pid, self.start, self.end = first.pid, first.start, last.start + last.dur
        self.dur = self.end - self.start
        self.main = first if first is last else max(self.programs, key=lambda program: program.dur)
        self.program = self.main.tool

    @cached_property
    def name(self) -> str:
        """What a person would call it, the same in each build of one tree."""
        return self.main.label

    @property
    def title(self) -> str:
        """The name, and before it how it ended if it did not end well."""
        return f"{UNFINISHED if self.is_open else self.outcome} {self.name}".lstrip()

    @property
    def is_open(self) -> bool:
        """Whether it had not ended when the trace did."""
        return self.programs[-1].is_open

    @property
    def command(self) -> str:
        """Its command line as a shell takes it, with `...` if it was cut; its name if that was not recorded."""
        line = command_line(self.main.argv) if self.main.argv else self.name
        return f"{line} ..." if "argv_left_out" in self.main.args else line

    @property
    def last(self) -> Mapping[str, object]:
        """What was recorded of its end."""
        return self.programs[-1].args

    @property
    def code(self) -> int | None:
        """Its exit code; None if a signal ended it, or that is unknown."""
        code = self.last.get("exit_code")
        return code if isinstance(code, int) else None

    @property
    def signal(self) -> str:
        """The signal that ended it, such as `SIGSEGV`; empty: none did."""
        return str(self.last.get("signal", ""))

    @property
    def outcome(self) -> str:
        """How it failed: `FAILED 2`, `SIGSEGV`; empty if it ended well, or that is unknown."""
        return outcome(self.last)

    @cached_property
    def cpu_s(self) -> float | None:
        """Seconds of processor time, of its children too, without that of execs and shims; None if unrecorded."""
        user, system = self.last.get("user_s"), self.last.get("system_s")
        if not isinstance(user, (int, float)) or not isinstance(system, (int, float)):
            return None
        return max(0.0, user + system - self.execs_s)

    @property
    def exec_s(self) -> float:
        """Seconds of processor time of the exec or shim around it."""
        seconds = self.last.get("exec_s")
        return float(seconds) if isinstance(seconds, int | float) else 0.0

    @property
    def peak_bytes(self) -> int | None:
        """The most memory that it or one of its children held; None if that was not recorded."""
        peak = self.last.get("peak_memory_bytes")
        return peak if isinstance(peak, int) else None

    def ancestors(self) -> "Iterator[Step]":
        """The steps around it, the nearest first."""
        step = self.parent
        while step is not None:
            yield step
            step = step.parent


def outcome(args: Mapping[str, object]) -> str:
    """How a program failed, by the `args` of its span."""
    if signal := args.get("signal"):
        return str(signal)
    code = args.get("exit_code")
    return f"FAILED {code}" if isinstance(code, int) and code else ""


@dataclass(slots=True)
class Build:
    """All steps of a trace.

    Attributes:
        steps: In the order of their starts, parents before children.
        root: The step around all others; None if there is no such one.
        pid: The process that the build belongs to: that of the root, else of whoever started the first step.
        name: What the build is called.
        commands: The steps that no process of the trace has started, as far as the trace has it.
        cpus: How many processors the command could use; None if that was not recorded.
        needs: Of steps whose tool says so, those that had to end before.
    """

    steps: list[Step]
    root: Step | None
    pid: int
    name: str
    cpus: int | None = None
    commands: list[Step] = field(default_factory=_no_steps)
    needs: dict[Step, list[Step]] = field(default_factory=dict[Step, list[Step]])

    @property
    def has_steps(self) -> bool:
        """Whether there is more than one command."""
        return len(self.steps) > 1 or self.root is None

    @property
    def start(self) -> int:
        """When its first step began."""
        return self.steps[0].start

    @property
    def end(self) -> int:
        """When its root ended, or else its last step."""
        return self.root.end if self.root else max(step.end for step in self.steps)
