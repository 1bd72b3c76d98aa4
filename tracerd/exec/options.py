"""The options of `tracerd exec`, and a parser of their usual spellings that costs nothing to import.

The options are defined, with their texts, in `tracerd.cli.exec_command`; what this parser does not know, click parses.
"""

from tracerd.errors import InvalidTraceIdError
from tracerd.trace_id import TraceId

FULL, NAME, NONE = "full", "name", "none"
ARGS = (FULL, NAME, NONE)
"""How much of the command line is recorded: all of it, the program's name, nothing."""


LANES, PROCESSES = "lanes", "processes"
LAYOUTS = (LANES, PROCESSES)
"""How the trace of `-o` is laid out: processes on lanes, or a row for each; as in `tracerd.builds.layout`."""


class Options:
    """One command and how to record it.

    Attributes:
        command: The program and its arguments.
        name: What the process and its span are called; None: as the program.
        output: Where the trace is written when the command has ended; None: nowhere.
        trace: The trace to join or to begin; None: that of the environment, or a new one.
        args: One of `ARGS`; None: as an enclosing exec has it, or `FULL`.
        start: Start a daemon if there is none.
        follow: Write `output` again when processes have ended that outlive the command.
        all_processes: Record each process that the command starts.
        shims: The programs for which shims stand first in the command's PATH.
        layout: One of `LAYOUTS`; None: lanes if there are processes that record only their span.
        collect: Import what the tools of a build write meanwhile below the current directory.
        compiler_detail: Put the phases of clang below its compiles.
        git: Let each git that the command runs record itself.
        summary: Say at the end what the trace shows of a build.
        attributes: Of the trace, by key and value.
        span_args: What the command's span has besides what is recorded.
        joins: Record it within a trace that is there; without one, or without a daemon, it only runs.
        quiet: No warnings, and no wait for an acknowledgement.
    """

    def __init__(
        self,
        command: list[str],
        *,
        name: str | None = None,
        output: str | None = None,
        trace: TraceId | None = None,
        args: str | None = None,
        start: bool = True,
        follow: bool = False,
        all_processes: bool = False,
        shims: list[str] | None = None,
        layout: str | None = None,
        collect: bool = False,
        compiler_detail: bool = False,
        git: bool = True,
        summary: bool = False,
        attributes: list[tuple[str, str]] | None = None,
        span_args: list[tuple[str, str]] | None = None,
        joins: bool = False,
        quiet: bool = False,
    ) -> None:
        self.command = command
        self.name = name
        self.output = output
        self.trace = trace
        self.args = args
        self.start = start
        self.follow = follow
        self.all_processes = all_processes
        self.shims = shims or []
        self.layout = layout
        self.collect = collect
        self.compiler_detail = compiler_detail
        self.git = git
        self.summary = summary
        self.attributes = attributes or []
        self.span_args = span_args or []
        self.joins = joins
        self.quiet = quiet


LONG = {"-o": "--output"}
WITH_VALUE = ("--name", "--output", "--trace", "--args", "--shim", "--layout")
ATTRIBUTE = "--attr"
FLAGS = ("--no-start", "--follow", "--all", "--collect", "--compiler-detail", "--no-git", "--summary")


OWN_ATTRIBUTES = ("begun_by", "command", "cpus", "dur_us", "exit_code", "processes", "signal")
"""Attributes of a trace that exec itself writes: nobody else may give them."""


def pair(text: str) -> tuple[str, str] | None:
    """Key and value of `key=value`; None if there is no key."""
    key, equals, value = text.partition("=")
    return (key, value) if key and equals else None


def parse(words: list[str]) -> Options | None:
    """The options that these words mean, or None if click has to parse them or report what is wrong."""
    values: dict[str, str] = {}
    attributes: list[tuple[str, str]] = []
    flags: set[str] = set()
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        option, equals, value = word.partition("=") if word.startswith("--") else (LONG.get(word, word), "", "")
        if option in FLAGS and not equals:
            flags.add(option)
        elif option in WITH_VALUE and (equals or rest):
            values[option] = value if equals else rest.pop(0)
        elif option == ATTRIBUTE and (equals or rest):
            found = pair(value if equals else rest.pop(0))
            if not found or found[0] in OWN_ATTRIBUTES:
                return None
            attributes.append(found)
        else:
            return None
    try:
        trace = TraceId(values["--trace"]) if "--trace" in values else None
    except InvalidTraceIdError:
        return None
    output = values.get("--output")
    layout = values.get("--layout")
    shims = shim_names(values.get("--shim", ""))
    if output == "-" or (layout is not None and (layout not in LAYOUTS or output is None)):
        return None
    if not rest or values.get("--args", FULL) not in ARGS or output == "" or ("--follow" in flags and output is None):
        return None
    if "--compiler-detail" in flags and "--all" not in flags and not shims:
        return None
    return Options(
        rest,
        name=values.get("--name"),
        output=output,
        trace=trace,
        args=values.get("--args"),
        start="--no-start" not in flags,
        follow="--follow" in flags,
        all_processes="--all" in flags,
        shims=shims,
        layout=layout,
        collect="--collect" in flags,
        compiler_detail="--compiler-detail" in flags,
        git="--no-git" not in flags,
        summary="--summary" in flags,
        attributes=attributes,
    )


def shim_names(text: str) -> list[str]:
    """The names in `cc,ld,ar`."""
    return [name for name in text.split(",") if name]
