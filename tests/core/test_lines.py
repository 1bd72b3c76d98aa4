"""Which lines a log takes, repairs and refuses, and which are exported, shown by tables."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lines import BAD_EVENTS, GOOD, GOOD_EVENTS, LARGEST, LONG_TEXT, REFUSED, REPAIRED
from tests.core.oracle import depth, is_good_event
from tracerd.core.json_text import is_too_deep
from tracerd.core.lines import MAX_REPAIRED_BYTES, BadLine, check_line, check_run
from tracerd.trace_json.perfetto import export_line, export_run


@pytest.mark.parametrize("line", GOOD)
def test_strict_object_is_kept_as_it_came(line: bytes) -> None:
    assert check_line(line) is line


@pytest.mark.parametrize("line", [line for line in GOOD if line not in (LARGEST, LONG_TEXT)])
def test_usual_line_passes_the_fast_check(line: bytes) -> None:
    expected = None if b"1e308" in line else 3
    assert check_run((line + b"\n") * 3) == expected


@pytest.mark.parametrize(("line", "repaired"), REPAIRED)
def test_line_is_repaired(line: bytes, repaired: bytes) -> None:
    assert check_line(line) == repaired
    assert check_line(repaired) is repaired
    assert check_run(line + b"\n") is None


@pytest.mark.parametrize(("line", "reason"), REFUSED)
def test_line_is_refused_with_a_reason(line: bytes, reason: str) -> None:
    assert check_line(line) == BadLine(reason)
    assert check_run(line + b"\n") is None
    assert check_run(b"{}\n" + line + b"\n{}\n") is None


@pytest.mark.parametrize("line", GOOD_EVENTS)
def test_good_event_is_exported(line: bytes) -> None:
    assert is_good_event(line)
    assert export_line(line) is line


@pytest.mark.parametrize(("line", "reason"), BAD_EVENTS)
def test_bad_event_is_left_out_with_a_reason(line: bytes, reason: str) -> None:
    assert export_line(line) == BadLine(reason)
    assert export_run(line + b"\n") is None


@pytest.mark.parametrize(("line", "reason"), REFUSED)
def test_what_a_log_refuses_is_not_exported(line: bytes, reason: str) -> None:
    assert export_line(line) == BadLine(reason)


def test_exported_event_is_repaired() -> None:
    assert export_line(b'{"ph":"i","ts":1,"v":nan}') == b'{"ph":"i","ts":1,"v":null}'


def test_fast_export_takes_the_events_of_usual_clients() -> None:
    block = b"".join(line + b"\n" for line in GOOD_EVENTS[:2] + GOOD_EVENTS[4:6])
    assert export_run(block) == 4


@pytest.mark.parametrize("check", [check_run, export_run])
@pytest.mark.parametrize(
    "block",
    [
        b'{"ph":"M","a":\n1}{"ph":"M"}\n',
        b'{"ph":"M"}{"ph":"M"\n}\n',
        b'{"ph":"M","a":{}\n,"b":{}}{"ph":"M"}\n',
        b'{"ph":"M","a":\n{}}{"ph":"M"}\n',
        b'{"ph":"M"}\n\n{"ph":"M"}\n',
        b'\n{"ph":"M"}\n',
        b'{"ph":"M"} \n{"ph":"M"}\n',
        b'{"ph":"M"}\n {"ph":"M"}\n',
        b'{"ph":"M"}\r\n{"ph":"M"}\n',
        b'{"ph":"M"},\n{"ph":"M"}\n',
        b'{"ph":"M"}\n{"ph":"M","a":{}}',
    ],
)
def test_objects_must_sit_one_on_a_line(check: Callable[[bytes], int | None], block: bytes) -> None:
    assert check(block) is None


def test_empty_block_has_no_events() -> None:
    assert check_run(b"") == export_run(b"") == 0


def test_nesting_is_not_measured_by_counting_brackets() -> None:
    line = b'{"a":[' + b"[]," * 1000 + b"[]]}"
    assert check_line(line) is line


NESTS = st.recursive(
    st.sampled_from([b"[]", b"{}", b'"[[["', b'"]\\\\"', b'"\\"}"']),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: b"[" + b",".join(items) + b"]"),
        st.tuples(st.integers(1, 140), inner).map(lambda pair: b"[" * pair[0] + pair[1] + b"]" * pair[0]),
    ),
)


@given(NESTS)
def test_depth_is_exact(text: bytes) -> None:
    assert is_too_deep(text) == (depth(text) > 256)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b'"C:\\\\udd00"', None),
        (b'"\xc3\xa4"', None),
        (b"nan", "not JSON: "),
        (b'"\\ud83d\\ude00"', "a surrogate escape in a line longer than 1048576 bytes: write UTF-8"),
        (b'"\xff"', "invalid UTF-8 at byte 1048589 in a line longer than 1048576 bytes"),
    ],
)
def test_a_long_line_is_taken_or_refused_as_it_is(value: bytes, expected: str | None) -> None:
    line = b'{"a":"' + b"x" * MAX_REPAIRED_BYTES + b'","b":' + value + b"}"
    checked = check_line(line)
    if expected is None:
        assert checked is line
    else:
        assert isinstance(checked, BadLine)
        assert checked.reason.startswith(expected)
