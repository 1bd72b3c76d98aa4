"""The lines of a trace to the steps of a build; the one module here that knows what the lines look like.

What `tracerd exec` writes of processes is taken out of the lines: spans of `cat` `process` on the main thread of a
process whose `args` say how it ended, those that only have begun, the names of these processes, and the arrows from
who started them. All other lines are handed back, so that a trace of any size can be laid out in one pass.
"""

import posixpath
import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from tracerd.builds.assembly import assemble
from tracerd.builds.steps import OPEN_END, Build, Program
from tracerd.trace_json.begin_marks import PROCESS_CAT, UNFINISHED_CAT

STEP_CATS: Final = (PROCESS_CAT, "step")
"""The categories of what is recorded of processes; `step` is what `layout` repeats of them."""

PHASE: Final = "process_phase"
"""The category of the phases of a process, on its main thread; it has what `_MENTION` looks for."""

_MAX_NAMES: Final = 16
"""So many names of one process are known."""

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
    args: dict[str, object] = {}


_LINE = msgspec.json.Decoder(_Line)
_NO_EVENT: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding a line raises; a log that no daemon has written may hold any."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An instant or a phase that was written on the main thread of a process; `ts` is as the trace has it."""

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


def us(time: int) -> int | float:
    """A time in us, as a trace has it."""
    return time // 1000 if time % 1000 == 0 else time / 1000


class Reader:
    """Takes a trace block by block.

    Attributes:
        kept: The lines that were taken out, in their order.
        names: What each process calls itself, the latest last; with the lines that say so.
        given: The same of what exec calls them; what exec of version 0.1.0 calls them is in `names`.
        marks: The instants of processes.
        phases: What lies below the spans of processes.
        attributes: What is said of the whole trace: its command, how it ended.
        tells: The processes that have written more than what exec writes of them.
        firsts: The first slice of each of these, in the order of the trace, if it came soon.

    Args:
        only_steps: Only the steps are asked for, and no `tells` and `firsts`. So the spans of a trace that is on lanes
            already are taken too, for no lanes are made of them.
    """

    def __init__(self, *, only_steps: bool = False) -> None:
        self.kept: list[bytes] = []
        self.names: dict[int, dict[str, bytes]] = {}
        self.given: dict[int, dict[str, bytes]] = {}
        self.marks: list[Mark] = []
        self.phases: list[Mark] = []
        self.attributes: dict[str, object] = {}
        self.tells: set[int] = set()
        self.firsts: dict[int, First] = {}
        self._only_steps = only_steps
        self._command_pid: int | str = 0
        self._programs: list[Program] = []
        self._begun: list[Program] = []
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
            if line.rfind(_MENTION) >= 0 and self._take(line):
                self.kept.append(line)
            else:
                rest.append(line)
        others = b"\n".join(rest) if len(self.kept) > taken else block
        self._note_others(others)
        return others

    def _note_attributes(self, block: bytes) -> None:
        for line in block.split(b"\n"):
            if _ATTRIBUTES in line:
                with suppress(*_NO_EVENT):
                    event = _LINE.decode(line)
                    if event.ph == "M" and event.name == "tracerd_trace":
                        self.attributes |= event.args
                        self._command_pid = event.pid

    def _take(self, line: bytes) -> bool:
        try:
            event = _LINE.decode(line)
            if isinstance(event.pid, str):
                return False
            if event.ph == "M" and event.name == "process_name":
                name = event.args.get("name")
                if not isinstance(name, str):
                    return False
                names = (self.given if event.cat == PROCESS_CAT else self.names).setdefault(event.pid, {})
                names.pop(name, None)
                if len(names) < _MAX_NAMES:
                    names[name] = line
                return True
            if event.cat == PROCESS_CAT and event.tid == event.pid:
                return self._take_process(event, event.pid, line)
            if event.cat == PHASE and not self._only_steps:
                self.phases.append(Mark(event.pid, event.ts, line))
                return True
            if event.cat == UNFINISHED_CAT and event.ph == "b":
                return self._take_begun(event, event.pid)
            return event.cat == PROCESS_CAT and self._only_steps and self._take_slice(event)
        except (*_NO_EVENT, ValueError, OverflowError):
            return False

    def _take_process(self, event: _Line, pid: int, line: bytes) -> bool:
        match event.ph:
            case "X":
                args = event.args
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

    def _take_begun(self, event: _Line, pid: int) -> bool:
        """A process that has begun, as `trace_json.begin_marks` writes it."""
        if event.args.get("cat") != PROCESS_CAT:
            return False
        self._begun.append(Program(pid, event.name, ns(event.ts), 0, {}, len(self.kept), event.ts, 0))
        if isinstance(parent := event.args.get("parent"), int):
            self._parents[pid, ns(event.ts)] = parent
        return True

    def _take_slice(self, event: _Line) -> bool:
        """A span on a lane, as `layout` writes it."""
        args = event.args if event.ph == "X" else {}
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
            name = posixpath.basename(argv[0])
        name = str(args.get("program") or name)
        start, dur = ns(event.ts), ns(event.dur)
        self._programs.append(Program(pid, name, start, dur, args, len(self.kept), event.ts, event.dur))

    def _note_others(self, block: bytes) -> None:
        """Note which processes write something by themselves."""
        if self._only_steps:
            return
        new = {int(pid) for pid in _PID.findall(block)} - self.tells
        for line in block.split(b"\n") if new else ():
            try:
                event = _LINE.decode(line)
            except _NO_EVENT:
                continue
            if isinstance(event.pid, str) or event.pid not in new or event.ph == "M":
                continue
            self.tells.add(event.pid)
            if event.ph in _SLICES:
                self.firsts[event.pid] = First(event.tid, event.ts)
                new.discard(event.pid)
                if not new:
                    return

    def build(self, until: int | None = None) -> Build | None:
        """What has been read; None if there is no process in it.

        Args:
            until: The time now, in ns, if processes may still run; None: what has not ended lasts to the last event.
        """
        last = max((program.end for program in self._programs), default=0)
        last = max(last, until or 0, *(begun.start for begun in self._begun)) if self._begun else last
        programs = self._programs + self._lasting_to(last)
        if not programs:
            return None
        cpus = self.attributes.get("cpus")
        names, given = ({pid: [*names] for pid, names in all_.items()} for all_ in (self.names, self.given))
        return assemble(programs, self._parents, names, given, cpus if isinstance(cpus, int) else None)

    def _lasting_to(self, last: int) -> list[Program]:
        """The programs whose end is not in the trace: each lasts to the next one with its pid, or to the end."""
        starts: dict[int, list[int]] = {begun.pid: [] for begun in self._begun}
        for program in self._programs:
            if program.pid in starts:
                starts[program.pid].append(program.start)
        found: list[Program] = []
        for begun in self._begun:
            following = min((start for start in starts[begun.pid] if start > begun.start), default=None)
            dur = (last if following is None else following) - begun.start
            names = self.given.get(begun.pid) or self.names.get(begun.pid, {})
            called = next((name for name in reversed(names) if name.startswith(begun.name)), begun.name)
            found.append(
                replace(
                    begun,
                    dur=dur,
                    dur_us=us(dur),
                    args=self._command_of(begun.pid) | {"end": OPEN_END if following is None else "not seen"},
                    called=called,
                )
            )
        return found

    def _command_of(self, pid: int) -> dict[str, object]:
        """The command line of the trace's command, which is known before it ends; nothing of other processes."""
        command = self.attributes.get("command")
        if pid != self._command_pid or not isinstance(command, str):
            return {}
        with suppress(ValueError):  # it is cut off
            return {"argv": shlex.split(command)}
        return {}


def read_build(blocks: Iterable[bytes], until: int | None = None) -> Build | None:
    """The build of a trace; None if no process of `tracerd exec` is in it; `until` is that of `Reader.build`."""
    reader = Reader(only_steps=True)
    for block in blocks:
        reader.feed(block)
    return reader.build(until)
