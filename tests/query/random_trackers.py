"""Random logs, and random trackers over them, each made of a seed; what Python makes of them."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from random import Random

from tests.query.slow import text_of
from tracerd.errors import QueryError
from tracerd.exporters.tables import Tables
from tracerd.query.computation import Computation, Window
from tracerd.query.result import Result
from tracerd.query.sql import counts_select, metric_select
from tracerd.query.tracker import Tracker
from tracerd.query.tree import ARITHMETIC, ORDER, Args, Binary, Expr, If, Literal, Logic, Name, Unary, Value
from tracerd.rows.names import ProcessNames
from tracerd.rows.source import Source, find_trace
from tracerd.rows.table import Table
from tracerd.rows.table_maker import NAMED

PATHS = [("a",), ("b",), ("a key",), ("class",), ('"quoted"\n{}~/',), ("a", "b"), ("b", "c", "d"), ("it's",), ("",)]
TEXTS = ["", "a", "b", "cc a.c", "7", "null", "é", "\u2028", 'a"b\\', "*", "[", "{x}", "\n", "a|b", "it's", "\u202e"]
NUMBERS: list[int | float] = [
    0, 1, -1, 2, 3, 7, 100, 2**63 - 1, 2**53 + 1, 0.0, 0.5, -2.5, 1.0, 1e16, 3.5e20, 0.1, 2.5e-5, 1e-7, 1e22,
    9007199254740992.0, 1234567.125,
]  # fmt: skip
"""With few below 0: sums of large numbers that cancel out differ in their last digits, which are then the first."""

INSIDE: list[object] = [{"b": 3, "c": {"d": 1.5}}, {"c.d": "x"}, [1]]
PATTERNS = ["*", "a*", "?", "[a-c]*", "[!a]", "cc *.c", "[", "[]]", "[z-a]", "*'*", "*\n", "[[]*", "\u2028", "a|b"]
OWN_COLUMNS = {
    "events": ["error", "ph"],
    "spans": ["error", "depth", "self_us"],
    "logs": ["error", "level", "message"],
    "points": ["value", "labels"],
}
GRAINS = ["second", "minute", "hour", "day", "week", "month", "quarter", "year", "all_time", "30s", "7m"]
FIELDS = {
    "a": "int",
    "b": "text",
    "class": "float",
    "f": "bool",
    "name": "text",
    "dur_us": "float",
    "e": 'enum("a", "é")',
}
DEFAULTS = {"a": "5", "b": '"x"', "class": "0.5", "f": "false", "name": '"n"', "dur_us": "1.5", "e": '"a"'}


def _literal(random: Random) -> Value:
    return random.choice([None, True, False, random.choice(NUMBERS), random.choice(NUMBERS), random.choice(TEXTS)])


class TrackerMaker:
    """Makes the text of a tracker.

    Args:
        random: Where choices come from.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._names = ["line", "cat", "process", "time"]

    def text(self) -> str:
        random = self._random
        relation = random.choice(["events", "events", "spans", "logs", "points"])
        self._names += OWN_COLUMNS[relation]
        fields = random.sample(sorted(FIELDS), random.choice([0, 0, 1, 2]))
        parts = [f"from {relation}" + (f" where {text_of(self._tree(3))}" if random.random() < 0.3 else "")]
        parts.append(f"fields {{ {'; '.join(self._field(name) for name in fields)} }}")
        self._names += ["name", *[name for name in fields for _ in range(3)]]
        derived: list[str] = []
        for number in range(random.randrange(3)):
            derived.append(f"d{number} = {text_of(self._tree(4))}")
            self._names += [f"d{number}"] * 3
        parts.append(f"derive {{ {'; '.join(derived)} }}")
        parts.append("metrics {\n" + "\n".join(f"m{at} = {self._metric()}" for at in range(4)) + "\n}")
        return "tracker t {\n" + "\n".join(parts) + "\n}"

    def _field(self, name: str) -> str:
        default = f" = {DEFAULTS[name]}" if self._random.random() < 0.3 else ""
        return f"{name}: {FIELDS[name]}{self._random.choice(['', ' optional', ' optional'])}{default}"

    def _metric(self) -> str:
        random = self._random
        function = random.choice(["count", "sum", "min", "max", "avg", "p50", "p95", "p99.9"])
        target = "" if function == "count" and random.random() < 0.5 else text_of(self._tree(random.randint(1, 3)))
        keys = [random.choice([*self._names, "pid", "args.a", "args.a.b", 'args["a key"]']) for _ in range(2)]
        text = f"{function}({target})"
        if number := random.randrange(3):
            text += f" by {', '.join(keys[:number])}"
        if random.random() < 0.3:
            text += f" over {random.choice(GRAINS)}"
        return text + (f" where {text_of(self._tree(3))}" if random.random() < 0.4 else "")

    def _tree(self, depth: int) -> Expr:
        random = self._random
        if depth <= 1 or random.random() < 0.2:
            leaf = random.randrange(3)
            if leaf == 0:
                return Literal(_literal(random))
            return Name((random.choice(self._names),)) if leaf == 1 else Args(random.choice(PATHS))
        match random.randrange(7):
            case 0:
                return Unary(random.choice("-!"), self._tree(depth - 1))
            case 1 | 2:
                return Binary(random.choice(ARITHMETIC), self._tree(depth - 1), self._tree(depth - 1))
            case 3:
                return Binary(random.choice(ORDER), self._tree(depth - 1), self._tree(depth - 1))
            case 4:
                if random.random() < 0.4:
                    return Binary("~", self._tree(depth - 1), Literal(random.choice(PATTERNS)))
                return Binary(random.choice(["==", "!="]), self._tree(depth - 1), self._tree(depth - 1))
            case 5:
                return Logic(random.choice(["&&", "||"]), (self._tree(depth - 1), self._tree(depth - 1)))
            case _:
                otherwise = self._tree(depth - 1) if random.random() < 0.7 else None
                return If(self._tree(depth - 1), self._tree(depth - 1), otherwise)


def write_log(path: Path, random: Random, lines: int) -> None:
    """Write a random log."""
    events: list[dict[str, object]] = [
        {"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "it's | make"}},
        {"ph": "M", "name": "process_name", "pid": 2, "args": {"name": "cc"}},
    ]
    base = random.choice([1609459200_000_000, 0, 1790000000_000_000])  # a week of two years; without a wall clock
    for _ in range(lines):
        args: dict[str, object] = {}
        for key in random.sample(["a", "b", "a key", "class", '"quoted"\n{}~/', "a.b", "it's", "", "e", "f"], 5):
            args[key] = random.choice(
                [
                    _literal(random),
                    random.choice(NUMBERS),
                    random.choice(TEXTS),
                    {"b": 3, "c": {"d": 1.5}},
                    {"c.d": "x"},
                    [1],
                ]
            )
        if random.random() < 0.2:
            args["error"] = True
        event: dict[str, object] = {
            "ph": random.choice("XXXXiC"), "name": random.choice(TEXTS), "cat": random.choice(["cc", "log", "log"]),
            "pid": random.choice([1, 2, 3, "p|x"]), "tid": 1, "args": args,
            "ts": base + random.randrange(10**12) + random.choice([0.0, 0.5]),
        }  # fmt: skip
        if event["ph"] == "C":  # an integer in a float column may overflow, where SQL has a float
            event["args"] = {key: float(value) if type(value) is int else value for key, value in args.items()}
        if event["ph"] == "X":
            event["dur"] = random.choice([0.0, 1.5, 1000.25, 1e6 + 0.5, 77.0])
        if random.random() < 0.1:
            del event["args"]
        events.append(event)
    path.write_bytes(b"".join(json.dumps(event).encode() + b"\n" for event in events))


def python_result(tracker: Tracker, source: Source, window: Window | None = None) -> Result:
    """What `tracerd query` computes."""
    plan = tracker.plan(window)
    computation = Computation(tracker.tree, plan, window)
    names = ProcessNames()
    source.keep()
    if any(name in plan.inputs for name in NAMED):
        names.take(source.blocks())
    table = Table(tracker.tree.relation, plan.inputs, source.trace_id, names, in_order=True)
    computation.feed_table(table, source.blocks())
    return computation.result()


Rows = list[tuple[object, ...]]


def compare(
    tracker: Tracker, engine: str, ask: Callable[[str], Rows], result: Result, window: Window | None
) -> list[str]:
    """Check that an engine gives what Python gave; the metrics that it cannot say are returned, with the reason."""
    unsaid: list[str] = []
    try:
        [(total, valid, within)] = ask(counts_select(tracker, engine, window))
        assert (total, within) == (result.total_events, result.window_events)
        assert isinstance(total, int)
        assert isinstance(valid, int)
        assert total - valid == result.invalid
    except QueryError as error:
        unsaid.append(str(error))
    for metric in tracker.tree.metrics:
        try:
            select = metric_select(tracker, metric, engine, window)
        except QueryError as error:
            unsaid.append(str(error))
            continue
        rows = ask(select)
        expected = result.metrics[metric.name]
        if isinstance(expected, Mapping):
            found = {str(key): number_of(value) for key, value in rows}
            assert found.keys() == expected.keys(), (metric, select)
            pairs: Iterable[tuple[object, object]] = [(found[key], expected[key]) for key in expected]
        else:
            [(value,)] = rows
            pairs = [(number_of(value), expected)]
        for one, other in pairs:
            assert is_same(one, other), (metric, select, one, other)
    return unsaid


def number_of(value: object) -> int | float | None:
    """A number of an engine."""
    if value is None or isinstance(value, int | float):
        return value
    return float(str(value))


def is_same(a: object, b: object) -> bool:
    """Equal, as floats within 1e-9."""
    if isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
    return a is b


def agree(directory: Path, seeds: range, engine: str, load: Callable[[Tables], Callable[[str], Rows]]) -> float:
    """Compare random trackers; which part of the metrics an engine could not say is returned.

    Args:
        directory: Where the logs are written.
        seeds: One for each tracker.
        engine: `duckdb` or `clickhouse`.
        load: Has the engine load a trace; what asks it is returned.
    """
    unsaid = 0
    ask: Callable[[str], Rows] | None = None
    for seed in seeds:
        random = Random(seed)
        path = directory / f"t{seed - seed % 10}.jsonl"
        if ask is None or not path.exists():
            write_log(path, random, 60)
            ask = load(Tables(find_trace(directory, str(path))))
        tracker = Tracker.parse(TrackerMaker(random).text())
        window = random.choice(
            [None, None, Window("ts_us", 10**11, 1609459200_000_000 + 7 * 10**11), Window("time", 0, None)]
        )
        result = python_result(tracker, find_trace(directory, str(path)), window)
        unsaid += len(compare(tracker, engine, ask, result, window))
    return unsaid / len(seeds) / 5
