"""The findings of `check`, without files: a log's lines in, findings out."""

import json
import re
from io import BytesIO
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.replay.lines import ev, x
from tests.replay.replay_cases import ROWS
from tracerd.replay.events import has_many_digits, parse_number
from tracerd.replay.kinds import KINDS, Finding, Findings
from tracerd.replay.player import Player


def findings(log: bytes, *, piece: int | None = None, limit: int | None = None) -> list[Finding]:
    """Findings, from blocks of so many lines."""
    found = Findings(limit)
    linter = Player(found)
    lines = BytesIO(log).readlines()  # bytes.splitlines would split at a \r, too
    step = piece or len(lines) or 1
    for at in range(0, len(lines), step):
        linter.feed(b"".join(lines[at : at + step]))
    linter.finish()
    assert linter.lines == len(lines)
    return found.kept()


def block(lines: list[str]) -> bytes:
    return "".join(line + "\n" for line in lines).encode()


@pytest.mark.parametrize(("lines", "expected"), [pytest.param(*row, id=name) for name, *row in ROWS])
def test_each_row(lines: list[str], expected: list[str]) -> None:
    got = [f"{finding.line_no} {finding.kind.name}" for finding in findings(block(lines))]

    assert got == sorted(expected, key=lambda one: (int(one.split()[0]), one))


@pytest.mark.parametrize("lines", [pytest.param(row[1], id=row[0]) for row in ROWS])
def test_blocks_and_spelling_change_nothing(lines: list[str]) -> None:
    """A line is found the same in a run, by itself, and with blanks around it, which is looked at exactly."""
    whole = findings(block(lines))

    assert findings(block(lines), piece=1) == whole
    assert findings(block([f" {line}\t" if line else line for line in lines])) == whole


def test_rows_show_every_kind() -> None:
    seen = {one.split()[1] for row in ROWS for one in row[2]}

    assert seen == set(KINDS) - {"torn-line"}
    assert len({row[0] for row in ROWS}) == len(ROWS)


def test_torn_last_line_is_told_from_a_bad_one() -> None:
    [found] = findings(block([x(1, 1)]) + b'{"ph":"i","ts"')
    assert (found.line_no, found.kind.name) == (2, "torn-line")
    assert findings(block([x(1, 1)]) + ev("i", 5).encode()) == []


def test_findings_name_what_they_are_about() -> None:
    [overlap] = findings(block([x("1.00", "4.01"), x("5.00", "4.00").replace('"x"', '"y"')]))
    assert overlap.reason == '"y" begins inside "x" of line 1 and ends 3.99 us after it: it is dropped'
    [clocks] = findings(block(next(row[1] for row in ROWS if row[0] == "a process with the wall clock")))
    assert clocks.reason == (
        "process 2 is at 1795317493 s, by CLOCK_REALTIME; most processes are at 5 s, by CLOCK_MONOTONIC"
    )


MANY_DIGITS = re.compile(r"[0-9]{20}|\.[0-9]{19}|[0-9]{19}[.eE]|9[0-9]{18}")


@pytest.mark.parametrize(
    ("number", "may_be_garbled"),
    [
        ("999999999999999999", False),
        ("1795317493244295000", False),
        ("-8999999999999999999", False),
        ("9223372036854775808", True),
        ("-9223372036854775808", True),
        ("10000000000000000000", True),
        ("0.1234567890123456789", True),
        ("1234567890123456789.5", True),
        ("1234567890123456789e2", True),
    ],
)
def test_numbers_of_19_digits_take_the_fast_way_if_they_fit(number: str, may_be_garbled: bool) -> None:
    assert has_many_digits(number.encode()) == may_be_garbled
    if not may_be_garbled:
        assert parse_number(number.encode()) == int(number)


@given(st.lists(st.sampled_from(["0" * 17, "1", "9", "99", ".", "e", "E", "-", ","]), max_size=12))
def test_no_number_of_many_digits_is_passed_over(parts: list[str]) -> None:
    text = "".join(parts)
    assert has_many_digits(text.encode()) == (MANY_DIGITS.search(text) is not None)


def test_a_thread_past_32_bits_is_told_once() -> None:
    lines = [x(10 * n, 5, ',"tid":4294967296') for n in range(5)]
    assert [finding.line_no for finding in findings(block(lines))] == [1]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
FIELD = st.sampled_from(
    ["ph", "ts", "dur", "pid", "tid", "id", "id2", "bind_id", "args", "name", "cat", "s", "flow_in"]
)
LINE = (
    st.binary(max_size=30)
    | st.dictionaries(FIELD, JSON).map(lambda event: json.dumps(event).encode())
    | st.fixed_dictionaries({"ph": st.sampled_from("XBEibneCMstf"), "ts": st.integers(), "dur": st.integers()}).flatmap(
        lambda start: st.dictionaries(FIELD, JSON).map(lambda event: json.dumps(event | start).encode())
    )
)


@given(st.lists(LINE, max_size=5))
@example([b'{"ph":"X","ts":1e308,"dur":-1e308}'])
@example([b'{"ph":"i","ts":0.1e-99999999999999999999999}'])
@example([b'{"ph":"X","ts":"1e-400","dur":0e0000000000000000000000000009,"args":{}}'])
@example([b'{"ph":"\\ud800","ts":1,"id2":{"global":"\\ud800"}}'])
def test_any_lines_at_all_raise_nothing_and_blocks_do_not_matter(lines: list[bytes]) -> None:
    log = b"".join(line.replace(b"\n", b"") + b"\n" for line in lines)
    assert findings(log) == findings(log, piece=1)


def test_findings_come_in_the_order_of_lines() -> None:
    lines = [ev("E", 9), x(1, 9), x(5, 9), "", ev("B", 3, tid=2)]
    assert all(first.line_no <= second.line_no for first, second in pairwise(findings(block(lines))))


def test_the_first_of_a_kind_are_kept_whenever_they_are_found() -> None:
    lines = [x(1, 9), *(x(5 + n, 9 + n) for n in range(9, 0, -1)), "", "", ""]
    everything = findings(block(lines))

    kept = findings(block(lines), limit=2)

    blank = [finding for finding in everything if finding.kind.name == "blank-line"]
    overlap = [finding for finding in everything if finding.kind.name == "overlap"]
    assert len(overlap) > 2
    assert kept == overlap[:2] + blank[:2]


@pytest.mark.timeout(60)
def test_a_million_spans_that_are_never_ended_take_no_square_of_it() -> None:
    """The time for each must not grow with what is on the stack, which holds 512."""
    found = Findings(20)
    linter = Player(found)
    run = block([ev("B", 5)] * 1000)
    for _ in range(20):
        linter.feed(run)
    linter.finish()

    assert {kind.name: count for kind, count in found.counts.items()} == {"too-deep": 19_488, "never-ended": 512}
    assert len(found.kept()) == 40


def test_a_clock_is_believed_only_from_a_line_as_the_daemon_writes_it() -> None:
    wall = next(row[1] for row in ROWS if row[0] == "a process with the wall clock")
    lines = [line.replace('"name":"tracerd_clock"', '"pid":1,"name":"tracerd_clock"') for line in wall]
    assert not [each for each in findings(block(lines)) if "CLOCK_REALTIME" in each.reason]
