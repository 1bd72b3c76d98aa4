"""Rows of a log as tuples: what each column is."""

import json
from collections.abc import Sequence

import pytest

from tests.view.view_cases import CASES, Case, log
from tracerd.core.own_prefixes import CLOCK_PREFIX
from tracerd.rows.columns import Input, Relation, columns_of
from tracerd.rows.event import decode_lines
from tracerd.rows.names import ProcessNames
from tracerd.rows.recording import read
from tracerd.rows.table import Table, events_for
from tracerd.rows.table_maker import make_rows
from tracerd.view.tree import SpanRow, Tree

Row = tuple[object, ...]


def rows(written: bytes, relation: str, *inputs: Input, block_bytes: int = 1 << 16, in_order: bool = True) -> list[Row]:
    blocks: list[bytes] = []
    for line in written.splitlines(keepends=True):
        if not blocks or len(blocks[-1]) >= block_bytes:
            blocks.append(b"")
        blocks[-1] += line
    names = ProcessNames()
    names.take(blocks)
    return list(Table(relation, inputs, "t", names, in_order=in_order).rows(blocks))


def lines(*events: dict[str, object]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


CLOCK = CLOCK_PREFIX + b'"args":{"monotonic_us":%d,"boottime_us":0,"realtime_us":%d}}\n'

EVENTS = (
    lines({"ph": "X", "name": "before", "ts": 5, "dur": 1.5, "pid": 1, "tid": 2})
    + CLOCK % (100, 5_000_100)
    + lines(
        {"ph": "M", "name": "process_name", "pid": 1, "tid": 1, "args": {"name": "old"}},
        {"ph": "i", "name": "log", "cat": "log", "ts": 7.5, "pid": "p", "args": {"level": "WARN", "message": "hot"}},
        {"ph": "C", "name": "load", "ts": 8, "pid": 1, "id": "host=a", "args": {"value": 3, "cpu": 0.5, "x": "no"}},
        {"ph": "i", "ts": 9, "args": {"a.b": 1, "a": {"b": 2, "c": {"d": 3}}, "service": "api", "error": "yes"}},
        {"ph": "M", "name": "process_name", "pid": 1, "tid": 1, "ts": 1, "args": {"name": "make"}},
        {"ph": "M", "name": "thread_name", "pid": 1, "tid": 2, "args": {"name": "worker"}},
    )
)


def test_events_are_all_but_metadata_and_own_lines() -> None:
    assert rows(EVENTS, "events", "line", "ph", "name", "cat") == [
        (1, "X", "before", ""),
        (4, "i", "log", "log"),
        (5, "C", "load", ""),
        (6, "i", "", ""),
    ]


def test_columns_of_events() -> None:
    names = ("trace", "event.id", "pid", "tid", "ts_us", "dur_us", "time", "error", "process", "thread", "service")
    assert rows(EVENTS, "events", *names) == [
        ("t", "t:1", 1, 2, 5, 1.5, None, False, "make", "worker", "make"),
        ("t", "t:4", "p", None, 7.5, None, 5_000_008, False, "", "", ""),
        ("t", "t:5", 1, None, 8, None, 5_000_008, False, "make", "", "make"),
        ("t", "t:6", None, None, 9, None, 5_000_009, True, "", "", "api"),
    ]


def test_paths_in_args() -> None:
    [*_, last] = rows(EVENTS, "events", ("a", "b"), ("a.b",), ("a", "c", "d"), ("service",), ("none", "x"))
    assert last == (1, 1, 3, "api", None)
    assert rows(EVENTS, "events", "args", ("a", "c", "d"), "error")[-1][1:] == (3, True)
    assert rows(EVENTS, "events", ("a", "b"))[0] == (None,)


def test_times_may_be_strings_that_hold_numbers_as_perfetto_reads_them() -> None:
    written = lines(
        {"ph": "X", "ts": "12.5", "dur": "7"},
        {"ph": "X", "ts": " 1", "dur": "1_0"},
        {"ph": "X", "ts": "true", "dur": '"3"'},
        {"ph": "X", "ts": "1e999", "dur": "-1.5e3"},
    )

    expected: list[Row] = [(12.5, 7), (None, None), (None, None), (None, -1500.0)]
    assert rows(written, "events", "ts_us", "dur_us") == expected
    assert [(event.ts, event.dur) for _, event in decode_lines(written) if event] == expected


@pytest.mark.parametrize("relation", ["events", "spans"])
@pytest.mark.parametrize("key", ['a"b', "a\\b", "a\nb", "A", "a.b", "class", "e", "\u00e9"])
def test_a_key_may_hold_any_characters(key: str, relation: str) -> None:
    event: dict[str, object] = {"ph": "X", "ts": 1, "dur": 1, "args": {key: 5}}
    escaped = "".join(f"\\u{ord(character):04x}" for character in key).encode()
    written = lines(event) + b'{"ph":"X","ts":1,"dur":1,"args":{"%s":6}}\n' % escaped
    assert rows(written, relation, (key,)) == [(5,), (6,)]


def test_logs() -> None:
    assert rows(EVENTS, "logs", "line", "level", "message", "error") == [(4, "warning", "hot", False)]


def test_points() -> None:
    assert rows(EVENTS, "points", "line", "name", "value", "labels") == [
        (5, "load", 3, "host=a"),
        (5, "load.cpu", 0.5, "host=a"),
    ]


def test_a_time_since_1970_needs_no_clock_line() -> None:
    assert rows(lines({"ph": "i", "ts": 1.7e15}, {"ph": "i", "ts": 1e14}, {"ph": "i"}), "events", "time") == [
        (1_700_000_000_000_000,),
        (None,),
        (None,),
    ]


@pytest.mark.parametrize("relation", [*Relation])
def test_each_column_of_the_vocabulary_can_be_asked_for(relation: Relation) -> None:
    columns = [*columns_of(relation)]
    found = rows(EVENTS, relation, *columns)
    assert found
    assert all(len(row) == len(columns) for row in found)


def hostile() -> bytes:
    odd = (
        b'[]\n\n{"ph":"X","ph":"i","ts":1,"name":"twice"}\n{"ph":1}\n{}\n{"ph":"i","args":[1]}\n{"ph":"i","args":"x"}\n'
        b'{"ph":"i","args":null,"pid":1.5,"tid":true,"ts":true,"name":7,"cat":null}\n'
        b'{"ph":"i","name":"\xff","args":{"k":nan}}\n{"ph":"i","ts":1e999,"args":{"k":1e999}}\n'
        b'{"ph":"i","ts":123456789012345678901234567890,"args":{"k":123456789012345678901234567890}}\n'
    )
    return (
        odd
        + b'{"ph":"i","args":{"k":'
        + b"[" * 200_000
        + b"]" * 200_000
        + b'}}\n{"ph":"i","name":"last","args":{"k":1}}\n{"to'
    )


def test_hostile_lines_cost_no_others() -> None:
    found = rows(hostile(), "events", "line", "name", "pid", "tid", "ts_us", ("k",))

    assert found[0] == (3, "twice", None, None, 1, None)
    assert (8, "", 1.5, None, None, None) in found
    assert found[-1] == (13, "last", None, None, None, 1)
    assert [row[0] for row in found] == [3, 6, 7, 8, 9, 10, 11, 13]
    table = Table("events", ("line",), "t", ProcessNames(), in_order=True)
    assert len(list(table.rows([hostile()]))) == len(found)
    assert (table.events.bad_lines, table.events.first_bad_line) == (4, 1)


@pytest.mark.parametrize("relation", [*Relation])
@pytest.mark.parametrize("written", [EVENTS, hostile()], ids=["events", "hostile"])
def test_blocks_do_not_matter(written: bytes, relation: Relation) -> None:
    inputs: Sequence[Input] = [*columns_of(relation), ("k",), ("a", "b")]
    whole = rows(written, relation, *inputs)
    for block_bytes in (1, 100, 1000):
        assert rows(written, relation, *inputs, block_bytes=block_bytes) == whole


def test_tables_that_share_a_reader_give_the_rows_that_each_gives_alone() -> None:
    written = EVENTS + lines(
        {"ph": "X", "name": "back", "ts": 1, "dur": -1, "args": {"service": "api", "a": {"b": 5}}},
        {"ph": "B", "name": "begun", "ts": 2, "args": {"service": "begin"}},
        {"ph": "E", "ts": 4, "args": {"service": "end"}},
    )
    asked: list[tuple[str, tuple[Input, ...]]] = [
        ("events", ("name", "dur_us", "service", ("a", "b"))),
        ("logs", ("service", "level", "time")),
        ("spans", ("name", "dur_us", "service", "time")),
    ]
    names = ProcessNames()
    names.take([written])
    shared = events_for(asked, ("tid",))
    tables = [Table(*one, "t", names, in_order=False, events=shared) for one in asked]
    locals_ = [[f"i{at}" for at in range(len(inputs))] for _, inputs in asked]
    makes = [make_rows(table.loop(some), some) for table, some in zip(tables, locals_, strict=True)]
    found: list[list[Row]] = [[] for _ in asked]
    for events in shared.read([written]):
        for table, make, own in zip(tables, makes, found, strict=True):
            own.extend(make(table.taken(events), shared.line, shared.offset_us))

    assert found == [rows(written, relation, *inputs, in_order=False) for relation, inputs in asked]


# ------------------------------------------------------------------ spans


def test_the_args_of_a_begin_and_its_end_are_one_object() -> None:
    written = lines(
        {"ph": "B", "name": "a", "pid": 1, "tid": 1, "ts": 1, "args": {"x": 1, "y": 1}},
        {"ph": "E", "pid": 1, "tid": 1, "ts": 3, "args": {"y": 2, "error": True}},
    )
    assert rows(written, "spans", "line", "ph", ("x",), ("y",), "error", "dur_us") == [(1, "B", 1, 2, True, 2)]


def test_spans_come_in_the_order_of_their_lines_if_that_is_asked_for() -> None:
    written = log("B a 1/1 1\nX b 1/1 2+1\nE a 1/1 9\nB c 1/1 10")
    assert rows(written, "spans", "line", "name", "dur_us") == [(1, "a", 8), (2, "b", 1), (4, "c", None)]
    assert rows(written, "spans", "line", in_order=False) == [(2,), (1,), (4,)]
    assert rows(written, "spans", "name", "parent", "depth") == [("a", None, 0), ("b", 1, 1), ("c", None, 0)]


def test_a_span_without_a_time_is_around_no_other() -> None:
    written = lines(
        {"ph": "X", "name": "nowhere", "pid": 1, "tid": 1},
        {"ph": "X", "name": "a", "pid": 1, "tid": 1, "ts": 5, "dur": 1},
    )
    assert rows(written, "spans", "name", "parent", "depth") == [("nowhere", None, 0), ("a", None, 0)]


OTHERWISE = {
    "an end in the wrong order comes too late",
    "a begin is cut where the span around it ends",
    "late lines",
    "a negative duration",
    "nanoseconds are rounded as Perfetto does",
    "without a name",
    "without pid or tid",
}
"""Cases in which Perfetto plays another order, cuts a span, or makes up a name or a number."""


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES if case.name not in OTHERWISE])
def test_spans_are_those_of_show_where_all_is_well_nested(case: Case) -> None:
    shown = [row for row in Tree(read([log(case.events)])).rows() if isinstance(row, SpanRow)]
    found = rows(log(case.events), "spans", "name", "ts_us", "dur_us", "self_us", "depth")
    expected = [
        (
            row.name,
            row.start / 1000,
            None if row.dur is None else row.dur / 1000,
            None if row.self_time is None else row.self_time / 1000,
            row.depth,
        )
        for row in shown
    ]
    assert sorted(found, key=repr) == sorted(expected, key=repr)
