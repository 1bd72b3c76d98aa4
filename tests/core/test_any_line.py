"""The two guarantees, for any input at all: a log holds only strict objects, a trace.json only good events."""

import re
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.core.oracle import all_pairs, has_surrogate_escape, is_good_event, is_strict_object
from tests.core.random_lines import EVENTS, LINES, OBJECTS, blocks, mutated
from tracerd.core.lines import BadLine, check_line, check_run
from tracerd.trace_json.perfetto import export_line, export_run
from tracerd.trace_json.tef import perfetto_text


@given(st.one_of(st.binary(), blocks(), LINES))
def test_no_bytes_raise(data: bytes) -> None:
    for entry in (check_run, check_line, export_run, export_line, perfetto_text):
        entry(data)


@given(LINES)
@example(b'{"a":"\\ud83d\\\\ude00","b":"\\\\\\ude00","c":-nan}')
def test_what_is_kept_is_strict_and_stable(line: bytes) -> None:
    kept = check_line(line)
    if isinstance(kept, BadLine):
        assert kept.reason.isprintable()
        return
    assert is_strict_object(kept)
    assert not has_surrogate_escape(kept)
    assert b"\n" not in kept
    assert check_line(kept) is kept
    assert (kept is line) == (kept == line)


@given(mutated())
def test_strict_objects_and_no_others_are_kept_unchanged(line: bytes) -> None:
    framed = line.startswith(b"{") and line.endswith(b"}")
    expected = framed and is_strict_object(line) and not has_surrogate_escape(line)
    assert (check_line(line) is line) == expected


@given(OBJECTS)
def test_repair_changes_only_what_must_change(line: bytes) -> None:
    # json.loads reads the bare words that it knows, so the others are made known to it.
    known = re.sub(rb'("(?:[^"\\]|\\.)*")|-?(?:nan|inf|NaN|Infinity)', lambda m: m[1] or b"NaN", line)
    repaired = check_line(line)
    if isinstance(repaired, bytes):
        whole = all_pairs(known).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        assert all_pairs(repaired) == whole


@given(blocks())
def test_fast_checks_accept_only_what_the_exact_ones_keep(block: bytes) -> None:
    if not block.endswith(b"\n"):
        assert check_run(block) is None or not block
        return
    lines = block.removesuffix(b"\n").split(b"\n")
    if (count := check_run(block)) is not None:
        assert count == len(lines)
        assert all(is_strict_object(line) and check_line(line) is line for line in lines)
    if (count := export_run(block)) is not None:
        assert count == len(lines)
        assert check_run(block) == count
        assert all(is_good_event(line) and export_line(line) is line for line in lines)


@given(st.one_of(OBJECTS, EVENTS, LINES))
def test_good_events_and_no_others_are_exported(line: bytes) -> None:
    checked = check_line(line)
    exported = export_line(line)
    if isinstance(checked, BadLine) or is_good_event(checked):
        assert exported == checked
    else:
        assert isinstance(exported, BadLine)
        assert exported.reason.isprintable()


MILLION = 1_000_000

LONG = {
    "torn escapes": b'{"a":"' + b"\\" * MILLION,
    "torn quotes": b'{"a":"' + b'\\"' * (MILLION // 2),
    "escaped backslashes": b'{"a":"' + b"\\\\" * (MILLION // 2) + b'"}',
    "surrogates": b'{"a":"' + b"\\ud83d" * (MILLION // 6) + b'"}',
    "escapes": b'{"a":"' + b"\\u0041" * (MILLION // 6) + b'"}',
    "hexadecimal": b'{"a":"' + b"5e123" * (MILLION // 5) + b'"}',
    "brackets": b"[" * MILLION,
    "objects": b'{"a":' * (MILLION // 5),
    "flat arrays": b'{"a":[' + b"[]," * (MILLION // 3) + b"nan]}",
    "bare words": b'{"a":[' + b"nan," * (MILLION // 4) + b"1]}",
    "strings": b'{"a":[' + b'"",' * (MILLION // 3) + b"nan]}",
    "large numbers": b'{"a":[' + b"1e308," * (MILLION // 6) + b"1]}",
    "decimals": b'{"a":0.' + b"0" * MILLION + b"1}",
    "digits": b'{"a":' + b"1" * MILLION + b"}",
    "exponent": b'{"a":1e' + b"0" * MILLION + b"1}",
    "quotes": b'"' * MILLION,
    "minus signs": b"-" * MILLION,
    "not UTF-8": b"\xff" * MILLION,
    "lines": b"{}\n" * (MILLION // 3),
}


@pytest.mark.parametrize("entry", [check_run, check_line, export_run, export_line, perfetto_text])
@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
@pytest.mark.timeout(60)
def test_time_is_linear(entry: Callable[[bytes], object], text: bytes) -> None:
    # All take less than a second; a quadratic step would take many minutes for a megabyte, and end at the timeout.
    entry(text)
