"""All that the views know of a trace: its processes, its spans as Perfetto nests them, its events by phase.

Strategy: what `tracerd check` plays to find faults is recorded here. So there is one matching of begins and ends, one
order of events and one nesting, and the tests compare them with those of the real Perfetto.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracerd.replay.slices import Names
from tracerd.rows.attributes import Attributes
from tracerd.rows.process import Process
from tracerd.rows.reader import Reader
from tracerd.rows.spans import Id, Spans

if TYPE_CHECKING:
    from tracerd.rows.details import Details


@dataclass(slots=True)
class Recording:
    """A trace that has been read.

    Attributes:
        names: What the numbers of names and cats stand for.
        processes: By pid, in the order in which they were met.
        tracks: What ran on them.
        phases: How many events there are of each phase.
        left_out: How many lines are none that Perfetto would read, or have a negative ts, which it drops.
        overlapping: How many spans overlap others of their thread, or lie too deep: they have no parent here.
        start: When the first event is, in ns; metadata do not count.
        end: When the last event is over.
        attributes: What the trace says of itself.
        details: What only the lines say, if that was asked for.
    """

    names: Names
    processes: dict[Id, Process]
    tracks: list[Spans]
    phases: Counter[str]
    left_out: int
    overlapping: int
    start: int
    end: int
    attributes: Mapping[str, object] = field(default_factory=dict[str, object])
    details: "Details | None" = None

    @property
    def events(self) -> int:
        """How many events there are."""
        return self.phases.total()

    def end_of(self, pid: Id | None) -> int:
        """When a process was over, and with it what it never ended."""
        return self.end if pid is None else self.processes[pid].end


def read(blocks: Iterable[bytes], tick: Callable[[], None] = lambda: None, *, keeps_lines: bool = False) -> Recording:
    """Read a trace.

    Args:
        blocks: Its log, in whole lines; only the very last may lack its newline.
        tick: Called every now and then after the last block; it may raise to give up.
        keeps_lines: Whether the spans are to know in which lines they stand, for `Details`.
    """
    reader = Reader(tick, keeps_lines=keeps_lines)
    attributes = Attributes()
    for block in blocks:
        reader.feed(block)
        attributes.feed(block)
    tracks = reader.finish()
    timed = [process for process in reader.processes.values() if process.start is not None]
    return Recording(
        names=reader.names,
        processes=reader.processes,
        tracks=tracks,
        phases=reader.phases,
        left_out=reader.left_out,
        overlapping=reader.overlapping,
        start=min((process.start or 0 for process in timed), default=0),
        end=max((process.end for process in timed), default=0),
        attributes=attributes.values,
    )
