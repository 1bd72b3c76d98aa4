"""A thread that does something each half second, or so. Not of `threading`: programs count those."""

from __future__ import annotations

import _thread

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable

PERIOD_S = 0.5
WORKER_PERIOD_S = 0.1
"""In a process of `multiprocessing`."""


class Ticker:
    """Runs from the beginning, until its work returns False or it is stopped.

    Args:
        work: What to do, given this ticker; returns whether to go on. It must not raise.
        period_s: How often.

    Raises:
        RuntimeError: The interpreter ends, or there can be no more threads.
    """

    __slots__ = ("_ended", "_stop")

    def __init__(self, work: Callable[[Ticker], bool], period_s: float = PERIOD_S) -> None:
        self._stop = _thread.allocate_lock()
        self._ended = _thread.allocate_lock()
        self._stop.acquire()
        self._ended.acquire()
        _thread.start_new_thread(self._run, (work, period_s))

    def _run(self, work: Callable[[Ticker], bool], period_s: float) -> None:
        try:
            while not self._stop.acquire(timeout=period_s):
                if not work(self):
                    return
        finally:
            self._ended.release()

    def stop(self, timeout_s: float) -> None:
        """Let it end, and wait so long for that."""
        self._stop.release()
        self._ended.acquire(timeout=timeout_s)
