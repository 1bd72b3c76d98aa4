"""A tracker at work: rows in, a result out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from tracerd.query.groups import NO_KEY
from tracerd.query.keys import key_text, value_text
from tracerd.query.result import MetricValue, Result
from tracerd.query.tracker_fields import expected
from tracerd.query.tracker_program import MetricPlan, Plan, Rows, WindowColumn, groups_of
from tracerd.query.tracker_tree import TrackerTree
from tracerd.rows.names import ProcessNames
from tracerd.rows.table import Table
from tracerd.rows.table_maker import NAMED, rows_loop
from tracerd.rows.table_values import event_id

FIRST_INVALID: Final = 5
"""Invalid events whose fault is kept."""

MAX_ALERTS: Final = 1000
"""Alerts that are kept, unless asking for more."""

_FOLD_ROWS: Final = 1 << 16
"""So many rows are taken before their values are folded."""

_BATCH_ROWS: Final = 1 << 12

_MAX_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Window:
    """The part of time that counts.

    Attributes:
        column: `time` or `ts_us`.
        start: Its begin, in microseconds; None for none.
        end: Its end, which is no part of it; None for none.
    """

    column: WindowColumn
    start: float | None
    end: float | None


def bounds(window: Window | None) -> tuple[float, float]:
    """The begin of a window, and its end, which is no part of it; infinite where there is none."""
    start, end = (None, None) if window is None else (window.start, window.end)
    return float("-inf") if start is None else start, float("inf") if end is None else end


class Computation:
    """Computes the result of one tracker over rows of any number of traces, in their order.

    Args:
        tree: The tracker.
        plan: Its program.
        window: Of which time; None for all.
        max_alerts: How many alerts to keep.
        event_id: What an event is called, by its trace and line.
    """

    def __init__(
        self,
        tree: TrackerTree,
        plan: Plan,
        window: Window | None,
        *,
        max_alerts: int = MAX_ALERTS,
        event_id: Callable[[object, object], str] = event_id,
    ) -> None:
        self._tree = tree
        self._plan = plan
        self._low, self._high = bounds(window)
        self._max_alerts = max_alerts
        self._event_id = event_id
        self._groups = groups_of(plan)
        self._cells = [groups.by_part for groups in self._groups]
        self._news = [groups.new for groups in self._groups]
        self._first_cells = [groups.by_part.get(NO_KEY) for groups in self._groups]
        self._pending = 0
        self._nulls = [0] * len(plan.counted)
        self._total = self._valid = self._invalid = self._alert_count = 0
        self._first_invalid: list[str] = []
        self._alerts: list[dict[str, object]] = []

    def feed(self, rows: Rows) -> None:
        """Take rows: tuples of the plan's inputs."""
        run = self._plan.compiled(rows_loop(self._plan.locals))
        rest = iter(rows)
        while some := list(islice(rest, _BATCH_ROWS)):
            self._take(run, some)

    @property
    def needs_names(self) -> bool:
        """Whether its table needs the names of processes and threads."""
        return any(name in self._plan.inputs for name in NAMED)

    def table(self, trace: str, names: ProcessNames) -> Table:
        """The table of a trace for `feed_table`; in the order of lines, if rows may be reported one by one."""
        in_order = bool(self._tree.alerts or self._tree.fields)
        return Table(self._tree.relation, self._plan.inputs, trace, names, in_order=in_order)

    def feed_table(self, table: Table, blocks: Iterable[bytes]) -> None:
        """Take the rows of a table of the plan's inputs: its loop is part of the program, so that no row is made."""
        run = self._plan.compiled(table.loop(self._plan.locals))
        for events, line, offset in table.events_of(blocks):
            self._take(run, events, line, offset)

    def _take(self, run: Callable[..., tuple[int, int]], batch: Sequence[object], *where: object) -> None:
        total = self._total
        self._total, self._valid = run(
            batch, *where, total, self._valid, self._low, self._high, self._nulls, self._take_invalid,
            self._take_alert, self._cells, self._news, self._first_cells,
        )  # fmt: skip
        self._pending += self._total - total
        if self._pending >= _FOLD_ROWS:
            self._fold()

    def _fold(self) -> None:
        for groups in self._groups:
            groups.fold()
        self._pending = 0

    def _take_invalid(self, number: int, trace: object, line: object, value: object) -> None:
        self._invalid += 1
        if len(self._first_invalid) < FIRST_INVALID:
            field = self._tree.fields[number]
            text = value_text(value)
            shown = text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
            place = self._event_id(trace, line)
            self._first_invalid.append(f"{place}: {field.name}: expected {expected(field)}, not {shown}")

    def _take_alert(self, number: int, trace: object, line: object, value: object) -> None:
        self._alert_count += 1
        if len(self._alerts) < self._max_alerts:
            alert = {"alert": self._tree.alerts[number].name, "event_id": self._event_id(trace, line), "value": value}
            self._alerts.append(alert)

    def result(self) -> Result:
        """What was computed of all rows until now."""
        self._fold()
        return Result(
            self._total,
            self._valid,
            {name: self._value(metric) for name, metric in self._plan.metrics.items()},
            self._alerts,
            self._alert_count,
            self._invalid,
            self._first_invalid,
            {name: count for name, count in zip(self._plan.counted, self._nulls, strict=True) if count},
        )

    def _value(self, metric: MetricPlan) -> MetricValue:
        groups = self._groups[metric.group]
        if not metric.is_grouped:
            return metric.aggregate(groups, ())
        keys = sorted((key_text((key,) if isinstance(key, str) else key), key) for key in groups)
        return {text: metric.aggregate(groups, key) for text, key in keys}
