"""Spans to lanes: as few rows as possible, with a span below its parent wherever that is true.

What runs one after the other inside its parent lies below it (gcc: cc1, as); what runs side by side gets lanes. So the
number of lanes is how much ran at once.
"""

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Final, NamedTuple

MAX_DEPTH: Final = 500
"""Perfetto 58 drops what lies deeper than 512."""

NO_PARENT: Final = -1


class Slot(NamedTuple):
    """A span to be placed; times are in ns.

    Attributes:
        start: When it begins.
        end: When it ends; later than its start.
        parent: Which of the slots may be around it; NO_PARENT: none.
    """

    start: int
    end: int
    parent: int


def place(slots: Sequence[Slot]) -> list[int]:
    """The lane of each slot, from 0.

    Args:
        slots: By start, then the longest first, then parents before their children. Perfetto needs this order in the
            file too: of equal spans the earlier one is the parent.
    """
    lanes: list[int] = []
    stacks: list[list[int]] = []  # the slots that are open on each lane, the outermost first
    busy: list[tuple[int, int]] = []  # until when, and the lane
    free: list[int] = []
    for at, slot in enumerate(slots):
        while busy and busy[0][0] <= slot.start:
            heappush(free, heappop(busy)[1])
        lane = _below_parent(slots, lanes, stacks, slot)
        if lane < 0:
            if free:
                lane = heappop(free)
            else:
                lane = len(stacks)
                stacks.append([])
            stacks[lane].clear()
            heappush(busy, (slot.end, lane))
        lanes.append(lane)
        stacks[lane].append(at)
    return lanes


def _below_parent(slots: Sequence[Slot], lanes: list[int], stacks: list[list[int]], slot: Slot) -> int:
    """The parent's lane, if the parent lies on top there and is around all of the slot; else -1."""
    if slot.parent == NO_PARENT or slot.parent >= len(lanes):  # a child that began with its parent and lasts longer
        return -1
    lane = lanes[slot.parent]
    stack = stacks[lane]
    while stack and slots[stack[-1]].end <= slot.start:
        stack.pop()
    if not stack or stack[-1] != slot.parent or len(stack) >= MAX_DEPTH:
        return -1
    parent = slots[slot.parent]
    return lane if parent.start <= slot.start and slot.end <= parent.end else -1
