"""Programs and who started whom, to the steps of a build."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tracerd.builds.steps import UNKNOWN_DEPTH, Build, Program, Step
from tracerd.builds.work import is_part

FORK: Final = " (fork)"
"""How exec calls a process that has become no program."""

_ON_PATH: Final = -2
"""The depth of a step while those around it are counted."""

ProgramKey = tuple[int, int]
"""A process, by its pid and start: a pid may be used twice."""


def assemble(
    programs: Iterable[Program],
    parents: Mapping[ProgramKey, int],
    names: Mapping[int, list[str]],
    given: Mapping[int, list[str]],
    cpus: int | None,
) -> Build:
    """The build that these programs are.

    Args:
        programs: At least one.
        parents: The pid of what started a process.
        names: What processes call themselves, the latest last; of those that `given` lacks, exec's names may be in it.
        given: What exec calls processes.
        cpus: How many processors there were, if that is known.
    """
    steps = _steps(sorted(programs, key=lambda program: (program.start, -program.dur, program.line)))
    by_pid: dict[int, list[Step]] = {}
    for step in steps:
        by_pid.setdefault(step.pid, []).append(step)
    for step in steps:
        pid = parents.get((step.pid, step.start))
        if pid is not None:
            step.parent = _alive(by_pid.get(pid, ()), step)
    _set_depths(steps)
    steps.sort(key=lambda step: (step.start, step.depth))
    for step in steps:
        if step.parent is not None:
            step.is_part = is_part(step)
            step.parent.children.append(step)
            if not step.is_part:
                step.parent.inner.append(step)
    for step in reversed(steps):  # children before their parents
        if step.parent is not None and (execs_s := step.exec_s + step.execs_s):
            step.parent.execs_s += execs_s
    for pid, own in by_pid.items():
        called = names.get(pid, []) if len(own) == 1 else []
        if called and (pid in given or (called := _own_names(own[0], called))):
            own[0].main.called = called[-1]
    root = _root(steps)
    first = root or steps[0]
    pid = first.pid if root else parents.get((first.pid, first.start), first.pid)
    name = root.name if root else (names.get(pid) or given.get(pid) or [first.name])[-1]
    commands = [step for step in steps if step.parent is None and (step.pid, step.start) not in parents]
    return Build(steps, root, pid, name, cpus, commands)


def _own_names(step: Step, names: list[str]) -> list[str]:
    """What a process calls itself, in a log of version 0.1.0: exec's own names begin with a program of it."""
    tools = tuple([program.tool for program in step.programs])
    return [] if tools[0].endswith(FORK) else [name for name in names if not name.startswith(tools)]


def _steps(programs: Iterable[Program]) -> list[Step]:
    """Programs to processes: one that became another is followed by it, in the same moment."""
    processes: list[list[Program]] = []
    became: dict[tuple[int, int], list[Program]] = {}
    for program in programs:
        process: list[Program] | None = became.pop((program.pid, program.start), None)
        if process is None:
            process = []
            processes.append(process)
        process.append(program)
        if "became" in program.args:
            became[program.pid, program.start + program.dur] = process
    return list(map(Step, processes))


def _alive(steps: Sequence[Step], child: Step) -> Step | None:
    """Of the processes of one pid the one that can have started a child: the last that began no later."""
    for step in reversed(steps):
        if step.start <= child.start and step is not child:
            return step
    return None


def _set_depths(steps: list[Step]) -> None:
    """How many steps are around each. A trace from elsewhere may have circles: they are cut."""
    for step in steps:
        path: list[Step] = []
        at: Step | None = step
        while at is not None and at.depth == UNKNOWN_DEPTH:
            at.depth = _ON_PATH
            path.append(at)
            at = at.parent
        if at is not None and at.depth == _ON_PATH:
            path[-1].parent = None
        for one in reversed(path):
            one.depth = 0 if one.parent is None else one.parent.depth + 1


def _root(steps: list[Step]) -> Step | None:
    """The only step that no other one has started, or the first of several if it is around them."""
    tops = [step for step in steps if step.parent is None]
    first = tops[0]
    is_around = all(first.start <= step.start and step.end <= first.end for step in tops)
    return first if is_around else None
