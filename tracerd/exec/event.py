"""The events of a command, as lines: its process's name, its span, and the arrow from who started it."""

import os
import time

from tracerd import redact
from tracerd.exec.environment import TraceContext, current_directory, span_id
from tracerd.exec.options import FULL, NAME, Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tracerd.exec.programs import Ended

    Json = str | int | float | list[str] | dict[str, "Json"]

PROCESS, SPAN = "process", "span"
"""Categories: the life of a process, and a part of one that a script names."""

MAX_ARGV_BYTES = 65536
"""More of a command line is not recorded: all that exec writes fits into the buffer of a socket."""

MAX_HINT_CHARACTERS = 40

MAX_COMMAND_CHARACTERS = 1000
"""Of the command line that `tracerd list` shows; more is in the span."""

_IN_SCRIPTS = frozenset("'\"()[]{}<>|&;$`*")  # and in what is hidden, but not in the name of a file
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_")
"""What a shell takes as it is."""

# A JSON encoder of its own, for to import json takes as long as all modules of exec together.
_ESCAPES = {code: f"\\u{code:04x}" for code in range(32)} | {ord('"'): '\\"', ord("\\"): "\\\\"}


def now_us() -> int:
    """Microseconds of the clock that all processes of a machine share."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def quoted(text: str) -> str:
    """A JSON string; what is not valid Unicode becomes U+FFFD."""
    text = text.translate(_ESCAPES)
    return f'"{text if text.isascii() else _valid(text)}"'


def _valid(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def as_json(value: "Json") -> str:
    """JSON text."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{quoted(key)}:{as_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(quoted, value)) + "]"
    return repr(value)


def line(**event: "Json") -> str:
    """An event as a line of a log, with its newline."""
    return as_json(event) + "\n"


class CommandLabel:
    """What is recorded of a command line: the span's name, the process's name, `args`, and the line as one text.

    Attributes:
        program: The program as it was called, with its directories if these are recorded.
    """

    def __init__(self, argv: list[str], cwd: str | None, shown: str, name: str | None) -> None:
        program = basename(argv[0])
        self.args: dict[str, Json] = {}
        if shown == FULL:
            fitting, left_out = _fitting(argv)  # first: the command waits for the search for secrets
            clean = redact.argv(fitting)
            self.args["argv"] = clean
            self.program = clean[0]
            if left_out:
                self.args["argv_left_out"] = left_out
            if cwd is not None:
                self.args["cwd"] = cwd
            hint = _hint(clean)
            self.process = name or (f"{program} {hint}" if hint else program)
        else:
            self.program = program = program if shown == NAME else "command"
            self.process = name or program
        self.span = name or program
        words = self.args.get("argv")
        line = command_line(words) if isinstance(words, list) else program if shown == NAME else ""
        self.command = line if len(line) <= MAX_COMMAND_CHARACTERS else line[: MAX_COMMAND_CHARACTERS - 3] + "..."


class CommandEvents:
    """What exec writes of its command.

    Args:
        options: The command and its attributes.
        context: Where it belongs.
        shown: How much of the command line is recorded, one of `ARGS`.
        cat: The category of its span: `PROCESS`, or `SPAN` within a process that another recorder writes.
        removable: Whether the log may be removed when it is old.

    Attributes:
        result: The line that describes the trace when the command has ended; empty before.
    """

    def __init__(self, options: Options, context: TraceContext, shown: str, cat: str, *, removable: bool) -> None:
        self._label = CommandLabel(options.command, current_directory(), shown, options.name)
        self._span_args, self._attributes = as_args(options.span_args), as_args(options.attributes)
        self._context = context
        self._describes_trace = not (context.nested or options.joins)
        if self._describes_trace and options.name:
            self._attributes = {"name": options.name, **self._attributes}
        self._cat = cat
        self._removable = removable
        self._random = os.urandom(8)
        self.result = ""

    def span(self, pid: int) -> str:
        """The id of its span."""
        return span_id(pid, self._random)

    def name(self, pid: int) -> str:
        """Names its process; as a part of another recorder's it has a name."""
        return process_name(pid, self._label.process) if self._cat == PROCESS else ""

    def begun(self, pid: int, started_us: int) -> str:
        """It has begun."""
        parent = self._context.parent_pid
        mark = begin(pid, self._label.span, started_us, self.span(pid), parent=parent, cat=self._cat)
        return self._trace(pid) + self.name(pid) + mark

    def ended(self, pid: int, ended: "Ended", started_us: int, ended_us: int, processes: int) -> str:
        """It has ended; so many processes were recorded from outside."""
        mark = self.span(pid)
        args = self._label.args | {"span": mark} | ended.args() | {"exec_s": round(time.process_time(), 6)}
        args |= self._span_args
        lines = span(pid, self._label.span, started_us, ended_us, args, mark="" if ended.error else mark, cat=self._cat)
        if ended.error:  # it has no name yet
            lines = self.name(pid) + lines
        if self._context.parent_pid is not None and self._cat == PROCESS:
            lines += arrow(self._context.parent_pid, pid, started_us, f"0x{mark}")
        self.result = self._trace(pid, ended, ended_us - started_us, processes)
        return lines + self.result

    def _trace(self, pid: int, ended: "Ended | None" = None, dur_us: int = 0, processes: int = 0) -> str:
        """Describes the trace, when it begins and when it ends; a part of one adds only what it is given."""
        if self._describes_trace:
            command = self._label.command
            return trace(pid, command, ended, dur_us, processes, is_ours=self._removable, given=self._attributes)
        return attributes(pid, self._attributes) if self._attributes and not ended else ""


def as_args(pairs: list[tuple[str, str]]) -> "dict[str, Json]":
    """Keys and values as `args`: texts; a key that is given several times has a list."""
    found: dict[str, Json] = {}
    for key, text in pairs:
        before = found.get(key)
        if before is None:
            found[key] = text
        else:
            found[key] = [*before, text] if isinstance(before, list) else [str(before), text]
    return found


def command_line(argv: list[str]) -> str:
    """A command line as a shell takes it."""
    return " ".join(word if word and not set(word) - _PLAIN else _shell_word(word) for word in argv)


def _shell_word(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def basename(path: str) -> str:
    """The last part of a path, never empty."""
    return path.rstrip("/").rpartition("/")[2] or path or "command"


def _fitting(argv: list[str]) -> tuple[list[str], int]:
    """As many of the first arguments as fit, and how many do not."""
    room = MAX_ARGV_BYTES
    for number, word in enumerate(argv):
        room -= len(quoted(word).encode("utf-8", "replace")) + 1
        if room < 0:
            return argv[:number] or [argv[0][:MAX_HINT_CHARACTERS]], len(argv) - number
    return argv, 0


def _hint(argv: list[str]) -> str:
    """What sets one `cc` apart from thirty others: the output (`-o`), or else the only argument that is no option."""
    words = argv[1:]
    if "-o" in words[:-1]:
        word = words[words.index("-o") + 1]
    else:
        plain = [word for word in words if not word.startswith("-")]
        word = plain[0] if len(plain) == 1 else ""
    word = basename(word) if word else ""
    fits = len(word) <= MAX_HINT_CHARACTERS and word.isprintable() and " " not in word and not set(word) & _IN_SCRIPTS
    return word if fits else ""


def trace(
    pid: int,
    command: str,
    ended: "Ended | None",
    dur_us: int,
    processes: int,
    *,
    is_ours: bool,
    given: "dict[str, Json] | None" = None,
) -> str:
    """What is said of the whole trace; of several such lines the last one counts, key by key.

    Args:
        pid: The command's process.
        command: The command line; empty if it is not to be recorded.
        ended: How it ended; None: it begins.
        dur_us: How long it took.
        processes: How many processes it has started; 0 if that is not known.
        is_ours: Whether the log may be removed when it is old.
        given: More attributes.
    """
    args: dict[str, Json] = dict(given or {})
    if command:
        args["command"] = command
    if is_ours:
        args["begun_by"] = "exec"
    if ended:
        args |= {key: value for key, value in ended.args().items() if key in ("exit_code", "signal")}
        args |= {"dur_us": max(0, dur_us), "cpus": len(os.sched_getaffinity(0))}
        if processes:
            args["processes"] = processes + 1
    return attributes(pid, args)


def attributes(pid: int, args: "dict[str, Json]") -> str:
    """Attributes of the trace."""
    return line(ph="M", name="tracerd_trace", pid=pid, tid=pid, args=args)


def process_name(pid: int, name: str) -> str:
    """Names a process's row; by `cat` readers know that the name is ours, and prefer one that its program has given."""
    return line(ph="M", name="process_name", cat=PROCESS, pid=pid, tid=pid, args={"name": name})


def begin(pid: int, name: str, start_us: int, mark: str, parent: int | None = None, cat: str = PROCESS) -> str:
    """A process has begun; `mark`, 16 hexadecimal digits and no other's, names the line of the span that it awaits.

    `parent` is the process that started it.
    """
    args: dict[str, Json] = {"id": mark, "name": name, "cat": cat}
    if parent is not None:
        args["parent"] = parent
    return line(ph="M", name="tracerd_begin", pid=pid, tid=pid, ts=start_us, args=args)


def span(
    pid: int, name: str, start_us: int, end_us: int, args: "dict[str, Json]", mark: str = "", cat: str = PROCESS
) -> str:
    """A process's life, on its main thread; `mark` is what was given to `begin`."""
    event: dict[str, Json] = {"ph": "X", "name": name, "cat": cat, "pid": pid, "tid": pid, "ts": start_us}
    event |= {"dur": max(0, end_us - start_us), "args": args}
    if mark:
        event["begin"] = mark
    return as_json(event) + "\n"


def instant(pid: int, name: str, ts_us: int, args: "dict[str, Json]") -> str:
    """A moment of a process, on its main thread."""
    return line(ph="i", name=name, cat=PROCESS, pid=pid, tid=pid, ts=ts_us, s="t", args=args)


def arrow(parent_pid: int, pid: int, ts_us: int, number: str) -> str:
    """Leads from the parent's span, at this moment, to that of the process; `number` is hexadecimal, and no other's."""
    start = line(ph="s", name="start", cat=PROCESS, id=number, pid=parent_pid, tid=parent_pid, ts=ts_us)
    return start + line(ph="f", name="start", cat=PROCESS, id=number, bp="e", pid=pid, tid=pid, ts=ts_us)
