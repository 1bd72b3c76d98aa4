"""Perfetto reads what the daemon writes, as its own tests say; one bad line costs no other event."""

import json
from pathlib import Path

import pytest

from tests.harness import Daemon
from tests.perfetto.judge import Judge
from tests.perfetto.own_cases import SLICES, Case, cases, emit

COUNTERS = "select t.name, c.value from counter c join counter_track t on t.id = c.track_id order by c.ts"


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in cases()])
def test_perfetto_reads_what_its_own_tests_expect(
    case: Case, shared_daemon: Daemon, perfetto: Judge, tmp_path: Path
) -> None:
    out = tmp_path / "trace.json"
    lines = b"".join(json.dumps(event, ensure_ascii=False).encode() + b"\n" for event in case["events"])

    last_word = emit(shared_daemon, case["name"], lines, out)
    [got], problems = perfetto.examine(out, case["sql"])

    assert last_word == b"OK %d 0 0" % len(case["events"])
    if case.get("ordered"):
        assert got == case["rows"]
    else:
        assert sorted(got, key=repr) == sorted(case["rows"], key=repr)
    assert problems == case.get("problems", {})


GOOD = [b'{"ph":"X","pid":1,"tid":1,"name":"good %d","ts":%d,"dur":5}\n' % (n, 100 * n) for n in (1, 2, 3, 4)]


def slice_with(**raw: bytes | None) -> bytes:
    """An X event between the second and the third good one, with these raw values; None takes one out."""
    values = {"ph": b'"X"', "pid": b"1", "tid": b"2", "ts": b"250", "dur": b"1", "name": b'"bad"'} | raw
    return b"{%s}" % b",".join(b'"%s":%s' % (key.encode(), value) for key, value in values.items() if value is not None)


def counter(key: bytes, value: bytes) -> bytes:
    """A C event as OCaml writes it, at the same place."""
    return b'{"pid":1,"tid":0,"ts":250.00,"name":"c","ph":"C","args": {"%s":%s}}' % (key, value)


# Passed on, each of these makes v52 refuse the file, lose what follows, count a problem or loop for ever.
LEFT_OUT = {
    "nan counter": counter(b"c.nan", b"nan"),
    "-inf counter": counter(b"c.ninf", b"-inf"),
    "NaN counter": counter(b"c", b"NaN"),
    "1e999 counter": counter(b"c", b"1e999"),
    "unescaped quotes in a key": slice_with(args=b'{"key "q"":0}'),
    "null dur": slice_with(dur=b"null"),
    "text dur": slice_with(dur=b'"soon"'),
    "nan dur": slice_with(dur=b"nan"),
    "no dur": slice_with(dur=None),
    "null ts": slice_with(ts=b"null"),
    "no ts": slice_with(ts=None),
    "ts with an underscore": slice_with(ts=b'"2_50"'),
    "1e999 as ts": slice_with(ts=b"1e999"),
    "bool tts": slice_with(tts=b"true"),
    "object tdur": slice_with(tdur=b"{}"),
    "metadata with a null ts": b'{"ph":"M","pid":1,"ts":null,"name":"process_name","args":{"name":"p"}}',
    "no ph": slice_with(ph=None),
    "empty ph": slice_with(ph=b'""'),
    "number ph": slice_with(ph=b"7"),
    "1e999 in args": slice_with(args=b'{"value":1e999}'),
    "nested too deep": slice_with(args=b'{"a":' + 300 * b"[" + 300 * b"]" + b"}"),
    "empty object": b"{}",
    "torn": slice_with()[:-10],
    "bare control character": slice_with(cat=b'"\x01"'),
    "leading zero": slice_with(id=b"007"),
    "comma at the end": slice_with(id=b"7,"),
    "two objects": slice_with() + slice_with(),
    "array": b"[" + slice_with() + b"]",
    "no command": b"HELLO",
}


@pytest.mark.parametrize("line", LEFT_OUT.values(), ids=LEFT_OUT)
def test_bad_line_is_left_out_and_costs_no_other_event(
    line: bytes, shared_daemon: Daemon, perfetto: Judge, tmp_path: Path
) -> None:
    out = tmp_path / "trace.json"

    emit(shared_daemon, tmp_path.name, b"".join([*GOOD[:2], line, b"\n", *GOOD[2:]]), out)
    [slices, counters, processes], problems = perfetto.examine(
        out, SLICES, COUNTERS, "select name from process where name is not null"
    )

    assert slices == [["good 1"], ["good 2"], ["good 3"], ["good 4"]]
    assert counters == []
    assert processes == []
    assert problems == {}


# Here a JSON reader sees nothing wrong, and v52 does what it does with the lines above. Whether such an event
# is left out or written in a way that Perfetto reads is not promised.
MISREAD = {
    # A number is too big for Perfetto when its exponent is above 308 or it has 64 digits behind the point.
    "0e999 counter": counter(b"c", b"0e999"),
    "64 decimals in a counter": counter(b"c", b"0." + 64 * b"1"),
    "0e999 as tts": slice_with(tts=b"0e999"),
    "tts with 64 decimals": slice_with(tts=b"0." + 64 * b"1"),
    # JSON readers take the last of two equal keys and decode escapes; Perfetto stops at the first, undecoded.
    "null dur before a good one": b'{"dur":null,' + slice_with()[1:],
    "null ts before a good one": b'{"ts":null,' + slice_with()[1:],
    "ts as a text of escapes": slice_with(ts=rb'"\u0032\u0035\u0030"'),
    "ts under an escaped key": slice_with(ts=None)[:-1] + rb',"t\u0073":250}',
    "escaped key over a bad dur": slice_with()[:-1] + rb',"d\u0075r":null}',
    # v52 aborts when a sample of a CPU profile is not in order.
    "bad CPU profile": slice_with(ph=b'"P"', id=b"1", args=b'{"data":7}'),
}


@pytest.mark.parametrize("line", MISREAD.values(), ids=MISREAD)
def test_line_that_perfetto_misreads_costs_no_other_event(
    line: bytes, shared_daemon: Daemon, perfetto: Judge, tmp_path: Path
) -> None:
    out = tmp_path / "trace.json"

    emit(shared_daemon, tmp_path.name, b"".join([*GOOD[:2], line, b"\n", *GOOD[2:]]), out)
    [slices], problems = perfetto.examine(out, SLICES)

    assert [name for [name] in slices if name != "bad"] == ["good 1", "good 2", "good 3", "good 4"]
    assert problems == {}


# With the name and the argument `v` that Perfetto then shows. v52 shows an escape as it is written, unless
# the string has an escaped quote in it; the strings here have one where that matters.
MENDED = {
    "backslash at the end": (rb'"name":"\"C:\\dir\\","args":{"v":"1"}', '"C:\\dir\\', "1"),
    "two backslashes at the end": (rb'"name":"\"\\\\","args":{"v":"1"}', '"\\\\', "1"),
    "backslash at the end of an argument": (rb'"name":"mended","args":{"v":"\"\\","w":1}', "mended", '"\\'),
    "backslash at the end of an argument's key": (
        rb'"name":"mended","args":{"w\\":1,"v":"1"}',
        "mended",
        "1",
    ),
    "backslash at the end of a key": (rb'"name":"mended","other\\":1,"args":{"v":"1"}', "mended", "1"),
    "surrogate escapes": (
        rb'"name":"\"\ud83d\ude00","args":{"v":"\ud83d\ude00"}',
        '"\U0001f600',
        "\U0001f600",
    ),
    "lone surrogate escape": (rb'"name":"\"\ud83d","args":{"v":"\udc00"}', '"\ufffd', "\ufffd"),
    "invalid UTF-8": (b'"name":"\xff","args":{"v":"\xc3("}', "\ufffd", "\ufffd("),
    "nan among other arguments": (b'"name":"mended","args":{"w":nan,"v":"1","u":-inf}', "mended", "1"),
    "NaN among other arguments": (b'"name":"mended","args":{"w":NaN,"v":"1","u":-Infinity}', "mended", "1"),
    "line separator": ('"name":"\u2028","args":{"v":"\x85"}'.encode(), "\u2028", "\x85"),
    "numbers as texts": (b'"tts":"1E+2","tdur":"-0","name":"mended","args":{"v":"1"}', "mended", "1"),
}


@pytest.mark.parametrize(("line", "name", "argument"), MENDED.values(), ids=MENDED)
def test_mended_line_is_read_like_its_neighbours(
    line: bytes, name: str, argument: str, shared_daemon: Daemon, perfetto: Judge, tmp_path: Path
) -> None:
    out = tmp_path / "trace.json"
    event = b'{"ph":"X","pid":1,"tid":2,"ts":250,"dur":1,%s}\n' % line

    last_word = emit(shared_daemon, tmp_path.name, b"".join([*GOOD[:2], event, *GOOD[2:]]), out)
    [slices], problems = perfetto.examine(out, "select name, extract_arg(arg_set_id, 'args.v') from slice order by ts")

    assert last_word == b"OK 5 0 0"
    assert slices == [
        ["good 1", None],
        ["good 2", None],
        [name, argument],
        ["good 3", None],
        ["good 4", None],
    ]
    assert problems == {}
