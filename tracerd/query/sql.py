"""Trackers as SQL: a SELECT for each metric, over the tables of `tracerd export`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tracerd.query.computation import Window
from tracerd.query.kinds import BOOL, FLOAT, INT, JSON, TEXT
from tracerd.query.scope import RELATIONS
from tracerd.query.sql_code import NOTHING, SqlCode
from tracerd.query.sql_dialects import DIALECTS
from tracerd.query.sql_fragments import (
    FALSE,
    TRUE,
    Sql,
    Steps,
    Value,
    call,
    case,
    coalesce,
    constant,
    every,
    some,
    sql,
)
from tracerd.query.tracker import Tracker
from tracerd.query.tracker_tree import Field, Metric
from tracerd.query.tree import Args, Name
from tracerd.rows.columns import Type

_KINDS: Final[Mapping[str, int]] = {
    Type.TEXT: TEXT, Type.INT: INT, Type.FLOAT: FLOAT, Type.BOOL: BOOL, Type.JSON: JSON,
}  # fmt: skip
NEVER_NULL: Final = frozenset(
    {
        "trace", "line", "ph", "name", "cat", "process", "thread", "service", "level", "message", "labels", "error",
        "depth",
    }
)  # fmt: skip
_FIELD_KINDS: Final[Mapping[str, tuple[int, ...]]] = {
    "text": (TEXT,), "enum": (TEXT,), "int": (INT,), "timestamp": (INT,), "float": (INT, FLOAT),
    "duration": (INT, FLOAT), "bool": (BOOL,),
}  # fmt: skip


class _Select:
    """One SELECT of a tracker."""

    def __init__(self, tracker: Tracker, engine: str, window: Window | None, traces: Sequence[str]) -> None:
        self._tree = tracker.tree
        self._dialect = DIALECTS[engine]
        self._types = RELATIONS[self._tree.relation]
        self._window = window
        self._traces = traces
        self._steps = Steps()
        self._code = SqlCode(self._dialect, self._steps, self._resolve, tracker.text)
        self._fields = {field.name: field for field in self._tree.fields}
        self._derived = {derived.name: derived.value for derived in self._tree.derived}
        self._known: dict[str, Value] = {}

    # ------------------------------------------------------------------ names

    def _resolve(self, name: Name) -> Value:
        """The value of a name; that it is known was checked when the tracker was compiled."""
        match name.parts:
            case ("event", "id"):
                parts = [constant(f'"{column}"') for column in ("trace", "line")]
                return Value({TEXT: call("concat({}, ':', {})", parts[0], self._int_text(parts[1]))}, is_nullable=False)
            case ("event", "ts"):
                time = constant('"time"')
                return Value({INT: sql("({0} - (({0} % 1000) + 1000) % 1000) / 1000", time)._replace(is_atomic=False)})
            case ("meta", column):
                return self._column(column, name)
            case (*_, word):
                if word in self._fields or word in self._derived:
                    return self._defined(word)
                return self._column(word, name)
            case _:
                return NOTHING

    def _defined(self, word: str) -> Value:
        if word not in self._known:
            if word in self._fields:
                self._known[word] = self._field(self._fields[word])[0]
            else:
                self._known[word] = self._steps.value(self._code.value(self._derived[word]))
        return self._known[word]

    def _column(self, column: str, name: Name) -> Value:
        if self._types[column] == Type.ID:
            raise self._code.error(name.at, f'"{column}" is a text in SQL, also where it is a number: use it as a key')
        return self._typed(column)

    def _typed(self, column: str) -> Value:
        type_ = self._types[column]
        return Value({_KINDS[type_]: constant(f'"{column}"')}, column not in NEVER_NULL, type_ == Type.FLOAT)

    def _field(self, field: Field) -> tuple[Value, Sql]:
        """The value of a field, and whether an event is valid that has it."""
        if field.name in self._types:
            type_ = self._types[field.name]
            if type_ == Type.ID or (type_ == Type.FLOAT and field.type in ("int", "timestamp")):
                held = "text" if type_ == Type.ID else "float"
                raise self._code.error(field.at, f'"{field.name}" is a {held} in SQL, whatever the log has')
            found = self._typed(field.name)
        else:
            found = self._code.path((field.name,))
        parts = {kind: found.parts[kind] for kind in _FIELD_KINDS[field.type] if kind in found.parts}
        fits = Value(parts, found.is_nullable or parts.keys() != found.parts.keys()).is_not_null() if parts else FALSE
        if field.choices and parts:
            texts = [self._dialect.text(choice) for choice in field.choices]
            chosen = sql(f"{{}} IN ({', '.join(['{}'] * len(texts))})", parts[TEXT], *texts)
            fits = call(self._dialect.known, chosen)
        default = None if field.default is None or field.default.value is None else field.default
        if default is None and not field.is_optional:
            return Value(parts, False, found.is_loose), fits
        valid = some([found.is_null(), fits])
        if default is None:
            return Value(parts, True, found.is_loose), valid
        other = self._code.literal(default.value)
        is_null = self._steps.step(found.is_null())
        kinds = sorted(parts.keys() | other.parts.keys())
        merged = {kind: case(is_null, other.parts.get(kind), parts.get(kind)) for kind in kinds}
        return self._steps.value(Value(merged, False, found.is_loose)), valid

    # ------------------------------------------------------------------ keys

    def _key(self, metric: Metric) -> Sql | None:
        parts = [self._key_part(key) for key in metric.by]
        if metric.grain not in (None, "all_time"):
            name = self._dialect.part_of_time(constant('"time"'), metric.grain or "")
            parts.append(coalesce(name, self._dialect.text("null")))
        if len(parts) < 2:
            return parts[0] if parts else None
        one, two = self._dialect.text("\\"), self._dialect.text("\\\\")
        bar, escaped = self._dialect.text("|"), self._dialect.text("\\|")
        texts = [call("replace(replace({}, {}, {}), {}, {})", part, one, two, bar, escaped) for part in parts]
        return call(f"concat({f', {bar.text}, '.join(['{}'] * len(texts))})", *texts)

    def _key_part(self, key: Name | Args) -> Sql:
        column = key.parts[-1] if isinstance(key, Name) else ""
        null = self._dialect.text("null")
        is_own = isinstance(key, Name) and (key.parts[0] == "meta" or column not in self._fields.keys() | self._derived)
        if is_own and self._types.get(column) == Type.ID:
            return coalesce(constant(f'"{column}"'), null)
        value = self._steps.value(self._code.value(key))
        if value.is_loose:
            reason = "a key of a float column is 5 or 5.0 as the log has it, which SQL does not know"
            raise self._code.error(key.at, f"{reason}: divide it by 1")
        true, false = self._dialect.text("true"), self._dialect.text("false")
        texts: dict[int, Sql] = {}
        for kind, part in value.parts.items():
            if kind == BOOL:
                texts[kind] = call("CASE WHEN {0} THEN {1} WHEN NOT {0} THEN {2} END", part, true, false)
            elif kind == INT:
                texts[kind] = self._int_text(part)
            else:
                texts[kind] = self._dialect.float_text(part) if kind == FLOAT else part
        needs_null = value.is_nullable or len(texts) > 1
        return coalesce(*texts.values(), null) if needs_null else next(iter(texts.values()))

    def _int_text(self, part: Sql) -> Sql:
        return call(f"CAST({{}} AS {self._dialect.text_type})", part)

    # ------------------------------------------------------------------ aggregates

    def _aggregate(self, metric: Metric) -> Sql:
        if metric.target is None:
            return constant("count(*)")
        value = self._steps.value(self._code.value(metric.target))
        if metric.function == "count":
            return self._count(value)
        if BOOL in value.parts:  # 1 or 0
            whole = call(f"CAST({{}} AS {self._dialect.int_type})", value.parts[BOOL])
            integers = coalesce(value.parts[INT], whole) if INT in value.parts else whole
            value = Value({**value.parts, INT: integers}, value.is_nullable, value.is_loose)
        if not value.has_number():
            return constant("count(NULL)" if metric.function == "sum" else "max(NULL)")
        number = value.parts[INT] if FLOAT not in value.parts else self._code.double(value)
        match metric.function:
            case "sum" | "avg":
                return self._sum(metric.function, number, is_int=FLOAT not in value.parts)
            case "p":
                return self._dialect.quantile(call(self._dialect.nullable, self._code.double(value)), metric.tenths)
            case "min" | "max" as function:
                return call(f"{function}({{}})", call(self._dialect.nullable, number))
            case function:
                raise AssertionError(function)

    def _count(self, value: Value) -> Sql:
        if not value.is_nullable:
            return constant("count(*)")
        if len(value.parts) == 1:
            return call("count({})", *value.parts.values())
        return call("count(CASE WHEN {} THEN 1 END)", value.is_not_null())

    def _sum(self, function: str, number: Sql, *, is_int: bool) -> Sql:
        """Of doubles only what is finite at last."""
        total = call("sum({})", call(self._dialect.wide, number)) if is_int else call(self._dialect.float_sum, number)
        if function == "avg":
            whole = call(f"CAST({{}} AS {self._dialect.float_type})", total) if is_int else total
            total = sql("{} / nullif({}, 0)", whole, call("count({})", number))
        else:
            total = coalesce(total, constant("0" if is_int else "0e0"))
        return total if is_int else case(call(self._dialect.finite, total), total)

    # ------------------------------------------------------------------ rows

    def _chosen(self) -> Sql:
        conditions = [TRUE if self._tree.where is None else self._code.condition(self._tree.where)]
        if self._traces:
            names = [self._dialect.text(trace) for trace in self._traces]
            conditions.append(sql(f"{{}} IN ({', '.join(['{}'] * len(names))})", constant('"trace"'), *names))
        return every(conditions)

    def _valid(self) -> list[Sql]:
        conditions = [self._field(field)[1] for field in self._tree.fields]
        if self._window is not None:
            time = constant(f'"{self._window.column}"')
            conditions.append(sql("{} IS NOT NULL", time))
            for operator, limit in ((">=", self._window.start), ("<", self._window.end)):
                if limit is not None:
                    found = sql(f"{{}} {operator} {{}}", time, self._code.literal(float(limit)).parts[FLOAT])
                    conditions.append(call(self._dialect.known, found))
        return conditions

    def metric(self, metric: Metric) -> str:
        """The SELECT of a metric: `key` and `result`, or `result` alone if it has no keys.

        Raises:
            QueryError: The engine cannot say it.
        """
        condition = TRUE if metric.where is None else self._code.condition(metric.where)
        where = every([self._chosen(), *self._valid(), condition])
        key, result = self._key(metric), self._aggregate(metric)
        if key is None:
            return self._select([("result", result)], where)
        return f"{self._select([('key', key), ('result', result)], where)}\nGROUP BY key\nORDER BY key"

    def counts(self) -> str:
        """The SELECT of the number of events that are chosen, of these valid, and of these in the window."""
        window, self._window = self._window, None
        valid = self._valid()
        self._window = window
        columns = [("total_events", constant("count(*)")), ("valid_events", self._count_of(every(valid)))]
        return self._select([*columns, ("window_events", self._count_of(every(self._valid())))], self._chosen())

    def _count_of(self, condition: Sql) -> Sql:
        return constant("count(*)") if condition == TRUE else call("count(CASE WHEN {} THEN 1 END)", condition)

    def _select(self, columns: Iterable[tuple[str, Sql]], where: Sql) -> str:
        named = [*columns]
        source = self._steps.source(self._tree.relation, [where, *(column for _, column in named)])
        listed = ",\n  ".join(f"{column.text} AS {name}" for name, column in named)
        return f"SELECT {listed}\nFROM {source}" + ("" if where == TRUE else f"\nWHERE {where.text}")


def metric_select(
    tracker: Tracker, metric: Metric, engine: str, window: Window | None = None, traces: Sequence[str] = ()
) -> str:
    """The SELECT of one metric, for one of DIALECTS; without a window or traces of all.

    Raises:
        QueryError: The engine cannot say it exactly; the message begins with source, line and column.
    """
    return _Select(tracker, engine, window, traces).metric(metric)


def counts_select(tracker: Tracker, engine: str, window: Window | None = None, traces: Sequence[str] = ()) -> str:
    """The SELECT of `total_events`, `valid_events` and `window_events`; raises as `metric_select`."""
    return _Select(tracker, engine, window, traces).counts()
