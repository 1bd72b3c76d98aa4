"""What the daemon writes, as the real Perfetto reads it."""

import json
import time
import zlib
from pathlib import Path
from typing import NotRequired, TypedDict

import pytest

from tests.harness import Daemon
from tests.perfetto.judge import Hung, Judge, LoadFailed, QueryFailed, Row, Unavailable, find_web_dist

HERE = Path(__file__).parent.parent
CAPTURES = HERE / "captures"

SLICES = "select name from slice order by ts"
COUNTERS = "select t.name, c.value from counter c join counter_track t on t.id = c.track_id order by c.ts"


def emit(daemon: Daemon, trace_id: str, lines: bytes, out: Path) -> bytes:
    """Send the lines, have the trace written to `out`, and return the daemon's last word."""
    replies = daemon.session(b"OPEN %s\n%sEMIT_TEF %s\nFLUSH\n" % (trace_id.encode(), lines, bytes(out)))
    return replies.splitlines()[-1]


# --------------------------------------------------------------- Perfetto's own tests


class Case(TypedDict):
    """One of Perfetto's own tests of JSON import; `perfetto/README.md` describes the fields."""

    name: str
    events: list[dict[str, object]]
    sql: str
    rows: list[Row]
    ordered: NotRequired[bool]
    problems: NotRequired[dict[str, int]]
    min: NotRequired[int]


def cases() -> list[Case]:
    """Return the cases for the installed Perfetto.

    The others are absent and not skipped: a skip is to mean that something can be installed.
    """
    everything: list[Case] = json.loads((HERE / "perfetto" / "cases.json").read_bytes())
    try:
        major, _ = find_web_dist()
    except Unavailable:
        return everything  # which the fixture skips
    return [case for case in everything if case.get("min", 0) <= major]


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


# ------------------------------------------------------ one bad line among good ones

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


# -------------------------------------------------------------------------- whole traces


def test_trace_without_events_opens(daemon: Daemon, perfetto: Judge, tmp_path: Path) -> None:
    out = tmp_path / "trace.json"

    last_word = emit(daemon, "empty", b"", out)
    [slices, processes], problems = perfetto.examine(out, SLICES, "select pid from process where pid > 0")

    assert last_word == b"OK 0 0 0"
    assert (slices, processes, problems) == ([], [], {})


def test_nothing_stands_behind_the_last_bracket(daemon: Daemon, perfetto: Judge, tmp_path: Path) -> None:
    plain, packed = tmp_path / "trace.json", tmp_path / "trace.json.gz"

    emit(daemon, "tail", b"".join(GOOD), plain)
    emit(daemon, "tail", b"", packed)

    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    unpacked = unpacker.decompress(packed.read_bytes())
    assert plain.read_bytes()[-1:] == b"}"
    assert unpacked[-1:] == b"}"
    assert (unpacker.eof, unpacker.unused_data) == (True, b"")
    for path in (plain, packed):
        [slices], problems = perfetto.examine(path, SLICES)
        assert (slices, problems) == ([["good 1"], ["good 2"], ["good 3"], ["good 4"]], {})


def test_daemons_own_line_makes_no_process(daemon: Daemon, perfetto: Judge, tmp_path: Path) -> None:
    out = tmp_path / "trace.json"

    emit(daemon, "own-line", GOOD[0], out)
    [processes, threads] = perfetto.ask(
        out, "select pid from process order by upid", "select tid from thread order by utid"
    )

    # The zero is Perfetto's own; an event without a pid would add another one, and a row to the timeline.
    assert processes == [[0], [1]]
    assert threads == [[0], [1]]


# ------------------------------------------------------------------- recorded real clients


def replay(daemon: Daemon, capture: Path, emits_to: Path | None = None) -> None:
    """Send what a client once sent; a path that it had its trace written to becomes `emits_to`."""
    data = capture.read_bytes()
    if emits_to is not None:
        head, verb, rest = data.partition(b"EMIT_TEF")
        at_exit, _, rest = rest.partition(b" ")
        data = head + verb + at_exit + b" " + bytes(emits_to) + b"\n" + rest.partition(b"\n")[2]
    daemon.session(data)


def wait_for_file(path: Path) -> None:
    """At-exit files come a moment after the last client has gone. They are never seen half written."""
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} has not come"
        time.sleep(0.01)


@pytest.mark.parametrize("version", ["v0.9.1", "main"])
def test_recorded_ocaml_processes_make_one_clean_trace(
    version: str, daemon: Daemon, perfetto: Judge, tmp_path: Path
) -> None:
    out = tmp_path / "trace.json"

    # The children first: the parent is the one that asks for the file, as EMIT_TEF or as EMIT_TEF_AT_EXIT.
    replay(daemon, CAPTURES / "ocaml" / f"bench-n3-j2-{version}-conn2.bin")
    replay(daemon, CAPTURES / "ocaml" / f"bench-n3-j2-{version}-conn3.bin")
    replay(daemon, CAPTURES / "ocaml" / f"bench-n3-j2-{version}-conn1.bin", emits_to=out)
    wait_for_file(out)
    [slices, bad], problems = perfetto.examine(
        out,
        "select name, count(*) from slice group by name order by name",
        "select ifnull(sum(value), 0) from stats where severity != 'info'",
    )

    exits: list[Row] = [["tef-worker.exit", 3]] if version == "v0.9.1" else []
    assert slices == [["inner", 60], ["outer", 6], ["parent", 1], *exits, ["wait.child", 2]]
    assert bad == [[0]]
    assert problems == {}


@pytest.mark.parametrize("version", ["v0.9.1", "main"])
def test_everything_that_ocaml_can_say_opens(version: str, daemon: Daemon, perfetto: Judge, tmp_path: Path) -> None:
    out = tmp_path / "trace.json"

    replay(daemon, CAPTURES / "ocaml" / f"all-kinds-{version}.bin", emits_to=out)
    wait_for_file(out)
    [slices, counters], problems = perfetto.examine(out, "select count(*) from slice", COUNTERS)

    # All but the slice with unescaped quotes in an argument's key, and the counters of nan and infinities.
    assert slices == [[10 if version == "v0.9.1" else 8]]
    assert counters[:3] == [["c c.int", 42], ["c c.float", 3.5], ["c c.big", 1e22]]
    assert counters[3:] == ([] if version == "v0.9.1" else [["c c.maxint", 4.61169e18]])
    assert problems == {}


def test_lines_that_are_no_events_leave_an_empty_trace(daemon: Daemon, perfetto: Judge, tmp_path: Path) -> None:
    out = tmp_path / "trace.json"
    lines = (CAPTURES / "git-trace2" / "clone-conn3.jsonl").read_bytes()

    last_word = emit(daemon, "git", lines, out)
    [slices], problems = perfetto.examine(out, SLICES)

    assert last_word == b"OK %d 0 0" % lines.count(b"\n")
    assert (slices, problems) == ([], {})


# -------------------------------------------------------------------- the judge itself


def document(path: Path, *events: bytes) -> Path:
    path.write_bytes(b'{"traceEvents":[' + b",".join(events) + b"]}")
    return path


def test_judge_counts_what_perfetto_counts(perfetto: Judge, tmp_path: Path) -> None:
    path = document(tmp_path / "trace.json", GOOD[0], b'{"ph":"X","pid":1,"tid":2,"ts":250,"name":"no dur"}')

    assert perfetto.ask(path, SLICES, "select ts, dur / 2.0, null from slice") == [
        [["good 1"]],
        [[100_000, 2_500.0, None]],
    ]
    assert perfetto.problems(path) == {"json_parser_failure": 1}


def test_judge_says_why_perfetto_refuses(perfetto: Judge, tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="incomplete"):
        perfetto.ask(document(tmp_path / "fatal.json", GOOD[0], b'{"ph":"X","ts":1,"dur":null}', GOOD[1]), SLICES)
    with pytest.raises(LoadFailed, match="empty"):
        perfetto.problems(Path("/dev/null"))
    with pytest.raises(QueryFailed, match="no such column"):
        perfetto.ask(document(tmp_path / "good.json", GOOD[0]), "select nowhere from slice")


def test_judge_survives_a_trace_that_perfetto_never_finishes(tmp_path: Path) -> None:
    endless = document(tmp_path / "endless.json", b'{"ph":"C","ts":1,"pid":1,"name":"c","args":{"value":NaN}}')
    good = document(tmp_path / "good.json", *GOOD)

    with Judge(timeout_s=2) as judge:
        with pytest.raises(Hung):
            judge.ask(endless, SLICES)
        assert judge.ask(good, SLICES) == [[["good 1"], ["good 2"], ["good 3"], ["good 4"]]]
