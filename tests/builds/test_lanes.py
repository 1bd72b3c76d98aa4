"""Spans on lanes: random trees of processes, and what Perfetto makes of them."""

from pathlib import Path
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builds.traces import Trace, document
from tests.perfetto.judge import Judge
from tracerd.builds.lanes import MAX_DEPTH, NO_PARENT, Slot, place
from tracerd.builds.layout import laid_out, may_have_lanes


class Birth(NamedTuple):
    """A process of a random tree."""

    maker: int  # which of those before it has started it
    start: int  # ticks after the start of that
    length: int
    pid: int  # few of them: they are used again
    becomes: bool
    tick: int


births = st.builds(
    Birth,
    maker=st.integers(0, 30),
    start=st.integers(0, 6),
    length=st.integers(0, 8),
    pid=st.integers(1, 12),
    becomes=st.booleans(),
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


# ------------------------------------------------------------------ a whole trace, in Perfetto


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(births, min_size=2, max_size=25))
def test_perfetto_drops_no_process_and_nests_each_below_what_started_it(
    perfetto: Judge, tmp_path: Path, tree: list[Birth]
) -> None:
    trace = Trace()
    trace.step("make", 0, 400_000)
    made: list[tuple[int, int, int]] = []  # pid, start, end
    count = 1
    for birth in tree:
        pid, start, _ = made[birth.maker % len(made)] if made and birth.maker else (100, 0, 0)
        begins = start + birth.start * birth.tick
        ends = begins + birth.length * birth.tick
        if any(used == birth.pid and not (ends < since or until < begins) for used, since, until in made):
            continue  # a pid is used again only when its process has ended
        middle = begins + birth.length * birth.tick // 2
        trace.step("cc", begins, ends, pid=birth.pid, parent=pid, was=("sh", middle) if birth.becomes else None)
        count += birth.becomes
        made.append((birth.pid, begins, ends))
        count += 1

    file = tmp_path / "lanes.json"
    file.write_bytes(document(laid_out([trace.block], "lanes")))
    (spans, parents), problems = perfetto.examine(
        file,
        "select count(*) from slice where category = 'process'",
        "select extract_arg(s.arg_set_id, 'args.parent'), extract_arg(p.arg_set_id, 'args.pid') "
        "from slice s join slice p on s.parent_id = p.id where s.category = 'process'",
    )
    assert problems == {}
    assert spans == [[count]]
    assert all(started_by == around for started_by, around in parents)
