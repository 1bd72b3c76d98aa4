"""Pids and tids that no other file of a trace has: two processes on one row are worse than a strange number.

A number that looks real is kept where nothing else can have it. Others come from beyond the pids of Linux.
"""

import random
from typing import Final

MAX_REAL: Final = 2**22
"""Linux gives no larger pid."""

MAX_GIVEN: Final = 2**31 - 2**20
"""New numbers begin below this."""


class Numbers:
    """Gives out numbers, each once.

    Args:
        keep: Whether numbers that look real may be kept: not if the trace has processes of other origin.
    """

    def __init__(self, *, keep: bool) -> None:
        self._keep = keep
        self._used: set[int] = set()
        # At random: another import into the same trace knows nothing of this one.
        self._next = random.SystemRandom().randrange(MAX_REAL + 1, MAX_GIVEN)

    def pid(self, wanted: int) -> int:
        """A pid for a process, and for its main thread."""
        return self._number(wanted)

    def tid(self, wanted: int, pid: int, wanted_pid: int, *, is_first: bool) -> int:
        """A tid for a thread.

        Args:
            wanted: What the file calls it.
            pid: The number of its process, as given here.
            wanted_pid: What the file calls its process.
            is_first: Whether nothing has been given for its main thread yet.
        """
        if is_first and wanted == wanted_pid:
            return pid
        return self._number(wanted if pid == wanted_pid else 0)

    def _number(self, wanted: int) -> int:
        if self._keep and 1 < wanted <= MAX_REAL and wanted not in self._used:
            self._used.add(wanted)
            return wanted
        self._next += 1
        return self._next
