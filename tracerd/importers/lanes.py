"""Spans to lanes as they come: Perfetto drops a span that overlaps another one of its thread."""

from typing import Final

MAX_LANES: Final = 500
"""Of one thread: more are no picture, and each span would be compared with all of them."""

MAX_DEPTH: Final = 500
"""Perfetto 58 drops what lies deeper than 512."""

NO_LANE: Final = -1


class Lanes:
    """The lanes of one thread."""

    __slots__ = ("_stacks",)

    def __init__(self) -> None:
        self._stacks: list[list[int]] = [[]]  # the ends of what is open on each lane, the outermost first

    def place(self, start: int, end: int) -> int:
        """The lane for a span, from 0; NO_LANE if there are too many. Times are in any unit.

        Spans come by their start, of equal ones the longest first.
        """
        lane = 0
        for stack in self._stacks:
            while stack and stack[-1] <= start:
                stack.pop()
            if not stack or (stack[-1] >= end and len(stack) < MAX_DEPTH):
                if end > start:
                    stack.append(end)
                return lane
            lane += 1  # noqa: SIM113 (enumerate is slower, and mostly it is the first)
        if len(self._stacks) >= MAX_LANES:
            return NO_LANE
        self._stacks.append([end] if end > start else [])
        return len(self._stacks) - 1

    def around(self, at: int) -> tuple[int, bool]:
        """The lane on which a span is open at this moment, and whether it ends right then; NO_LANE if none is."""
        ending = NO_LANE
        for lane, stack in enumerate(self._stacks):
            while stack and stack[-1] < at:
                stack.pop()
            if stack and stack[-1] > at:
                return lane, False
            if stack and ending == NO_LANE:
                ending = lane
        return ending, True
