"""A thread that does something each half second. Not of `threading`: programs count those."""

from __future__ import annotations

import _thread

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable

PERIOD_S = 0.5


class Ticker:
    """Runs from the beginning, until its work returns False or it is stopped.

    Args:
        work: What to do, given this ticker; returns whether to go on. It must not raise.

    Raises:
        RuntimeError: The interpreter ends, or there can be no more threads.
    """

    __slots__ = ("_ended", "_stop")

    def __init__(self, work: Callable[[Ticker], bool]) -> None:
        self._stop = _thread.allocate_lock()
        self._ended = _thread.allocate_lock()
        self._stop.acquire()
        self._ended.acquire()
        _thread.start_new_thread(self._run, (work,))

    def _run(self, work: Callable[[Ticker], bool]) -> None:
        try:
            while not self._stop.acquire(timeout=PERIOD_S):
                if not work(self):
                    return
        finally:
            self._ended.release()

    def stop(self, timeout_s: float) -> None:
        """Let it end, and wait so long for that."""
        self._stop.release()
        self._ended.acquire(timeout=timeout_s)
