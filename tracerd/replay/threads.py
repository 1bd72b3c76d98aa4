"""Pids and tids to processes and threads, as Perfetto tells them apart."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tracerd.replay.clocks import Process
from tracerd.replay.events import Unset
from tracerd.replay.kinds import ID_RANGE, STRING_ID, TID_ZERO, Finding
from tracerd.replay.track import Track

MAX_ID = 2**32 - 1

Id = int | str


@dataclass(slots=True)
class Thread:
    """Where the events of one pid and tid go.

    Attributes:
        process: The process.
        tid: The thread in it.
        has_pid: Whether the events have a pid.
        has_tid: Whether they have a tid.
        track: What is on the thread.
        process_track: The instants of the process.
        is_zero: Whether the tid is written as 0.
        is_used: Whether more than names of processes was seen of it.
    """

    process: Process
    tid: Id
    has_pid: bool
    has_tid: bool
    track: Track
    process_track: Track
    is_zero: bool
    is_used: bool = False


@dataclass(slots=True)
class _Tracks:
    process: Process
    instants: Track = field(default_factory=Track)
    threads: dict[Id, Track] = field(default_factory=dict[Id, Track])


class Threads:
    """All threads of a trace.

    Args:
        report: Called with what is wrong with a pid or tid, when it is met for the first time.
    """

    def __init__(self, report: Callable[[Finding], None]) -> None:
        self._report = report
        self._found: dict[tuple[Id | Unset, Id | Unset], Thread] = {}
        self._processes: dict[Id, _Tracks] = {}

    def find(self, pid: Id | Unset, tid: Id | Unset, line_no: int) -> Thread:
        """The thread of an event."""
        return self._found.get((pid, tid)) or self._add(pid, tid, line_no)

    def known(self, pid: Id | Unset, tid: Id | Unset) -> Thread | None:
        """The thread of an event; None if this is its first one."""
        return self._found.get((pid, tid))

    def _add(self, raw_pid: Id | Unset, raw_tid: Id | Unset, line_no: int) -> Thread:
        self._check_id(raw_pid, "pid", "0", line_no)
        self._check_id(raw_tid, "tid", "the pid: the thread becomes the main thread", line_no)
        pid, tid = _taken(raw_pid), _taken(raw_tid)
        if tid == 0 and pid and not isinstance(raw_tid, str):
            tid = pid
        tracks = self._processes.get(pid)
        if tracks is None:
            tracks = self._processes[pid] = _Tracks(Process(pid, line_no))
        track = tracks.threads.setdefault(tid, Track())
        has_pid, has_tid = not isinstance(raw_pid, Unset), not isinstance(raw_tid, Unset)
        thread = Thread(tracks.process, tid, has_pid, has_tid, track, tracks.instants, raw_tid == 0)
        self._found[raw_pid, raw_tid] = thread
        return thread

    def use(self, thread: Thread, line_no: int) -> None:
        """Take note that events are on this thread, which tid 0 and the pid may both name."""
        thread.is_used = True
        pid = thread.process.pid
        if pid and thread.tid == pid:
            other = self._found.get((pid, pid if thread.is_zero else 0))
            if other and other is not thread and other.is_used:
                self._report(Finding(line_no, TID_ZERO, f"tid 0 is shown as tid {pid}, which process {pid} uses, too"))

    def _check_id(self, raw: Id | Unset, key: str, becomes: str, line_no: int) -> None:
        if isinstance(raw, str):
            reason = f'{key} "{raw[:60]}" is a string: it is shown as a name, beside another number'
            self._report(Finding(line_no, STRING_ID, reason))
        elif isinstance(raw, int) and not 0 <= raw <= MAX_ID:
            self._report(Finding(line_no, ID_RANGE, f"{key} {raw} is not within 32 bits: Perfetto takes {becomes}"))

    def processes(self) -> list[Process]:
        """All processes, in the order in which they were met."""
        return [tracks.process for tracks in self._processes.values()]

    def tracks(self) -> Iterator[tuple[Id, Id | None, Track]]:
        """Each process and thread with what is on it; without a thread, what is on the process."""
        for pid, tracks in self._processes.items():
            yield pid, None, tracks.instants
            for tid, track in tracks.threads.items():
                yield pid, tid, track


def _taken(raw: Id | Unset) -> Id:
    """A pid or tid as Perfetto takes it."""
    if isinstance(raw, Unset) or raw == "":
        return 0
    return raw if isinstance(raw, str) or 0 <= raw <= MAX_ID else 0
