"""Where the clock lines of a block are."""

from collections.abc import Iterator

from tracerd.core.own_prefixes import CLOCK_PREFIX, has_own_line
from tracerd.store.log import lines_with
from tracerd.store.own_lines import ClockReadings, decode_clock


def clock_lines(block: bytes) -> Iterator[tuple[int, bytes, ClockReadings]]:
    """The clock lines of a block, each with the index at which it begins, and what it says; there are few.

    A begin mark that was resolved begins as they do, and is none.
    """
    if has_own_line(block):
        for at, line in lines_with(block, CLOCK_PREFIX):
            if readings := decode_clock(line):
                yield at, line, readings
