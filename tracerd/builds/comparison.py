"""Two builds side by side: their steps matched by name, which is the same in each build of one tree."""

from dataclasses import dataclass
from typing import Final, Literal

from tracerd.builds.summary import Summary, Total, totals

_NOTEWORTHY: Final = 0.1
_OF_WALL: Final = 0.01
"""A step is slower or faster if its time has changed by more than the first part of it, and the second of the build:
times differ from run to run."""

_WAITED: Final = 0.25
"""By what part steps take longer for one processor time before that says that they waited."""


@dataclass(frozen=True, slots=True)
class Change:
    """The steps of one name in both builds; None where there are none."""

    name: str
    a: Total | None
    b: Total | None

    @property
    def growth(self) -> int:
        """By how much they worked longer, in ns."""
        return (self.b.work if self.b else 0) - (self.a.work if self.a else 0)

    @property
    def size(self) -> int:
        """The longer work."""
        return max(total.work if total else 0 for total in (self.a, self.b))

    @property
    def part(self) -> float | None:
        """By what part of A they worked longer; None if there is nothing to compare with."""
        return self.growth / self.a.work if self.a and self.b and self.a.work else None


class BuildComparison:
    """Two builds, A before B.

    Attributes:
        a: The first.
        b: The second.
        changes: All steps, by name; what has changed most first.
    """

    def __init__(self, a: Summary, b: Summary) -> None:
        self.a = a
        self.b = b
        found_a, found_b = ({total.name: total for total in totals(build.steps)} for build in (a, b))
        names = dict.fromkeys([*found_a, *found_b])
        changes = [Change(name, found_a.get(name), found_b.get(name)) for name in names]
        self.changes = sorted(changes, key=lambda change: (-abs(change.growth), -change.size, change.name))

    @property
    def new(self) -> list[Change]:
        """What ran only in B, the longest first."""
        return [change for change in self.changes if change.a is None]

    @property
    def gone(self) -> list[Change]:
        """What ran only in A, the longest first."""
        return [change for change in self.changes if change.b is None]

    @property
    def recounted(self) -> list[Change]:
        """What ran more or less often in B."""
        return [change for change in self.changes if change.a and change.b and change.a.count != change.b.count]

    @property
    def slower(self) -> list[Change]:
        """What took notably longer in B, the largest change first."""
        return [change for change in self.changes if self._is_notable(change) and change.growth > 0]

    @property
    def faster(self) -> list[Change]:
        """What took notably less time in B, the largest change first."""
        return [change for change in self.changes if self._is_notable(change) and change.growth < 0]

    def _is_notable(self, change: Change) -> bool:
        part = change.part
        return part is not None and abs(part) > _NOTEWORTHY and abs(change.growth) > _OF_WALL * self.a.wall

    @property
    def whole(self) -> float | None:
        """By what part of A the whole of B is longer."""
        return _growth(self.a.wall, self.b.wall)

    @property
    def cpu(self) -> float | None:
        """By what part of A the processor time of B is longer; None if that of one was not recorded."""
        return _growth(self.a.cpu_s, self.b.cpu_s)

    @property
    def work(self) -> float | None:
        """By what part of A the steps of B worked longer."""
        return _growth(self.a.work, self.b.work)

    @property
    def waited(self) -> Literal["A", "B"] | None:
        """In which build the steps took notably longer than their processor time explains; None: in neither."""
        if self.cpu is None or self.work is None or self.cpu <= -1 or self.work <= -1:
            return None
        unexplained = (1 + self.work) / (1 + self.cpu)
        return "B" if unexplained > 1 + _WAITED else "A" if unexplained < 1 / (1 + _WAITED) else None


def _growth(a: float | None, b: float | None) -> float | None:
    return (b - a) / a if a and b is not None else None
