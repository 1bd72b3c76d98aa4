"""Where on the trace's clock a file belongs.

The times of a trace are those of CLOCK_MONOTONIC, which began when the machine started. What is older has no such
time; so a new trace that begins with an older file counts from 1970, in whole microseconds.
Files are shifted by whole microseconds, so that times which are none of a clock of nanoseconds stay short.
"""

import time
from dataclasses import dataclass
from typing import Final

from tracerd.errors import ImportFileError
from tracerd.importers.timeline import MAX_NS, Clock, Timeline

SINCE_1970_NS: Final = 10**18
"""Times from here on count from 1970: it is the year 2001, and no machine runs for so long."""


@dataclass(slots=True)
class Placement:
    """The clock of a trace.

    Attributes:
        first_ns: Its first event; None if there is none yet.
        is_wall: Whether its times count from 1970.
    """

    first_ns: int | None = None
    is_wall: bool = False

    @staticmethod
    def is_old(timeline: Timeline, offset_ns: int) -> bool:
        """Whether a file on the wall clock has no place in a trace that counts from this machine's start."""
        boot_ns = time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        return not boot_ns <= timeline.first_ns + timeline.base_ns + offset_ns <= MAX_NS

    def shift(self, timeline: Timeline, clock: Clock, offset_ns: int) -> int:
        """What to add to the times of a file, in ns.

        Args:
            timeline: The file.
            clock: What its times count from.
            offset_ns: What the user wants added.

        Raises:
            ImportFileError: It lies where this trace cannot have an event.
        """
        first_ns = timeline.first_ns
        is_new = self.first_ns is None
        now_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000 * 1000
        wall_ns = time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000 * 1000 - now_ns
        shift = offset_ns
        match clock:
            case Clock.START:
                start_ns = now_ns + wall_ns * self.is_wall if self.first_ns is None else self.first_ns
                shift += (start_ns - first_ns) // 1000 * 1000
            case Clock.MONOTONIC:
                shift += wall_ns if self.is_wall else 0
            case Clock.WALL:
                shift += timeline.base_ns
                is_old = first_ns + shift < wall_ns or first_ns + shift > MAX_NS
                if is_new and is_old:
                    self.is_wall = True
                elif not self.is_wall:
                    shift -= wall_ns
        if (
            first_ns + shift < 0
            or timeline.last_ns + shift > MAX_NS
            or (self.is_wall and first_ns + shift < SINCE_1970_NS)
        ):
            raise ImportFileError(
                "its times lie before this machine's start, or beyond 2116, where the trace has no place: "
                "import it first, into a trace of its own, or with --align start"
            )
        if is_new:
            self.first_ns = first_ns + shift
        return shift
