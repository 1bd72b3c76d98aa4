"""A trace laid out on lanes: the lines that a reader makes of what `tracerd exec` recorded.

The build is one process: its command on the main thread, then a row of what failed, one of the critical path, and the
lanes. A process that has told more than its span keeps its rows, and an arrow leads to them from its span on a lane.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import count, pairwise
from typing import Final

import msgspec

from tracerd.builds.critical import critical_path
from tracerd.builds.failures import failures
from tracerd.builds.lanes import NO_PARENT, Slot, place
from tracerd.builds.names import command_line
from tracerd.builds.reader import Reader, ns, us
from tracerd.builds.steps import Build, Program, Step

PROCESSES: Final = "processes"
"""The layout with a row for each process."""

_FAILED_TID, _CRITICAL_TID, _FIRST_JOB_TID = 1, 2, 3
"""Perfetto before version 53 sorts threads by their numbers, behind the main thread."""

Json = dict[str, object]
_ENCODE_LINES = msgspec.json.Encoder().encode_lines


def laid_out(
    blocks: Iterable[bytes], layout: str | None, learn: Callable[[Build], None] = lambda _: None
) -> Iterator[bytes]:
    """The blocks of a trace, with its processes on lanes.

    Args:
        blocks: The trace, in whole lines.
        layout: `lanes` or `PROCESSES`; None for lanes if there are processes that tell nothing but their span.
        learn: Adds to a build what others say of it; see `ninja_files.learn`.
    """
    if layout == PROCESSES:
        yield from blocks
        return
    reader = Reader()
    for block in blocks:
        if rest := reader.feed(block):
            yield rest
    build = reader.build()
    if build is None or (layout is None and not _is_worth_it(build, reader)):
        given = {line for names in reader.given.values() for line in names.values()}
        kept = sorted(reader.kept, key=lambda line: line not in given)  # of names the last one counts
        yield b"".join(line + b"\n" for line in kept)
        return
    learn(build)
    yield _ENCODE_LINES(_Layout(build, reader).events())
    yield b"".join(line + b"\n" for line in _kept(build, reader))


def _is_worth_it(build: Build, reader: Reader) -> bool:
    """Whether a process has told nothing but its span, and is not all of the build."""
    return any(step is not build.root and step.pid not in reader.tells for step in build.steps)


def _kept(build: Build, reader: Reader) -> Iterator[bytes]:
    """Names of processes that keep their rows, and of those that no step is about."""
    pids = {step.pid for step in build.steps}
    called: dict[int, list[str]] = {}
    for step in build.steps:
        if step.pid in reader.tells:
            called.setdefault(step.pid, []).append(step.main.called)
    for pid, names in (*reader.given.items(), *reader.names.items()):
        if pid != build.pid and (pid in reader.tells or pid not in pids):
            own = next((name for name in called.get(pid, ()) if name in names), "")
            yield from (line for name, line in names.items() if name != own)
            if own:  # the last one counts, and what a process calls itself is better than its program
                yield names[own]


class _Layout:
    def __init__(self, build: Build, reader: Reader) -> None:
        self._build = build
        self._reader = reader
        self._pid = build.pid
        taken = {build.pid} | {first.tid for pid, first in reader.firsts.items() if pid == build.pid}
        self._free = (tid for tid in count(_FIRST_JOB_TID) if tid not in taken)
        self._failed_tid = _FAILED_TID if _FAILED_TID not in taken else next(self._free)
        self._critical_tid = _CRITICAL_TID if _CRITICAL_TID not in taken else next(self._free)
        self._tid_of: dict[int, int] = {}  # of a program's line

    def events(self) -> Iterator[Json]:
        """All events of the lanes."""
        yield self._metadata("process_name", self._pid, {"name": self._build.name})
        yield self._metadata("process_sort_index", self._pid, {"sort_index": -1})
        if root := self._build.root:
            yield self._metadata("thread_name", self._pid, {"name": "command"})
            for program in root.programs:
                self._tid_of[program.line] = self._pid
                yield self._span(program, root, self._pid)
        yield from self._failed()
        yield from self._critical()
        yield from self._lanes()
        yield from self._marks()
        yield from self._arrows()

    def _metadata(self, kind: str, tid: int, args: Json) -> Json:
        return {"ph": "M", "name": kind, "pid": self._pid, "tid": tid, "args": args}

    def _span(self, program: Program, step: Step, tid: int) -> Json:
        args = _shown(program)
        if step.parent:
            args["parent"] = step.parent.pid
        return {
            "ph": "X",
            "name": program.title,
            "cat": "process",
            "pid": self._pid,
            "tid": tid,
            "ts": program.ts,
            "dur": program.dur_us,
            "args": args,
        }

    def _repeated(self, step: Step, tid: int, start: int, end: int, args: Json) -> Json:
        """A step once more, on a row of its own."""
        times: Json = {"ts": us(start), "dur": us(end - start)}
        return {"ph": "X", "name": step.title, "cat": "step", "pid": self._pid, "tid": tid, **times, "args": args}

    def _failed(self) -> Iterator[Json]:
        """What failed, by the starts: of two at once the earlier is cut where the later begins, so both are seen."""
        failed = sorted(failures(self._build), key=lambda step: step.start)
        if failed:
            yield self._metadata("thread_name", self._failed_tid, {"name": "failed"})
        for step, following in pairwise([*failed, None]):
            if step:
                end = min(step.end, following.start) if following else step.end
                yield self._repeated(step, self._failed_tid, step.start, end, _shown(step.programs[-1]))

    def _critical(self) -> Iterator[Json]:
        """The chain that held up the end."""
        path = critical_path(self._build)
        if path:
            yield self._metadata("thread_name", self._critical_tid, {"name": "critical path"})
        for link in path:
            args = {"because": link.because, "gap_us": us(link.gap)} | _shown(link.step.main)
            yield self._repeated(link.step, self._critical_tid, link.step.start, link.step.end, args)

    def _lanes(self) -> Iterator[Json]:
        steps = [step for step in self._build.steps if step is not self._build.root]
        rows = [(program, step) for step in steps for program in step.programs]
        rows.sort(key=lambda row: (row[0].start, -row[0].dur, row[1].depth, row[0].line))
        position = {program.line: at for at, (program, _) in enumerate(rows)}
        slots = [Slot(program.start, program.end, self._around(program, step, position)) for program, step in rows]
        tids: list[int] = []
        for (program, step), lane in zip(rows, place(slots), strict=True):
            while lane >= len(tids):
                tids.append(next(self._free))
                yield self._metadata("thread_name", tids[-1], {"name": f"job {len(tids)}"})
            self._tid_of[program.line] = tids[lane]
            yield self._span(program, step, tids[lane])

    def _around(self, program: Program, step: Step, position: dict[int, int]) -> int:
        """The program of the parent that may be around this one."""
        if step.parent is None or step.parent is self._build.root:
            return NO_PARENT
        for one in reversed(step.parent.programs):
            if one.start <= program.start:
                return position[one.line]
        return NO_PARENT

    def _marks(self) -> Iterator[Json]:
        """The phases and the instants of processes, on the lanes of these."""
        for mark in (*self._reader.phases, *self._reader.marks):
            program = self._program_at(mark.pid, ns(mark.ts))
            event: Json = msgspec.json.decode(mark.line, type=dict[str, object])
            if program is not None:
                event |= {"pid": self._pid, "tid": self._tid_of[program.line]}
            yield event

    def _arrows(self) -> Iterator[Json]:
        """From the lane of a process to the rows that it has by itself."""
        numbers = count(1)
        for pid, first in self._reader.firsts.items():
            program = self._program_at(pid, ns(first.ts))
            if program is None or pid == self._pid:
                continue
            arrow: Json = {"name": "events", "cat": "process", "id": f"0x{pid:08x}{next(numbers):08x}"}
            yield {"ph": "s", **arrow, "pid": self._pid, "tid": self._tid_of[program.line], "ts": program.ts}
            yield {"ph": "f", "bp": "e", **arrow, "pid": pid, "tid": first.tid, "ts": first.ts}

    @cached_property
    def _programs(self) -> dict[int, list[Program]]:
        """What each pid was, by the starts."""
        programs: dict[int, list[Program]] = {}
        for step in self._build.steps:
            programs.setdefault(step.pid, []).extend(step.programs)
        return programs

    def _program_at(self, pid: int, at: int) -> Program | None:
        """What a process was at a time, or was first."""
        own = self._programs.get(pid, [])
        return next((program for program in reversed(own) if program.start <= at), own[0] if own else None)


def _shown(program: Program) -> Json:
    """The `args` of a span on a lane: the command line as one string, since Perfetto shows a row for each word."""
    argv = program.argv
    args: Json = {"cmd": command_line(argv)} if argv else {}
    args["pid"] = program.pid
    if not argv or (program.called or program.name) != program.tool:
        args["program"] = program.called or program.name
    args |= program.args
    args.pop("argv", None)
    return args
