"""`python -m bench.rows`: what it costs to read a trace: `check`, `stats`, `show`, `diff`, and one pass over its rows.

CPU time; programs that are compared run in turns. Ratios hold for other machines, times do not.
"""

import time
from collections.abc import Callable

import click

from tracerd.replay.events import _DIGITS, has_many_digits

TURNS = 20
BLOCK_BYTES = 64 * 1024

LINE = (
    b'{"ph":"X","name":"compile %d.c","cat":"cc","pid":%d,"tid":%d,"ts":%d.%03d,"dur":%d,'
    b'"args":{"target":"lib/%d.o","exit_code":0}}\n'
)


def cpu_us(function: Callable[[], object]) -> float:
    """The CPU time of the best of several calls."""
    best = float("inf")
    for _ in range(TURNS):
        started = time.process_time_ns()
        function()
        best = min(best, time.process_time_ns() - started)
    return best / 1000


def digits() -> None:
    """The search for numbers that Perfetto garbles, in a block that has none."""
    lines = (LINE % (at, 4000 + at % 7, 4000 + at % 7, 36 * 10**9 + 37 * at, at % 1000, at, at) for at in range(1000))
    block = b"".join(lines)[:BLOCK_BYTES]
    ours, searched = cpu_us(lambda: has_many_digits(block)), cpu_us(lambda: _DIGITS.search(block))
    click.echo(f"many digits in 64 KiB: {ours:.0f} us; by the regular expression alone {searched:.0f} us")


def main() -> None:
    """Print the figures."""
    digits()


if __name__ == "__main__":
    main()
