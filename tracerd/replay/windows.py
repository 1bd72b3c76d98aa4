"""Sorting of more numbers than there may be objects for: 8 bytes each in an array, 40 as an object in a list.

Strategy: pieces are sorted by themselves and kept in arrays. Then what lies between two values is taken from all
pieces, and sorted again, which is fast, as it consists of few runs.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final

WINDOW: Final = 64 * 1024
"""About so many numbers are objects at a time, unless more of them are equal."""


def sorted_windows(numbers: Sequence[int], key: Callable[[int], int] | None = None) -> Iterator[list[int]]:
    """The numbers in order, in lists that follow one another; equal ones stay in their order.

    Args:
        numbers: They may be changed from the first list on.
        key: By what of a number they are ordered; by itself without one.
    """
    if len(numbers) <= WINDOW:
        yield sorted(numbers, key=key)
        return
    runs = [array("q", sorted(numbers[at : at + WINDOW], key=key)) for at in range(0, len(numbers), WINDOW)]
    # Evenly spaced samples of all runs: between two borders lies about as much as in one run.
    samples = sorted((number for run in runs for number in run[:: len(runs)]), key=key)
    borders = samples[:: max(WINDOW // len(runs), 1)]
    starts = [0] * len(runs)
    for border in borders[1:]:
        value = border if key is None else key(border)
        ends = [bisect_left(run, value, start, key=key) for run, start in zip(runs, starts, strict=True)]
        yield _merged(runs, starts, ends, key)
        starts = ends
    yield _merged(runs, starts, [len(run) for run in runs], key)


def _merged(
    runs: "list[array[int]]", starts: list[int], ends: list[int], key: Callable[[int], int] | None
) -> list[int]:
    parts = (run[start:end] for run, start, end in zip(runs, starts, ends, strict=True))
    return sorted(chain.from_iterable(parts), key=key)


def sort(numbers: "array[int]") -> None:
    """Put numbers in order, in their place."""
    at = 0
    for window in sorted_windows(numbers):
        numbers[at : at + len(window)] = array("q", window)
        at += len(window)
