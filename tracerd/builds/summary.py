"""A build in some numbers: how long, how parallel, what was slow, what failed, what ran twice, what held up the end."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tracerd.builds.critical import PathStep, critical_path
from tracerd.builds.failures import failures
from tracerd.builds.jobs import UNLIMITED, jobs_of
from tracerd.builds.repeated import repeated
from tracerd.builds.steps import Build, Step
from tracerd.builds.work import AtOnce, at_once, cpu_s, steps_of, work, work_ns

_PARALLEL: Final = 0.8
"""At so many steps for each processor, more jobs could not have used much more."""

_BUSY: Final = 0.6
"""The part of the processors that so many steps use at least, unless they wait."""


@dataclass(slots=True)
class Total:
    """All steps of one name together.

    Attributes:
        name: What they are called.
        count: How many there are.
        work: How long they worked, in ns.
        longest: The longest of them.
        cpu_s: Their processor time in seconds; None if that of one was not recorded.
        peak_bytes: The most memory that one of them held; None if that was not recorded.
        failed: How many of them failed.
    """

    name: str
    count: int = 0
    work: int = 0
    longest: int = 0
    cpu_s: float | None = 0.0
    peak_bytes: int | None = None
    failed: int = 0

    def add(self, step: Step) -> None:
        """Count one more."""
        self.count += 1
        worked = work_ns(step)
        self.work += worked
        self.longest = max(self.longest, worked)
        used = cpu_s(step)
        self.cpu_s = None if used is None or self.cpu_s is None else self.cpu_s + used
        if step.peak_bytes is not None:
            self.peak_bytes = max(step.peak_bytes, self.peak_bytes or 0)
        self.failed += bool(step.outcome)


def totals(steps: Iterable[Step], *, by_program: bool = False) -> list[Total]:
    """Steps by target, or by program; what took longest first."""
    found: dict[str, Total] = {}
    for step in steps:
        name = step.program if by_program else step.name
        if name not in found:
            found[name] = Total(name)
        found[name].add(step)
    return sorted(found.values(), key=lambda total: (-total.work, total.name))


@dataclass(frozen=True, slots=True)
class Summary:
    """What `tracerd summary` shows; times are in ns.

    Attributes:
        build: The build.
        steps: Its steps, without parts of compilers.
        running: How many of them worked at once.
        jobs: How many were asked for; None if no command line says so.
        below: How long fewer worked than were asked for, or than worked at most.
        because: The steps that worked meanwhile, and how long, the longest first.
        cpu_s: Processor time of all of it, in seconds; None if that was not recorded.
        has_step_cpu: Whether that of single steps was recorded.
        slowest: The steps by target.
        failed: The steps that failed.
        again: Groups of steps that did the same.
        path: The critical path.
    """

    build: Build
    steps: list[Step]
    running: AtOnce
    jobs: int | None
    below: int
    because: list[tuple[Step, int]]
    cpu_s: float | None
    has_step_cpu: bool
    slowest: list[Total]
    failed: list[Step]
    again: list[list[Step]]
    path: list[PathStep]

    @property
    def wall(self) -> int:
        """How long the build took."""
        return self.build.end - self.build.start

    @property
    def work(self) -> int:
        """How long the steps worked, all together."""
        return sum(total.work for total in self.slowest)

    @property
    def has_waited(self) -> bool:
        """Whether as many steps worked as there are processors, or nearly so, and these were mostly not theirs."""
        if self.cpu_s is None or not self.build.cpus:
            return False
        is_parallel = self.running.mean(self.build.start, self.build.end) >= _PARALLEL * self.build.cpus
        return is_parallel and self.cpu_s * 1e9 < _BUSY * self.build.cpus * self.wall

    @property
    def limit(self) -> int:
        """How many could work at once: as many as were asked for, else the most that did."""
        return self.jobs or self.running.peak


def summarize(build: Build) -> Summary:
    """The summary of a build."""
    steps = steps_of(build)
    running = at_once(build)
    asked = [jobs for step in steps if (jobs := jobs_of(step, build.cpus)) is not None and jobs < UNLIMITED]
    jobs = max(asked, default=None)
    below, because = _below(build, steps, running, jobs or running.peak)
    tops = [step.cpu_s for step in steps if step.parent is None]
    others = [step for step in steps if step.parent is not None]
    return Summary(
        build,
        steps,
        running,
        jobs,
        below,
        because,
        None if None in tops else sum(time or 0.0 for time in tops),
        all(step.cpu_s is not None for step in others),
        totals(steps),
        failures(build),
        repeated(build),
        critical_path(build),
    )


def _below(build: Build, steps: list[Step], running: AtOnce, limit: int) -> tuple[int, list[tuple[Step, int]]]:
    """How long fewer than `limit` worked, and which steps did then."""
    below = sum(until - start for start, until, count in running.pieces(build.start, build.end) if count < limit)
    shares: Counter[Step] = Counter()
    for step in steps:
        for start, end in work(step):
            shares[step] += sum(until - since for since, until, count in running.pieces(start, end) if count < limit)
    return below, [(step, share) for step, share in shares.most_common() if share]
