"""The rows of one trace to what rules measure in windows.

Strategy: as in `query`, a program that is compiled for the rules adds each row to its group; the window is a part of
the group's key. A row is taken if its window is not older than LATE_WINDOWS before the newest that any row has reached:
so which rows count does not depend on the clock, or on when the log is read.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, cast

from tracerd.query.grains import NO_TIME
from tracerd.query.groups import Cell, Groups, Key
from tracerd.query.rules import counted, measured
from tracerd.query.tracker_program import Plan, groups_of
from tracerd.rows.table import Table
from tracerd.watch.alerts import duration_text
from tracerd.watch.gaps import Gaps
from tracerd.watch.rules import US, WatchRule
from tracerd.watch.states import NEVER, Change, History, Measure

LATE_WINDOWS: Final = 5
"""Events may come so many windows late."""

MAX_GROUPS: Final = 20_000
"""Of one trace and length of windows: of more keys than these, the rest is counted and left out."""


class Windows:
    """The windows of one length, of one trace.

    Args:
        plan: The program of `window_trees`, compiled with `slides`.
        rules: The rules of this length.
        table: The rows of the trace, of the plan's inputs.
        start_us: What is earlier is left out.
        warn: Is called once with what is wrong.
        gaps: When nothing was recorded.

    Attributes:
        histories: By rule and key, what is known of each.
        width_us: The length of a window.
        floor: The oldest window of which rows are taken.
    """

    def __init__(
        self,
        plan: Plan,
        rules: list[WatchRule],
        table: Table,
        start_us: int,
        warn: Callable[[str], None],
        gaps: Gaps,
    ) -> None:
        self.histories: dict[tuple[str, tuple[str, ...]], History] = {}
        self._plan = plan
        self._rules = rules
        self.width_us = rules[0].width_us
        self._table = table
        self._start_us = start_us
        self._gaps = gaps
        self._warn: Callable[[str], None] | None = warn
        self._run = plan.compiled(table.loop(plan.locals))
        self._groups = groups_of(plan)
        self._cells = [groups.by_part for groups in self._groups]
        self._news = [self._new(groups) for groups in self._groups]
        self._none: list[Cell | None] = [None] * len(self._groups)
        self._counts: dict[tuple[str, Key], int] = {}
        self._nulls = [0] * len(plan.counted)
        # What the program compares times with: the first that counts, the first of a newer window, and what then moves
        # them on, or takes note of one that does not count.
        self._bounds: list[Any] = [start_us, start_us, self._slide, self._leave_out]
        self.floor = NEVER
        self._measured_floor = NEVER
        self._has_rows = False
        self._judged_upto = NEVER
        self._report_late = warn
        self._is_late_known = False

    def _slide(self, time_us: int) -> None:
        newest = time_us // self.width_us
        self.floor = newest - LATE_WINDOWS
        self._bounds[:2] = [max(self._start_us, self.floor * self.width_us), (newest + 1) * self.width_us]

    def _leave_out(self, time_us: int) -> bool:
        """Report the first row that is too late for a rule that one row may break."""
        if self._start_us <= time_us < self._bounds[0] and not self._is_late_known:
            self._is_late_known = True
            if alone := [rule.name for rule in self._rules if rule.minimum == 1]:
                after = duration_text(LATE_WINDOWS * self.width_us // US)
                self._report_late(
                    f"what began {after} before the newest is left out of {alone[0]}: write a longer over"
                )
        return True

    def _new(self, groups: Groups) -> Callable[[Key], Cell]:
        spare: Cell | None = None

        def new(key: Key) -> Cell:
            nonlocal spare
            if len(groups) >= MAX_GROUPS and self.floor > self._measured_floor:
                self._measure(NEVER)
            if len(groups) < MAX_GROUPS:
                return groups.new(key)
            self._report(f"more than {MAX_GROUPS:,} keys in the windows of {self._rules[0].name}: the rest is left out")
            if spare is None:
                spare = Groups(self._plan.slots[self._groups.index(groups)]).new(key)
            return spare

        return new

    def _report(self, problem: str) -> None:
        if self._warn is not None:
            self._warn(problem)
            self._warn = None

    def take(self, events: list[Any], before_us: float) -> None:
        """Take some more events of the log, which the reader of the table has just read.

        Args:
            events: The events.
            before_us: Rows that are not earlier are left out: their clock is wrong.
        """
        reader = self._table.events
        rows, _ = self._run(
            self._table.taken(events), reader.line, reader.offset_us, 0, 0, self._bounds, before_us, self._nulls,
            self._take_invalid, _ignore, self._cells, self._news, self._none,
        )  # fmt: skip
        self._has_rows = self._has_rows or rows > 0

    def _take_invalid(self, *_: object) -> None:
        self._report("an event is not as the tracker declares and is left out; `tracerd query --tracker` shows which")

    def judge(self, upto: int) -> Iterator[tuple[History, tuple[str, ...], list[Change]]]:
        """Judge all windows up to one of them: what is to be reported of each history and key."""
        if not self._has_rows and upto <= self._judged_upto:
            return
        self._measure(upto)
        self._has_rows = False
        self._judged_upto = max(upto, self._judged_upto)
        for place, history in [*self.histories.items()]:
            if changes := history.judge(upto):
                yield history, place[1], changes
            history.finalize(self.floor)
            if history.is_over:
                del self.histories[place]

    def _measure(self, upto: int) -> None:
        """Bring windows up to one of them to the histories, and drop those that can change no more.

        A later window still grows: to find the percentiles of all its samples each time would be most of the work.
        """
        last = max(upto, self.floor - 1)
        for groups in self._groups:
            groups.fold()
        for rule in self._rules:
            count, value = self._plan.metrics[counted(rule.name)], self._plan.metrics[measured(rule.name)]
            groups = self._groups[count.group]
            for key in groups:
                *parts, label = cast("tuple[str, ...]", key)
                window = window_of(label, self.width_us)
                if window is None or window > last:
                    continue
                samples = cast("int", count.aggregate(groups, key))
                if samples != self._counts.get((rule.name, key)):
                    self._counts[rule.name, key] = samples
                    history = self._history(rule, tuple(parts), window)
                    history.measures[window] = Measure(value.aggregate(groups, key), samples)
        self._measured_floor = self.floor
        self._prune()

    def _history(self, rule: WatchRule, key: tuple[str, ...], window: int) -> History:
        found = self.histories.get((rule.name, key))
        if found is None:
            found = self.histories[rule.name, key] = History(rule, min(window, self.floor) - 1, gaps=self._gaps)
        return found

    def _prune(self) -> None:
        for groups in self._groups:
            for key in [key for key in groups if self._is_late(key)]:
                groups.drop(key)
                for rule in self._rules:
                    self._counts.pop((rule.name, key), None)

    def _is_late(self, key: Key) -> bool:
        window = window_of(key[-1], self.width_us)
        return window is None or window < self.floor


@lru_cache(maxsize=1 << 16)
def window_of(label: str, width_us: int) -> int | None:
    """The number of the window that begins at a time; None if there is none."""
    if label == NO_TIME:
        return None
    return round(datetime.fromisoformat(label).timestamp()) * US // width_us


def _ignore(*_: object) -> None:
    pass
