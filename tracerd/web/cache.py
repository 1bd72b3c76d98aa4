"""What was computed of logs, kept in memory for the next request."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

_T = TypeVar("_T")

IDLE_S: Final = 60.0
"""What was not asked for in so long makes room for what is."""


class Cache(Generic[_T]):
    """Values by key, of a bounded weight.

    When it is full, a new value takes the place of those that nobody has asked for in IDLE_S; without such ones it is
    not kept. So a question over more logs than fit finds at least some of them the next time.

    Args:
        most: The weight of all values.
        clock: Gives the time in seconds.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._values: dict[Hashable, tuple[_T, int, float]] = {}  # those that were used last are at the end
        self._weight = 0

    @property
    def weight(self) -> int:
        """The weight of what is kept."""
        return self._weight

    def take(self, key: Hashable) -> _T | None:
        """Take a value out, to use or to change it; None if it is not there."""
        with self._lock:
            return self._pop(key)

    def put(self, key: Hashable, value: _T, weight: int) -> None:
        """Keep a value, if there is room."""
        with self._lock:
            self._pop(key)
            if weight > self._most:
                return
            now = self._clock()
            while self._values and self._weight + weight > self._most:
                oldest = next(iter(self._values))
                if self._values[oldest][2] > now - IDLE_S:
                    return
                self._pop(oldest)
            self._values[key] = value, weight, now
            self._weight += weight

    def _pop(self, key: Hashable) -> _T | None:
        found = self._values.pop(key, None)
        if found is None:
            return None
        self._weight -= found[1]
        return found[0]
