"""Spans on lanes: random trees of processes, and what Perfetto makes of them."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builds.traces import ROOT, Trace, document
from tests.commands import invoke
from tests.core.test_speedups import native
from tests.perfetto.judge import Judge
from tracerd.builds.lanes import MAX_DEPTH, NO_PARENT, Slot, place
from tracerd.builds.layout import laid_out
from tracerd.builds.mentions import may_have_lanes
from tracerd.trace_json import export, perfetto
from tracerd.trace_json.begin_marks import resolved
from tracerd.trace_json.export import write_tef

STRANGER = 1
"""What started a process that is no child of the command."""


class Birth(NamedTuple):
    """A process of a random tree."""

    maker: int  # which of those before it has started it
    start: int  # ticks after the start of that
    length: int
    pid: int  # few of them: they are used again
    becomes: bool
    adopted: bool  # who started it is no process of the trace
    tick: int


births = st.builds(
    Birth,
    maker=st.integers(0, 30),
    start=st.integers(0, 6),
    length=st.integers(0, 8),
    pid=st.integers(2, 13),
    becomes=st.booleans(),
    adopted=st.sampled_from([False, False, False, True]),
    tick=st.sampled_from([1, 10_000]),
)


def slots_of(tree: list[Birth]) -> list[Slot]:
    """Slots in the order that `place` asks for, with any earlier slot as the parent."""
    spans: list[tuple[int, int, int, int]] = []  # start, end, depth, index of the parent
    for birth in tree:
        parent = birth.maker % (len(spans) + 1) - 1
        start = birth.start + (spans[parent][0] if parent >= 0 else 0)
        spans.append((start, start + max(birth.length, 1), spans[parent][2] + 1 if parent >= 0 else 0, parent))
    order = sorted(range(len(spans)), key=lambda at: (spans[at][0], -spans[at][1], spans[at][2], at))
    position = {at: rank for rank, at in enumerate(order)} | {-1: NO_PARENT}
    return [Slot(spans[at][0], spans[at][1], position[spans[at][3]]) for at in order]


def peak(slots: list[Slot]) -> int:
    """How many ran at once."""
    return max((sum(slot.start <= at < slot.end for slot in slots) for at in {slot.start for slot in slots}), default=0)


@given(st.lists(births, max_size=40))
def test_spans_of_a_lane_nest_and_lie_below_what_started_them(tree: list[Birth]) -> None:
    slots = slots_of(tree)
    lanes = place(slots)
    assert len(set(lanes)) <= peak(slots)
    stacks: dict[int, list[int]] = {}
    for at, (slot, lane) in enumerate(zip(slots, lanes, strict=True)):
        stack = stacks.setdefault(lane, [])
        while stack and slots[stack[-1]].end <= slot.start:
            stack.pop()
        if stack:
            around = slots[stack[-1]]
            assert slot.parent == stack[-1]
            assert around.start <= slot.start
            assert slot.end <= around.end
        stack.append(at)


def test_a_child_goes_below_its_parent_and_its_brother_beside_it() -> None:
    #          parent        cc1           as            beside it
    slots = [Slot(0, 10, -1), Slot(1, 5, 0), Slot(4, 9, 0), Slot(5, 9, 0)]
    assert place(slots) == [0, 0, 1, 0]


def test_a_child_that_outlives_its_parent_gets_a_lane() -> None:
    assert place([Slot(0, 10, -1), Slot(2, 12, 0)]) == [0, 1]


def test_a_lane_is_used_again_and_the_lowest_one_first() -> None:
    slots = [Slot(0, 10, -1), Slot(1, 5, -1), Slot(2, 4, -1), Slot(5, 6, -1), Slot(5, 7, -1)]
    assert place(slots) == [0, 1, 2, 1, 2]


def test_what_lies_too_deep_for_perfetto_gets_a_lane() -> None:
    slots = [Slot(0, 10, at - 1) for at in range(MAX_DEPTH + 1)]
    assert place(slots) == [*[0] * MAX_DEPTH, 1]


def test_what_cannot_have_lanes_is_left_as_it_is() -> None:
    trace = Trace()
    trace.step("make", 0, 400)
    trace.step("cc a.c", 100, 200)
    lines = trace.block.splitlines(keepends=True)
    others = [line for line in lines if b'"cat":"process"' not in line]

    assert may_have_lanes([lines[0], lines[1]])
    assert not may_have_lanes(others)
    assert sorted(b"".join(laid_out(others, None)).splitlines(keepends=True)) == sorted(others)
    assert others != lines


STEPS = Trace()
STEPS.step("make", 0, 400)
STEPS.step("cc a.c", 100, 200)
KILLED = b"".join(
    b'{"ph":"M","name":"tracerd_begin","pid":%d,"tid":%d,"ts":1,"args":{"id":"%016x","name":"cc","cat":"process"}}\n'
    % (pid, pid, pid)
    for pid in (ROOT, ROOT + 1)
)


@pytest.mark.parametrize(
    ("last", "has_process"),
    [
        (b'{"ph":"i","ts":1,"name":"process","args":{"cat":"process"}}\n', False),
        (STEPS.block, True),
        (STEPS.block.replace(b'"cat":"process"', b'"cat" :\t"process"'), True),
        (STEPS.block.replace(b'"ph":', b'"\\u0062":1,"ph":'), True),
        (KILLED, True),
        (b"".join(resolved([KILLED])), True),
        (b"no JSON\n" + STEPS.block, True),
    ],
    ids=["none", "plain", "blanks", "escapes in a key", "never ended", "never ended, as events", "behind a bad line"],
)
@pytest.mark.parametrize("is_native", [False, pytest.param(True, marks=native)])
def test_a_file_is_laid_out_as_stdout_wherever_a_process_is_shown(
    last: bytes, has_process: bool, is_native: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_native:
        for module in (export, perfetto):
            monkeypatch.setattr(module, "plain_elements", None)
    log, out = tmp_path / "t.jsonl", tmp_path / "t.json"
    others = b"".join(b'{"ph":"i","ts":%d,"name":"other","pid":1,"tid":1}\n' % at for at in range(1000))
    log.write_bytes(others * (2 * export.EXPORT_BLOCK_BYTES // len(others) + 1) + last)
    done = invoke("get-tef", log)
    assert invoke("get-tef", log, "-o", out).stderr == done.stderr
    assert out.read_bytes() == done.stdout
    assert may_have_lanes([last]) or not has_process
    as_recorded = invoke("get-tef", log, "--layout", "processes").stdout
    assert (done.stdout != as_recorded) == has_process


@pytest.mark.parametrize(
    ("options", "times"),
    [([], 2), (["--redact"], 1), (["-o", "t.json.gz"], 1)],
    ids=["as it is", "redacted", "compressed"],
)
@native
def test_only_what_is_quick_to_write_is_begun_anew_for_a_process(
    options: list[str], times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = list[None]()

    def counted(*args: Any, **options: Any) -> export.Summary:
        begun.append(None)
        return write_tef(*args, **options)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(export, "write_tef", counted)
    Path("t.jsonl").write_bytes(b'{"ph":"i","ts":1,"name":"other","pid":1,"tid":1}\n' + STEPS.block)
    assert invoke("get-tef", "./t.jsonl", "-o", "t.json", *options).returncode == 0
    assert len(begun) == times


def test_of_steps_that_were_killed_together_each_is_on_the_row_of_failures() -> None:
    trace = Trace()
    trace.step("make -j2", 0, 100, exit_code=2)
    trace.step("cc -c long.c", 10, 90, signal="SIGKILL")
    trace.step("cc -c short.c", 60, 91, signal="SIGKILL")
    events = [json.loads(line) for line in b"".join(laid_out([trace.block], "lanes")).splitlines()]
    failed = [(event["name"], event["ts"], event["dur"]) for event in events if event.get("tid") == 1 and "ts" in event]
    assert failed == [("SIGKILL cc long.o", 10, 50), ("SIGKILL cc short.o", 60, 31)]


def test_the_phases_of_a_process_lie_on_its_lane() -> None:
    trace = Trace()
    trace.step("make -j2", 0, 100)
    pids = [trace.step("clang -c a.c", 10, 50), trace.step("clang -c b.c", 20, 60)]
    phase = {"ph": "X", "name": "Frontend", "cat": "process_phase", "dur": 9}
    trace.lines += [json.dumps(phase | {"pid": pid, "tid": pid, "ts": 30}) + "\n" for pid in pids]
    events = [json.loads(line) for line in b"".join(laid_out([trace.block], None)).splitlines()]
    assert {event["pid"] for event in events} == {ROOT}
    lanes = {event["name"]: event["tid"] for event in events if event.get("cat") == "process"}
    phases = [(event["tid"], event["ts"], event["dur"]) for event in events if event.get("cat") == "process_phase"]
    assert phases == [(lanes["clang a.o"], 30, 9), (lanes["clang b.o"], 30, 9)]
    assert lanes["clang a.o"] != lanes["clang b.o"]


# ------------------------------------------------------------------ a whole trace, in Perfetto


PROCESSES_SQL = (
    "select ts, dur, thread_track.utid, extract_arg(arg_set_id, 'args.pid') from slice "
    "join thread_track on thread_track.id = track_id where category = 'process'"
)
AROUND_SQL = (
    "select extract_arg(s.arg_set_id, 'args.parent'), extract_arg(p.arg_set_id, 'args.pid') "
    "from slice s join slice p on s.parent_id = p.id where s.category = 'process'"
)


def processes_of(tree: list[Birth]) -> Trace:
    """A trace as `exec --all` writes it: some outlive what started them, or begin after its end."""
    trace = Trace()
    trace.step("make", 0, 400_000)
    made: list[tuple[int, int, int]] = []  # pid, start, end
    for birth in tree:
        parent, start, _ = made[birth.maker % len(made)] if made and birth.maker else (ROOT, 0, 0)
        begins = start + birth.start * birth.tick
        ends = begins + birth.length * birth.tick
        if any(
            used == birth.pid and not (ends <= since < until or since < until <= begins) for used, since, until in made
        ):
            continue  # a pid is used again only when its process has ended
        was = ("sh", begins + birth.length * birth.tick // 2) if birth.becomes else None
        trace.step("cc", begins, ends, pid=birth.pid, parent=STRANGER if birth.adopted else parent, was=was)
        made.append((birth.pid, begins, ends))
    return trace


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(births, min_size=2, max_size=25))
def test_perfetto_drops_no_process_and_nests_each_below_what_started_it(
    perfetto: Judge, tmp_path: Path, tree: list[Birth]
) -> None:
    trace = processes_of(tree)
    file = tmp_path / "lanes.json"
    file.write_bytes(document(laid_out([trace.block], "lanes")))
    (spans, parents), problems = perfetto.examine(file, PROCESSES_SQL, AROUND_SQL)
    assert problems == {}
    recorded = [line for line in trace.lines if '"ph":"X"' in line]
    assert len(spans) == len(recorded)
    assert all(started_by == around for started_by, around in parents)

    ran = [
        Slot(int(ts or 0), int(ts or 0) + max(int(dur or 0), 1), NO_PARENT) for ts, dur, _, pid in spans if pid != ROOT
    ]
    lanes = {lane for *_, lane, pid in spans if pid != ROOT}
    assert len(lanes) <= peak(ran) + 1
