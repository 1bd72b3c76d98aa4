"""What work in this process costs."""

import time
from collections.abc import Callable

TURNS = 7


def best_cpu_s(work: Callable[[], object]) -> float:
    """The CPU time of the best of several turns: what other programs do meanwhile does not count."""
    best = float("inf")
    for _ in range(TURNS):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best
