"""The lines of a trace to the steps of a build; the one module here that knows what the lines look like.

What `tracerd exec` writes of processes is taken out of the lines: spans of `cat` `process` on the main thread of a
process whose `args` say how it ended, the names of these processes, and the arrows from who started them. All other
lines are handed back, so that a trace of any size can be laid out in one pass.
"""

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import msgspec

from tracerd.builds.steps import Build, Program, Step

_HOW_IT_ENDED: Final = frozenset({"exit_code", "signal", "error", "end", "became"})
_MENTION: Final = b'"process'
"""What the lines hold that are taken: `"process"` or `"process_name"`."""

_ATTRIBUTES: Final = b'"tracerd_trace"'

_PID: Final = re.compile(rb'"pid":\s*([0-9]{1,18})')
_SLICES: Final = frozenset("XBiI")
_MARKS: Final = ("execve ", "becomes ")
"""How the instants begin that exec writes on the main thread of a process."""


class _Line(msgspec.Struct, gc=False):
    ph: str
    name: str = ""
    cat: str = ""
    ts: int | float = 0
    dur: int | float = 0
    pid: int | str = 0
    tid: int | str = 0
    id: int | str = 0
    args: msgspec.Raw = msgspec.Raw(b"{}")


_LINE = msgspec.json.Decoder(_Line)
_ARGS = msgspec.json.Decoder(dict[str, object])


class _Name(msgspec.Struct):
    name: str


_NAME = msgspec.json.Decoder(_Name)


@dataclass(frozen=True, slots=True)
class Mark:
    """An instant that exec has written on the main thread of a process; `ts` is as the trace has it."""

    pid: int
    ts: int | float
    line: bytes


@dataclass(frozen=True, slots=True)
class First:
    """The first event that a process has written by itself."""

    tid: int | str
    ts: int | float


def ns(us: float) -> int:
    """A time of the trace in ns, rounded as Perfetto rounds it."""
    return us * 1000 if isinstance(us, int) else round(us * 1000)


class Reader:
    """Takes a trace block by block.

    Attributes:
        kept: The lines that were taken out, in their order.
        names: What each process is called; with the line that says so.
        marks: The instants of processes.
        attributes: What is said of the whole trace: its command, how it ended.
        tells: The processes that have written more than what exec writes of them.
        firsts: The first slice of each of these, in the order of the trace, if it came soon.

    Args:
        laid_out: Also take the spans of a trace that is on lanes already, for a trace of its own would be made of them.
    """

    def __init__(self, *, laid_out: bool = False) -> None:
        self.kept: list[bytes] = []
        self.names: dict[int, tuple[str, bytes]] = {}
        self.marks: list[Mark] = []
        self.attributes: dict[str, object] = {}
        self.tells: set[int] = set()
        self.firsts: dict[int, First] = {}
        self._laid_out = laid_out
        self._programs: list[Program] = []
        self._starts: dict[int | str, int] = {}  # of arrows: which process started another one
        self._parents: dict[tuple[int, int], int] = {}  # of a process, by pid and start

    def feed(self, block: bytes) -> bytes:
        """Take whole lines; returns those that are about something else: the block itself if all are."""
        if block.rfind(_ATTRIBUTES) >= 0:
            self._note_attributes(block)
        if block.rfind(_MENTION) < 0:  # rfind takes a tenth of the time of `in`, in Python 3.11
            self._note_others(block)
            return block
        taken = len(self.kept)
        rest: list[bytes] = []
        for line in block.split(b"\n"):
            if _MENTION in line and self._take(line):
                self.kept.append(line)
            else:
                rest.append(line)
        others = b"\n".join(rest) if len(self.kept) > taken else block
        self._note_others(others)
        return others

    def _note_attributes(self, block: bytes) -> None:
        for line in block.split(b"\n"):
            if _ATTRIBUTES in line:
                with suppress(msgspec.DecodeError):
                    event = _LINE.decode(line)
                    if event.ph == "M" and event.name == "tracerd_trace":
                        self.attributes |= _ARGS.decode(event.args)

    def _take(self, line: bytes) -> bool:
        try:
            event = _LINE.decode(line)
            if isinstance(event.pid, str):
                return False
            if event.ph == "M" and event.name == "process_name":
                self.names[event.pid] = (_NAME.decode(event.args).name, line)
                return True
            if event.cat == "process" and event.tid == event.pid:
                return self._take_process(event, event.pid, line)
            return event.cat == "process" and self._laid_out and self._take_slice(event)
        except (msgspec.DecodeError, ValueError, OverflowError):
            return False

    def _take_process(self, event: _Line, pid: int, line: bytes) -> bool:
        match event.ph:
            case "X":
                args = _ARGS.decode(event.args)
                if not _HOW_IT_ENDED & args.keys() or event.dur < 0:
                    return False
                self._add(event, pid, event.name, args)
            case "s" if event.name == "start":
                self._starts[event.id] = pid
            case "f" if event.name == "start":
                if (parent := self._starts.pop(event.id, None)) is not None:
                    self._parents[pid, ns(event.ts)] = parent
            case "i" if event.name.startswith(_MARKS):
                self.marks.append(Mark(pid, event.ts, line))
            case _:
                return False
        return True

    def _take_slice(self, event: _Line) -> bool:
        """A span on a lane, as `layout` writes it."""
        args = _ARGS.decode(event.args) if event.ph == "X" else {}
        pid, parent = args.get("pid"), args.get("parent")
        if not isinstance(pid, int):
            return False
        self._add(event, pid, event.name, args)
        if isinstance(parent, int):
            self._parents[pid, ns(event.ts)] = parent
        return True

    def _add(self, event: _Line, pid: int, name: str, args: dict[str, object]) -> None:
        if isinstance(command := args.get("cmd"), str) and "argv" not in args:
            args["argv"] = argv = shlex.split(command)
            name = str(args.get("program") or posixpath.basename(argv[0]))
        start, dur = ns(event.ts), ns(event.dur)
        self._programs.append(Program(pid, name, start, dur, args, len(self.kept), event.ts, event.dur))

    def _note_others(self, block: bytes) -> None:
        """Note which processes write something by themselves."""
        new = {int(pid) for pid in _PID.findall(block)} - self.tells
        for line in block.split(b"\n") if new else ():
            try:
                event = _LINE.decode(line)
            except msgspec.DecodeError:
                continue
            if isinstance(event.pid, str) or event.pid not in new or event.ph == "M":
                continue
            self.tells.add(event.pid)
            if event.ph in _SLICES:
                self.firsts[event.pid] = First(event.tid, event.ts)
                new.discard(event.pid)
                if not new:
                    return

    def build(self) -> Build | None:
        """What has been read; None if there is no process in it."""
        if not self._programs:
            return None
        steps = list(_steps(sorted(self._programs, key=lambda program: (program.start, -program.dur, program.line))))
        by_pid: dict[int, list[Step]] = {}
        for step in steps:
            by_pid.setdefault(step.pid, []).append(step)
        for step in steps:
            pid = self._parents.get((step.pid, step.start))
            if pid is not None:
                step.parent = _alive(by_pid.get(pid, []), step)
        _set_depths(steps)
        steps.sort(key=lambda step: (step.start, step.depth))
        for step in steps:
            if step.parent is not None:
                step.parent.children.append(step)
        root = _root(steps)
        first = root or steps[0]
        pid = first.pid if root else self._parents.get((first.pid, first.start), first.pid)
        name = root.name if root else self.names.get(pid, (first.name, b""))[0]
        return Build(steps, root, pid, name, cpus if isinstance(cpus := self.attributes.get("cpus"), int) else None)


def _steps(programs: Iterable[Program]) -> Iterator[Step]:
    """Programs to processes: one that became another is followed by it, in the same moment."""
    became: dict[tuple[int, int], Step] = {}
    for program in programs:
        step = became.pop((program.pid, program.start), None)
        if step is None:
            step = Step([program])
            yield step
        else:
            step.programs.append(program)
        if "became" in program.args:
            became[program.pid, program.start + program.dur] = step


def _alive(steps: list[Step], child: Step) -> Step | None:
    """Of the processes of one pid the one that can have started a child: the last that began no later."""
    return next((step for step in reversed(steps) if step.start <= child.start and step is not child), None)


def _set_depths(steps: list[Step]) -> None:
    """How many steps are around each. A trace from elsewhere may have circles: they are cut."""
    done: set[Step] = set()
    for step in steps:
        path: list[Step] = []
        seen: set[Step] = set()
        at: Step | None = step
        while at is not None and at not in done:
            if at in seen:
                path[-1].parent = None
                break
            seen.add(at)
            path.append(at)
            at = at.parent
        for one in reversed(path):
            one.depth = 0 if one.parent is None else one.parent.depth + 1
            done.add(one)


def _root(steps: list[Step]) -> Step | None:
    """The only step that no other one has started, or the first of several if it is around them."""
    tops = [step for step in steps if step.parent is None]
    first = tops[0]
    is_around = all(first.start <= step.start and step.end <= first.end for step in tops)
    return first if is_around else None


def read_build(blocks: Iterable[bytes]) -> Build | None:
    """The build of a trace; None if no process of `tracerd exec` is in it."""
    reader = Reader(laid_out=True)
    for block in blocks:
        reader.feed(block)
    return reader.build()
