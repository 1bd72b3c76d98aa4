"""Where the clock lines of a block are."""

from collections.abc import Iterator

from tracerd.core.own_prefixes import CLOCK_PREFIX, has_own_line
from tracerd.store.own_lines import decode_clock


def clock_lines(block: bytes) -> Iterator[tuple[int, bytes]]:
    """The clock lines of a block, each with the index at which it begins; there are few.

    A begin mark that was resolved begins as they do, and is none.
    """
    at = block.find(CLOCK_PREFIX) if has_own_line(block) else -1
    while at >= 0:
        end = block.find(b"\n", at) + 1 or len(block)
        line = block[at:end]
        if (at == 0 or block[at - 1 : at] == b"\n") and decode_clock(line):
            yield at, line
        at = block.find(CLOCK_PREFIX, end)
