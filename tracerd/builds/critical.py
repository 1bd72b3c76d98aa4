"""What held up the end: the chain of steps, each of which could begin only when the one before had ended.

From the last step to end we go back, each time to the step whose end let it begin. Within one tool (make, ninja, a
script) that is the step that ended last before it; a file that one makes and the other names is better than the clock.
A step that mostly waits for steps of its own, such as a make inside make, is replaced by its own chain. Makes inside
make share their jobs, so a step may also have waited for one of another make to free a job.

What the clock cannot know: which of two steps that ended within the gap was needed; and that a step needed nothing and
began by chance just after another's end.
"""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from tracerd.builds.files import makes, reads
from tracerd.builds.jobs import jobs_of
from tracerd.builds.names import is_shell
from tracerd.builds.steps import Build, Step
from tracerd.builds.work import at_once, steps_of, work_ns

Because = Literal["clock", "slot", "file", "ninja", "parent"]
"""Why a step began no earlier: another one ended just before (`clock`), one ended and so there was room for a job
(`slot`), one made a file that it names (`file`), or that it needs by ninja's files (`ninja`), or only its parent had to
begin (`parent`)."""


_SOON = 200_000_000
"""A step begins so soon, in ns, when the files that it needs are there and a job is free; if it does not, it has waited
for something that nothing names."""

_LEAST = 0.1
"""Steps that together took a smaller part of the build did not hold it up: the command worked itself."""


@dataclass(frozen=True, slots=True)
class PathStep:
    """A step of the chain.

    Attributes:
        step: The step.
        gap: How long after the end of what it waited for it began, in ns.
        because: Why it began no earlier.
        ready: When all files that it names were there, as far as the trace shows; in ns.
    """

    step: Step
    gap: int
    because: Because
    ready: int


def critical_path(build: Build) -> list[PathStep]:
    """The chain that held up the end of a build, the first step first; empty if the command worked itself."""
    path = _Walk(build).path()
    if build.root and sum(link.step.dur for link in path) <= _LEAST * (build.end - build.start):
        return []
    return path


class _Before(NamedTuple):
    """What a step waited for, why, and when the files that it names were there."""

    step: Step | None
    because: Because
    ready: int


class _Walk:
    """The way back through a build, from step to step."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._running = at_once(build)
        self._groups: dict[Step | None, _Siblings] = {}
        # What holds a job until it ends: the steps of tools that run jobs.
        jobs = (step for step in steps_of(build) if step.parent and self._group(step.parent).jobs is not None)
        self._jobs = sorted((step for step in jobs if jobs_of(step) is None), key=lambda step: step.end)
        self._job_ends = [step.end for step in self._jobs]

    def path(self) -> list[PathStep]:
        """The chain from the first step to the last to end."""
        links: list[PathStep] = []
        step = self._group(self._build.root).last
        while step is not None:
            step = self._entered(step)
            before = self._before(step)
            since = before.step.end if before.step else self._build.start
            links.append(PathStep(step, step.start - since, before.because, before.ready))
            step = before.step
        return links[::-1]

    def _group(self, parent: Step | None) -> "_Siblings":
        if parent not in self._groups:
            steps = parent.inner if parent else [step for step in self._build.steps if step.parent is None]
            around = parent or self._build
            if top := parent or self._build.root:
                # What has not ended lasts to the end of the trace; but if what started it has ended, it outlives that.
                steps = [step for step in steps if top.is_open or not step.is_open]
            jobs = jobs_of(parent, self._build.cpus) if parent else None
            self._groups[parent] = _Siblings(steps, around.start, around.end, jobs)
        return self._groups[parent]

    def _entered(self, step: Step) -> Step:
        """A step, or the last of its own steps if it mostly waited for them; of a shell with one command that."""
        while step.inner:
            is_wrapper = len(step.inner) == 1 and is_shell(step.program)
            last = self._group(step).last
            if last is None or (2 * work_ns(step) > step.dur and not is_wrapper):
                break
            step = last
        return step

    def _before(self, step: Step) -> _Before:
        """What a step waited for; if that is only that the step around it began, what that one waited for."""
        while True:
            before = self._among_siblings(step)
            if before.step or step.parent is None or step.parent is self._build.root:
                return before
            step = step.parent

    def _among_siblings(self, step: Step) -> _Before:
        group = self._group(step.parent)
        latest = group.latest_before(step)
        if latest is None:
            return _Before(None, "parent", group.start)
        makers = self._build.needs.get(step)
        maker = group.maker(step, makers)
        ready = maker.end if maker else group.start
        made = _Before(maker, "file" if makers is None else "ninja", ready)
        # Of steps that ended in the same moment the one that made a file.
        if maker is not None and maker.end == latest.end:
            return made
        if group.jobs is not None:
            freed = self._freed_before(step)
            if freed is None or freed.end <= latest.end:
                freed = latest
            if self._running.before(freed.end) >= group.jobs:
                return _Before(freed, "slot", ready)
        is_cause = maker is not None and step.start - maker.end <= _SOON
        return made if is_cause else _Before(latest, "clock", ready)

    def _freed_before(self, step: Step) -> Step | None:
        """The step that freed a job last before this one began."""
        at = bisect_right(self._job_ends, step.start) - 1
        return self._jobs[at] if at >= 0 and self._jobs[at].start < step.start else None


class _Siblings:
    """The steps of one parent, by their ends; what outlived the parent did not hold it up.

    Args:
        steps: The steps.
        start: When the parent began.
        end: When the parent ended.
        jobs: How many of them may run at once; None if that is not known.
    """

    def __init__(self, steps: list[Step], start: int, end: int, jobs: int | None) -> None:
        self._steps = sorted((step for step in steps if step.end <= end), key=lambda step: (step.end, step.start))
        self._ends = [step.end for step in self._steps]
        self._positions = {step: at for at, step in enumerate(self._steps)}
        self.start = start
        self.jobs = jobs

    @property
    def last(self) -> Step | None:
        """The last to end."""
        return self._steps[-1] if self._steps else None

    def latest_before(self, step: Step) -> Step | None:
        """The one that ended last before a step began."""
        # Of steps without any duration, which end when they begin, those that stand before it.
        at = min(bisect_right(self._ends, step.start), self._positions.get(step, 0)) - 1
        return self._steps[at] if at >= 0 else None

    def maker(self, step: Step, makers: list[Step] | None) -> Step | None:
        """Of the steps that made what this one needs the last to end.

        Args:
            step: A step.
            makers: Those that made it, if that is known; None: those that made the files that it names.
        """
        if makers is None:
            makers = [maker for file in reads(step) for maker in self._makers.get(file, [])]
        before = self._positions[step]
        in_time = [one for one in makers if one.end <= step.start and self._positions.get(one, before) < before]
        return max(in_time, key=lambda maker: self._positions[maker], default=None)

    @cached_property
    def _makers(self) -> dict[str, list[Step]]:
        """Which steps made a file."""
        found: dict[str, list[Step]] = {}
        for step in self._steps:
            for file in makes(step):
                found.setdefault(file, []).append(step)
        return found
