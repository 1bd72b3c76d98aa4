"""An import: files, one after the other, into one trace."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Final

import orjson

from tracerd.errors import ImportFileError, TracerdError
from tracerd.importers.numbers import Numbers
from tracerd.importers.placing import Placement
from tracerd.importers.registry import BY_NAME, format_of
from tracerd.importers.source import MAX_EVENT_BYTES, Source
from tracerd.importers.timeline import Clock, Timeline
from tracerd.importers.writer import Laned, Writer
from tracerd.text import plural, size_text

INCOMPLETE: Final = b'{"ph":"M","name":"tracerd_trace","args":{"complete":false}}\n'
"""What a trace says of itself if not all of a file has come."""

_STEP_NS: Final = 1_000_000_000
"""The clocks of files are as coarse, and the wall clock may be set meanwhile."""

_WRITTEN_NS: Final = 10_000_000_000
"""So long after its last event a program may take to write its file."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user wants.

    Attributes:
        align: What times count from; None: as is known of the format.
        offset_ns: Added to all times.
        format: The format of all files; empty: by their content.
        max_bytes: How much a file may be when inflated.
        since_ns: What began before is left out of files that hold several runs, in ns since 1970.
        trusts_mtime: Whether files without a clock were written right when their last event ended.
    """

    align: Clock | None = None
    offset_ns: int = 0
    format: str = ""
    max_bytes: float = 10_000_000_000
    since_ns: int = 0
    trusts_mtime: bool = False


@dataclass(slots=True)
class Imported:
    """What became of a file.

    Attributes:
        timeline: What it holds.
        problem: Why it is not whole; empty if it is.
        clock: What its times were taken to count from.
        first_ns: Where its first event lies on the trace's clock.
        laned: What was done to make Perfetto show it.
    """

    timeline: Timeline
    problem: str
    clock: Clock
    first_ns: int
    laned: Laned = field(default_factory=Laned)


class Importer:
    """Imports files into one trace.

    Args:
        options: What the user wants.
        place: The clock of the trace.
        is_new: Whether the trace has nothing but what is imported here.
        progress: Called with the size of each piece that was read.
    """

    def __init__(self, options: Options, place: Placement, progress: Callable[[int], object], *, is_new: bool) -> None:
        self._options = options
        self._place = place
        self._progress = progress
        self._numbers = Numbers(keep=is_new)
        self._takes_attributes = is_new

    def prepare(self, paths: Iterable[str]) -> None:
        """Let a new trace count from where all of these files have a place; they are read for that alone."""
        options = self._options
        for path in paths:
            timeline = Timeline()
            with suppress(TracerdError), closing(Source(path, options.max_bytes, lambda _: None)) as source:
                with closing(timeline.records):
                    kind = BY_NAME[options.format] if options.format else format_of(source.head)
                    kind.read(source, timeline)
                clock = options.align or timeline.clock
                if timeline.size and clock is Clock.WALL and self._place.is_old(timeline, options.offset_ns):
                    self._place.is_wall = True
                    return

    def read(self, path: str, send: Callable[[bytes], None]) -> Imported:
        """Import a file; nothing is sent before it has been read to its end.

        Args:
            path: The file; `-` is stdin.
            send: Called with blocks of lines.

        Raises:
            ImportFileError: It is of no known format, or no event in it can be read; nothing has been sent.
        """
        options = self._options
        timeline = Timeline()
        with closing(Source(path, options.max_bytes, self._progress)) as source, closing(timeline.records):
            kind = BY_NAME[options.format] if options.format else format_of(source.head)
            if kind.holds_runs:
                timeline.since_ns = options.since_ns - _STEP_NS
            kind.read(source, timeline)
            if source.too_long:
                timeline.left_out[f"events longer than {size_text(MAX_EVENT_BYTES)}"] += source.too_long
            if source.note:
                timeline.notes.append(source.note)
            if not timeline.size:
                raise ImportFileError(_why_empty(source, timeline))
            if timeline.clock is Clock.START and _is_of_this_boot(timeline, source):
                timeline.clock = Clock.MONOTONIC
            elif timeline.clock is Clock.START and options.trusts_mtime and source.mtime_ns is not None:
                timeline.clock = Clock.WALL
                timeline.base_ns = source.mtime_ns - timeline.last_ns
            clock = options.align or timeline.clock
            timeline.notes += _repairs(timeline, clock)
            shift_ns = self._place.shift(timeline, clock, options.offset_ns)
            first_ns = timeline.first_ns + shift_ns
            imported = Imported(timeline, source.problem, clock, first_ns)
            self._send_attributes(timeline, send)
            name = f"{timeline.tool}: {source.name}"
            writer = Writer(timeline, self._numbers, shift_ns, name, whole_us=self._place.is_wall)
            for block in writer.blocks():
                send(block)
            if source.problem:
                send(INCOMPLETE)
            imported.laned = writer.laned
            return imported

    def _send_attributes(self, timeline: Timeline, send: Callable[[bytes], None]) -> None:
        """Those of the first trace become those of a new one, but for who began it: that decides how long it stays."""
        attributes = {key: value for key, value in timeline.attributes.items() if key != "begun_by"}
        if not attributes:
            return
        if not self._takes_attributes:
            timeline.left_out["attributes of its trace"] += len(attributes)
            return
        self._takes_attributes = False
        event = {"ph": "M", "name": "tracerd_trace", "args": attributes}
        send(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE))


def _why_empty(source: Source, timeline: Timeline) -> str:
    if source.problem:
        return f"it {source.problem} before the end of a first event"
    left_out = left_out_of(timeline)
    return f"it has no event that can be shown{'; ' if left_out else ''}{left_out}"


def _repairs(timeline: Timeline, clock: Clock) -> Iterator[str]:
    if timeline.without_length:
        yield f"{plural(timeline.without_length, 'span')} without a duration, or a negative one, of length 0"
    if timeline.replaced:
        yield f"{plural(timeline.replaced, 'time')} beyond 2116, or no number, passed over"
    if timeline.first_ns < 0 and clock is Clock.START:
        yield "shifted, for some times lie before 0"


def left_out_of(timeline: Timeline) -> str:
    """What was left out, for people; empty if nothing was."""
    what = ", ".join(f"{what} ({count:,})" for what, count in timeline.left_out.items())
    return f"left out: {what}" if what else ""


def _is_of_this_boot(timeline: Timeline, source: Source) -> bool:
    """Whether times from this machine's start would end right before the file was written, as by accident none do."""
    if source.mtime_ns is None:
        return False
    boot_ns = time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    return -_STEP_NS < source.mtime_ns - (boot_ns + timeline.last_ns) < _WRITTEN_NS
