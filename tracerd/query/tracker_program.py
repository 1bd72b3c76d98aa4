"""A tracker to Python: one function that takes rows.

It checks the fields of each row, computes what is derived, and adds the row to the groups of all metrics. Metrics of
the same keys and condition share their groups, and those of the same value share its column.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from tracerd.query.grains import label, width_us
from tracerd.query.groups import NO_KEY, Aggregate, Groups
from tracerd.query.keys import IntTexts, part_text
from tracerd.query.kinds import FLOAT, INT, JSON, NULL, TEXT
from tracerd.query.lexer import Text, did_you_mean
from tracerd.query.program import Atom, Code
from tracerd.query.scope import RELATIONS
from tracerd.query.tracker_fields import check_default, write_check
from tracerd.query.tracker_scope import TrackerScope, names_in
from tracerd.query.tracker_tree import Metric, TrackerTree
from tracerd.query.tree import Args, Expr, Name
from tracerd.query.values import Needs
from tracerd.rows.columns import Input
from tracerd.rows.table_maker import Loop

WindowColumn = Literal["time", "ts_us"]

Rows = Iterable[tuple[object, ...]]

_PARAMETERS: Final = ("total", "valid", "low", "high", "nulls", "invalid", "alert", "groups", "news", "cells")


@dataclass(frozen=True, slots=True)
class MetricPlan:
    """How a metric is read off the groups of a number; without keys it has one group."""

    group: int
    is_grouped: bool
    aggregate: Aggregate


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled tracker.

    Attributes:
        inputs: What a row consists of.
        locals: The local of each input.
        compiled: Makes the program of a loop over rows, in which these locals are the inputs. It takes what the loop
            takes and the state of a computation, and returns how many rows it had, and how many of these were valid
            and in the window.
        slots: For each of the groups what they hold.
        metrics: By name, in the order of the text.
        counted: Whose arithmetic without a result is counted under each number.
    """

    inputs: tuple[Input, ...]
    locals: tuple[str, ...]
    compiled: Callable[[Loop], Callable[..., tuple[int, int]]]
    slots: list[list[Needs | None]]
    metrics: dict[str, MetricPlan]
    counted: list[str]


class _Writer:
    """Writes the program of one tracker."""

    def __init__(self, tree: TrackerTree, text: Text, window: WindowColumn | None, *, slides: bool) -> None:
        if tree.relation not in RELATIONS:
            hint = did_you_mean(tree.relation, RELATIONS)
            raise text.error(tree.relation_at, f'there are no rows "{tree.relation}"{hint}')
        self._tree = tree
        self._text = text
        self._window = window
        self._slides = slides
        self._types = RELATIONS[tree.relation]
        self._scope = TrackerScope(tree, self._types, text)
        self._code = Code(self._scope.resolve, 12)
        self._slots: list[list[Needs | None]] = []
        self._metrics: dict[str, MetricPlan] = {}
        self._counted: list[str] = []
        self._keys: dict[Name | Args, str] = {}  # the locals of keys

    def plan(self) -> Plan:
        """Write it all."""
        tree, code = self._tree, self._code
        if tree.where is not None:
            code.add(f"if not {code.condition(tree.where)}: continue")
        code.add("total += 1")
        self._write_fields()
        if self._window is not None:
            time = code.read(self._window).text
            low = "low[0]" if self._slides else "low"
            late = f" and low[3]({time})" if self._slides else ""
            code.add(f"if {time} is None or not {low} <= {time} < high{late}: continue")
            if self._slides:
                code.add(f"if {time} >= low[1]: low[2]({time})")
        chooses = bool(tree.fields) or self._window is not None
        if chooses:
            code.add("valid += 1")
        self._write_derived()
        self._write_metrics()
        self._write_alerts()
        heads = [
            f"        groups{at}, new{at}, g{at} = groups[{at}], news[{at}], cells[{at}]"
            for at in range(len(self._slots))
        ]

        def compiled(loop: Loop) -> Callable[..., tuple[int, int]]:
            body = [*heads, *loop.lines, *code.lines, f"        return total, {'valid' if chooses else 'total'}"]
            return code.compiled([*loop.parameters, *_PARAMETERS], body, loop.names)

        return Plan(
            tuple(code.inputs), tuple(code.inputs.values()), compiled, self._slots, self._metrics, self._counted
        )

    # ------------------------------------------------------------------ fields and derived values

    def _write_fields(self) -> None:
        for number, field in enumerate(self._tree.fields):
            check_default(field, self._text)
            value = self._code.read(self._scope.input_of(field))
            kinds = self._scope.field_kinds(field)
            self._scope.locals[field.name] = write_check(self._code, field, number, value, kinds)

    def _write_derived(self) -> None:
        """Those that something uses; the others are only checked."""
        tree = self._tree
        expressions: list[Expr] = [alert.value for alert in tree.alerts]
        for metric in tree.metrics:
            expressions += [part for part in (metric.target, metric.where, *metric.by) if part is not None]
        used = set(names_in(expressions))
        for derived in reversed(tree.derived):
            if derived.name in used:
                used.update(names_in([derived.value]))
        fields = {field.name: field for field in tree.fields}
        for derived in tree.derived:
            if derived.name in fields or derived.name in self._types:
                what = "a field" if derived.name in fields else f"a column of {tree.relation}"
                raise self._text.error(derived.at, f'"{derived.name}" is {what}: give the derived value another name')
            code = self._code if derived.name in used else Code(self._scope.resolve)
            code.on_null = self._count_nulls(derived.name)
            self._scope.defined[derived.name] = code.value(derived.value)
            code.on_null = ""

    def _count_nulls(self, name: str) -> str:
        self._counted.append(name)
        return f"nulls[{len(self._counted) - 1}] += 1"

    # ------------------------------------------------------------------ metrics

    def _write_metrics(self) -> None:
        groups: dict[tuple[object, ...], list[Metric]] = {}
        for metric in self._tree.metrics:
            groups.setdefault((metric.by, metric.grain, metric.where), []).append(metric)
        plans: dict[str, MetricPlan] = {}
        for metrics in groups.values():
            plans.update(self._write_group(metrics))
        self._metrics.update((metric.name, plans[metric.name]) for metric in self._tree.metrics)

    def _write_group(self, metrics: list[Metric]) -> dict[str, MetricPlan]:
        code, number, first = self._code, len(self._slots), metrics[0]
        self._slots.append([])
        code.on_null = self._count_nulls(", ".join(metric.name for metric in metrics))
        condition = "True" if first.where is None else code.condition(first.where)
        with code.block(f"if {condition}:"):
            parts = [self._keys.get(key) or self._key(key) for key in first.by]
            if first.where is None:  # they are there for whatever comes below
                self._keys.update(zip(first.by, parts, strict=True))
            if first.grain not in (None, "all_time"):
                parts.append(self._bucket(first.grain))
            if parts:
                key = parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
                # Most keys are there: then `try` costs nothing, and a call of `get` twice the time.
                code.add(f"try: g{number} = groups{number}[{']['.join(parts)}]")
                code.add(f"except KeyError: g{number} = new{number}({key})")
            found = self._write_slots(metrics, number)
        code.on_null = ""
        return {name: MetricPlan(number, bool(parts), aggregate) for name, aggregate in found.items()}

    def _key(self, key: Name | Args) -> str:
        value = self._code.value(key)
        if value.kinds == TEXT:
            return value.text
        if value.kinds == TEXT | NULL:
            return self._code.step(f'"null" if {value.text} is None else {value.text}', TEXT).text
        text = f"{self._code.constant(part_text)}({value.text})"
        if value.kinds & INT:  # most are pids
            text = f"{self._code.constant(IntTexts())}[{value.text}] if {value.text}.__class__ is int else {text}"
        return self._code.step(text, TEXT).text

    def _bucket(self, grain: str | int | None) -> str:
        assert grain is not None  # noqa: S101  asked before
        time = self._code.read("time").text
        width = self._code.constant(width_us(grain))
        part = f"None if {time} is None else {time} // {width}"
        return self._code.step(f"{self._code.constant(label(grain))}({part})", TEXT).text

    def _write_slots(self, metrics: list[Metric], number: int) -> dict[str, Aggregate]:
        code, slots = self._code, self._slots[number]
        needs: dict[Expr | None, Needs] = {}
        for metric in metrics:
            needs[metric.target] = needs.get(metric.target, Needs()).with_function(metric.function)
        counts: dict[Expr | None, int] = {}
        columns: dict[Expr | None, int] = {}
        values: dict[Expr | None, Atom] = {}
        found: dict[str, Aggregate] = {}
        for metric in metrics:
            target = metric.target
            if target is not None and target not in values:
                values[target] = code.value(target)
            slot_of = counts if metric.function == "count" else columns
            if target not in slot_of:
                slot_of[target] = len(slots)
                slots.append(None if metric.function == "count" else needs[target])
                self._write_act(f"g{number}", slot_of[target], metric, values.get(target))
            found[metric.name] = _aggregate(metric, slot_of[target], None if target is None else values[target])
        return found

    def _write_act(self, group: str, slot: int, metric: Metric, value: Atom | None) -> None:
        code, count = self._code, f"{group}[{2 * slot}]"
        if value is None:
            code.add(f"{count} += 1")
        elif metric.function == "count":
            code.add(f"if {value.text} is not None: {count} += 1" if value.kinds & NULL else f"{count} += 1")
        else:
            code.add(f"if {value.text}.__class__ is float: {count}({value.text})")
            if value.kinds & ~(FLOAT | NULL):
                code.add(f"elif {value.text} is not None: {group}[{2 * slot + 1}]({value.text})")

    # ------------------------------------------------------------------ alerts

    def _write_alerts(self) -> None:
        code = self._code
        if self._tree.alerts:
            trace, line = code.read("trace").text, code.read("line").text
            for number, alert in enumerate(self._tree.alerts):
                code.on_null = self._count_nulls(alert.name)
                value = code.value(alert.value).text
                code.add(f"if {value}.__class__ is dict or {value}: alert({number}, {trace}, {line}, {value})")
            code.on_null = ""


def _aggregate(metric: Metric, slot: int, target: Atom | None) -> Aggregate:
    if metric.function == "count":
        return lambda groups, key: groups.count(key, slot)
    if metric.function == "p":
        tenths = metric.tenths
        return lambda groups, key: groups.values(key, slot).percentile(tenths)
    as_float = (
        target is not None and target.is_typed and bool(target.kinds & FLOAT) and not target.kinds & (TEXT | JSON)
    )
    function = metric.function
    return lambda groups, key: groups.values(key, slot).reduced(function, as_float=as_float)


def compile_tracker(
    tree: TrackerTree,
    text: Text,
    window: WindowColumn | None = None,
    *,
    slides: bool = False,
) -> Plan:
    """The program of a tracker.

    Args:
        tree: The tracker.
        text: What it is written in, for the places of errors.
        window: Which column a window is of; None without one.
        slides: Whether the window moves on with the rows: `low` is then a list, of its begin, of the time from which on
            it moves, of what is then called with the time of the row, to set both anew, and of what is called with that
            of a row that is left out, and is true.

    Raises:
        QueryError: A name is not known, or defined twice, or a default does not fit its type.
    """
    return _Writer(tree, text, window, slides=slides).plan()


def groups_of(plan: Plan) -> list[Groups]:
    """Empty groups for a computation; without keys there is one group from the start."""
    found = [Groups(slots) for slots in plan.slots]
    for metric in plan.metrics.values():
        if not metric.is_grouped and NO_KEY not in found[metric.group].by_part:
            found[metric.group].new(NO_KEY)
    return found
