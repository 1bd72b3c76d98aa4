"""A connection of git, which writes of itself, as a client: no OPEN begins it, but the first line of trace2.

Hooks and a file system's monitor inherit the socket, so it is open for as long as they run; therefore it is no client
that a trace or a stop waits for. What its lines mean is known in `git_trace2`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tracerd.core.messages import Events, Refused
from tracerd.core.protocol import KEPT_BYTES
from tracerd.git_trace2.connection import GitConnection, sid_of, without_secrets

NO_EVENTS: Final = Events(b"", 0)


@dataclass(slots=True)
class GitTotals:
    """Counts of git's connections since the daemon's start.

    Attributes:
        processes: How many there were.
        unknown_events: Those of kinds that are not known here.
    """

    processes: int = 0
    unknown_events: int = 0


@dataclass(frozen=True, slots=True)
class Meaning:
    """What lines of git mean: events of the trace, and lines that are refused."""

    events: Events = NO_EVENTS
    refused: Sequence[Refused] = ()


class GitClient:
    """A process of git, which belongs to the trace `trace_id`, and is counted in these totals."""

    def __init__(self, git: GitConnection, totals: GitTotals) -> None:
        self.trace_id = git.trace_id
        self._git = git
        self._totals = totals
        totals.processes += 1

    def take(self, events: Events) -> Meaning:
        """What these lines of git mean."""
        unknown = self._git.unknown
        refused: list[Refused] = []
        lines: list[bytes] = []
        for line_no, line in enumerate(events.block.removesuffix(b"\n").split(b"\n"), events.first_line):
            for meant in self._git.take(line):
                if isinstance(meant, bytes):
                    lines.append(meant)
                else:
                    refused.append(Refused(line_no, meant, line[:KEPT_BYTES]))
        self._totals.unknown_events += self._git.unknown - unknown
        return Meaning(Events(without_secrets(lines), len(lines), first_line=events.first_line), refused)

    def finish(self) -> Meaning:
        """What the end of the connection means."""
        lines = list(self._git.finish())
        return Meaning(Events(without_secrets(lines), len(lines)))


def begun(events: Events, peer_pid: int, wall_offset_us: Callable[[], int], totals: GitTotals) -> GitClient | None:
    """The git whose connection begins with these events; None if they are not git's."""
    if events.first_line != 1 or (sid := sid_of(events.block)) is None:
        return None
    return GitClient(GitConnection(sid, peer_pid, wall_offset_us()), totals)
