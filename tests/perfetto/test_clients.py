"""Whole traces of real clients, through the daemon, as Perfetto reads them."""

import time
import zlib
from pathlib import Path

import pytest

from tests.harness import Daemon
from tests.perfetto.judge import Judge, Row
from tests.perfetto.own_cases import CAPTURES, SLICES, emit
from tests.perfetto.test_perfetto import COUNTERS, GOOD


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
