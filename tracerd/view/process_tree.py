"""A build as a tree of processes, for people and for scripts: what `tracerd show` shows of processes."""

from collections.abc import Iterator
from dataclasses import dataclass

from tracerd.builds.failures import is_failure
from tracerd.builds.steps import Build, Step
from tracerd.builds.work import cpu_s, work_ns
from tracerd.rows.spans import Id
from tracerd.text import encodable, plural, printable
from tracerd.view.summary import command_text, ending_text, rounded_s
from tracerd.view.tables import duration_text, microseconds

_INDENT = "  "
_MAX_COMMAND = 200
"""Characters of a command line that a person is shown."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which processes are to be shown; what started them is shown with them.

    Attributes:
        max_depth: Those with so many levels around them at most; None for all.
        min_dur: Those that lasted so long at least, in ns.
        pids: These, and what they started; none for all.
        errors: Only those that failed, or had not ended when the trace did.
        running: Only those that had not ended when the trace did.
    """

    max_depth: int | None = None
    min_dur: int = 0
    pids: frozenset[Id] = frozenset()
    errors: bool = False
    running: bool = False

    def fits(self, step: Step) -> bool:
        """Whether a process is to be shown by itself."""
        return (
            step.dur >= self.min_dur
            and (not self.errors or step.is_open or is_failure(step))
            and (not self.running or step.is_open)
            and (not self.pids or any(one.pid in self.pids for one in (step, *step.ancestors())))
        )


class ProcessTree:
    """The processes of a build that are to be shown, as they started one another.

    Attributes:
        build: The build.
        rows: They, each before what it started.
        hidden: How many others there are, not counting those that lie too deep.
    """

    def __init__(self, build: Build, wish: Wish) -> None:
        self.build = build
        shown: set[Step] = set()
        for step in build.steps:
            if wish.fits(step):
                shown.update((step, *step.ancestors()))
        self.hidden = len(build.steps) - len(shown)
        self.rows: list[Step] = []
        rest = [step for step in reversed(build.steps) if step.parent is None]
        while rest:
            step = rest.pop()
            if step in shown and (wish.max_depth is None or step.depth <= wish.max_depth):
                self.rows.append(step)
            rest += reversed(step.children)


def as_text(tree: ProcessTree, trace_id: str) -> Iterator[tuple[str, bool]]:
    """Lines, and of each whether it is about a failure."""
    build = tree.build
    dur = duration_text(build.end - build.start)
    yield f"{printable(trace_id)}: {dur}, {plural(len(build.steps), 'process')}, {ending_text(build)}", False
    if tree.rows:
        yield _line("start", "duration", "self", "pid", ""), False
        yield "", False
    for step in tree.rows:
        command = command_text(step, _MAX_COMMAND)
        if step.main.argv and step.main.is_named:
            command = f"{printable(step.main.label)}: {command}"
        times = (step.start - tree.build.start, step.dur, work_ns(step))
        text = _INDENT * step.depth + _ending(step) + command
        start, dur, work = map(duration_text, times)
        yield _line(start, dur, work, str(step.pid), text), bool(step.outcome)
    if tree.hidden:
        yield "", False
        yield f"{plural(tree.hidden, 'other process')} not shown", False


def _ending(step: Step) -> str:
    if step.is_open:
        return "[unfinished] "
    if step.signal:
        return f"[{printable(step.signal)}] "
    return f"[exit {step.code}] " if step.code else ""


def _line(start: str, dur: str, work: str, pid: str, what: str) -> str:
    return f"{start:>9} {dur:>9} {work:>9} {pid:>7}  {what}".rstrip()


def as_json(step: Step) -> dict[str, object]:
    """A process, as docs/builds.md has it."""
    cwd = step.main.args.get("cwd")
    return {
        "type": "step",
        "name": encodable(step.name),
        "pid": step.pid,
        "parent": step.parent.pid if step.parent else None,
        "depth": step.depth,
        "cmd": encodable(step.command) if step.main.argv else None,
        "cwd": cwd if isinstance(cwd, str) else None,
        "start_us": microseconds(step.start),
        "dur_us": None if step.is_open else microseconds(step.dur),
        "self_us": None if step.is_open else microseconds(work_ns(step)),
        "cpu_s": rounded_s(cpu_s(step)),
        "peak_memory_bytes": step.peak_bytes,
        "exit_code": step.code,
        "signal": step.signal or None,
        "error": bool(step.outcome),
        "age_us": microseconds(step.dur) if step.is_open else None,
    }
