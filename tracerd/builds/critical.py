"""What held up the end: the chain of steps, each of which could begin only when the one before had ended.

From the last step to end we go back, each time to the step whose end let it begin. Within one tool (make, ninja, a
script) that is the step that ended last before it; a file that one makes and the other names is better than the clock.
A step that mostly waits for steps of its own, such as a make inside make, is replaced by its own chain.

What the clock cannot know: which of two steps that ended within the gap was needed; and that a step needed nothing and
began by chance just after another's end.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from tracerd.builds.files import makes, reads
from tracerd.builds.jobs import jobs_of
from tracerd.builds.names import is_shell
from tracerd.builds.steps import Build, Step
from tracerd.builds.work import AtOnce, at_once, work_ns

Because = Literal["clock", "slot", "file", "ninja", "parent"]
"""Why a step began no earlier: another one ended just before (`clock`), one ended and so there was room for a job
(`slot`), one made a file that it names (`file`), or that it needs by ninja's files (`ninja`), or only its parent had to
begin (`parent`)."""


_SOON = 200_000_000
"""A step begins so soon, in ns, when the files that it needs are there and a job is free; if it does not, it has waited
for something that nothing names."""

_LEAST = 0.1
"""Steps that together took a smaller part of the build did not hold it up: the command worked itself."""

_MAX_DEPTH = 200
"""What lies deeper is not looked into."""


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
    facts = _Facts(at_once(build), build.needs, build.cpus)
    if build.root:
        path = _chain(build.root.inner, build.root, build.start, build.end, facts)
        took = sum(link.step.dur for link in path)
        return path if took > _LEAST * (build.end - build.start) else []
    tops = [step for step in build.steps if step.parent is None]
    return _chain(tops, None, build.start, build.end, facts)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of the whole build."""

    running: AtOnce
    needs: Mapping[Step, list[Step]]
    cpus: int | None


def _chain(steps: list[Step], parent: Step | None, start: int, end: int, facts: _Facts) -> list[PathStep]:
    """The chain among the steps of one parent, which began at `start`; what outlived the parent did not hold it up."""
    in_time = sorted((step for step in steps if step.end <= end), key=lambda step: (step.end, step.start))
    if not in_time:
        return []
    siblings = _Siblings(in_time, parent, facts)
    links: list[list[PathStep]] = []
    step = in_time[-1]
    while True:
        before, because, ready = siblings.before(step)
        link = PathStep(step, step.start - (before.end if before else start), because, max(ready, start))
        links.append(_entered(link, facts))
        if before is None:
            return [link for part in reversed(links) for link in part]
        step = before


def _entered(link: PathStep, facts: _Facts) -> list[PathStep]:
    """A step, or its own chain if it mostly waited for steps of its own; of a shell with one command, the command."""
    step = link.step
    own = step.inner
    is_wrapper = len(own) == 1 and is_shell(step.program)
    if not own or (2 * work_ns(step) > step.dur and not is_wrapper) or step.depth > _MAX_DEPTH:
        return [link]
    first, *others = _chain(own, step, step.start, step.end, facts) or [link]
    if first is link:
        return [link]
    return [replace(first, gap=first.gap + link.gap, because=link.because, ready=link.ready), *others]


class _Siblings:
    """The steps of one parent, by their ends."""

    def __init__(self, steps: list[Step], parent: Step | None, facts: _Facts) -> None:
        self._steps = steps
        self._ends = [step.end for step in steps]
        self._positions = {step: at for at, step in enumerate(steps)}
        self._running = facts.running
        self._needs = facts.needs
        self._jobs = jobs_of(parent, facts.cpus) if parent else None
        self._makers: dict[str, list[Step]] = {}
        for step in steps:
            for file in makes(step):
                self._makers.setdefault(file, []).append(step)

    def before(self, step: Step) -> tuple[Step | None, Because, int]:
        """What a step waited for, why, and when the files that it names were there."""
        maker, because = self._maker(step)
        ready = maker.end if maker else 0
        # Of steps without any duration, which end when they begin, those that stand before it.
        at = min(bisect_right(self._ends, step.start), self._positions[step]) - 1
        if at < 0:
            return None, "parent", ready
        latest = self._steps[at]
        # Of steps that ended in the same moment the one that made a file.
        if maker is not None and maker.end == latest.end:
            return maker, because, ready
        if self._jobs is not None and self._running.before(latest.end) >= self._jobs:
            return latest, "slot", ready
        is_cause = maker is not None and step.start - maker.end <= _SOON
        return (maker, because, ready) if is_cause else (latest, "clock", ready)

    def _maker(self, step: Step) -> tuple[Step | None, Because]:
        """Of the steps that made what this one needs the last to end, and how that is known."""
        because: Because = "ninja" if step in self._needs else "file"
        makers = self._needs.get(step)
        if makers is None:
            makers = [maker for file in reads(step) for maker in self._makers.get(file, [])]
        before = self._positions[step]
        in_time = [one for one in makers if one.end <= step.start and self._positions.get(one, before) < before]
        return max(in_time, key=lambda maker: self._positions[maker], default=None), because
