"""Who really worked, and when: a step works while none of its own steps runs.

So a compile that make started through a shell counts once, not three times. The parts of a compiler, such as cc1 and
as, are no steps of a build: their time is the compiler's.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final

from tracerd.builds.names import is_compiler
from tracerd.builds.steps import Build, Step

Interval = tuple[int, int]

_PARTS: Final = frozenset({"as", "cc1", "cc1obj", "cc1plus", "collect2", "f951", "lto-wrapper", "lto1"})
_LINKER: Final = re.compile(r"ld(?:\.\w+)?|lld|mold")


def is_part(step: Step) -> bool:
    """Whether a compiler has started it as a part of its own work; that of the step around it is known."""
    if step.parent is None:
        return False
    is_front_end = is_compiler(step.program) and step.main.argv[1:2] == ["-cc1"]
    if not (is_front_end or step.program in _PARTS or _LINKER.fullmatch(step.program)):
        return False
    return is_compiler(step.parent.program) or step.parent.is_part


def work(step: Step) -> Iterator[Interval]:
    """When a step worked by itself, in the order of time."""
    at = step.start
    for child in step.inner:  # by their starts
        if child.start > at:
            yield at, min(child.start, step.end)
        at = max(at, child.end)
        if at >= step.end:
            return
    if at < step.end or step.dur == 0:
        yield at, step.end


def work_ns(step: Step) -> int:
    """How long a step worked by itself."""
    return sum(end - start for start, end in work(step))


def cpu_s(step: Step) -> float | None:
    """Seconds of processor time that it used by itself; None if that was not recorded."""
    if step.cpu_s is None:
        return None
    return max(0.0, step.cpu_s - sum(child.cpu_s or 0.0 for child in step.inner))


def steps_of(build: Build) -> list[Step]:
    """The steps of a build, without the parts of compilers."""
    return [step for step in build.steps if not step.is_part]


class AtOnce:
    """How many steps worked at once, over time.

    Args:
        intervals: When each of them worked.
    """

    def __init__(self, intervals: Iterable[Interval]) -> None:
        changes: dict[int, int] = {}
        for start, end in intervals:
            if end > start:
                changes[start] = changes.get(start, 0) + 1
                changes[end] = changes.get(end, 0) - 1
        self.times = sorted(changes)
        self.counts = list(accumulate(changes[time] for time in self.times))

    @property
    def peak(self) -> int:
        """The most at once."""
        return max(self.counts, default=0)

    def before(self, time: int) -> int:
        """How many worked just before a time."""
        at = bisect_right(self.times, time - 1) - 1
        return self.counts[at] if at >= 0 else 0

    def pieces(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """The time from `start` to `end` in pieces: begin, end, and how many worked in it."""
        at = bisect_right(self.times, start) - 1
        while start < end:
            until = min(end, self.times[at + 1]) if at + 1 < len(self.times) else end
            yield start, until, self.counts[at] if at >= 0 else 0
            start, at = until, at + 1

    def mean(self, start: int, end: int) -> float:
        """How many worked on average."""
        total = sum((until - begin) * count for begin, until, count in self.pieces(start, end))
        return total / (end - start) if end > start else 0.0


def at_once(build: Build) -> AtOnce:
    """How many steps of a build worked at once."""
    return AtOnce(interval for step in steps_of(build) for interval in work(step))
