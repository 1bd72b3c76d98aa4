"""A part of a trace: which lines a person wants of it, and what becomes of them.

The trace is read more than once: first to play it, and then for its lines, as often as a writer needs them.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from tracerd.errors import ExportError
from tracerd.exporters.criteria import Criteria
from tracerd.exporters.rewriting import Rewrite, end_line, rebased
from tracerd.exporters.selection import EVENT, SPAN, Selection, play
from tracerd.exporters.span_columns import SpanColumns
from tracerd.query.single_events import EventTest, Surroundings
from tracerd.rows.event import decode_line
from tracerd.rows.moment import Bound, Moment
from tracerd.rows.source import Source
from tracerd.store.own_lines import ClockReadings
from tracerd.store.snapshot import Snapshot
from tracerd.trace_json.export import Progress, Summary, metadata, readable_lines


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants of a trace.

    Attributes:
        criteria: Which events.
        rebases: Whether times are to begin at 0.
        closes_open: Whether spans that were never ended are to have an end.
        max_bytes: How large each file may be, before it is compressed; None for one file of any size.
        rewrite: What becomes of each line, such as redaction.
    """

    criteria: Criteria = field(default_factory=Criteria)
    rebases: bool = False
    closes_open: bool = False
    max_bytes: int | None = None
    rewrite: Rewrite | None = None

    @property
    def is_in_one_piece(self) -> bool:
        """Whether all events are wanted, in one file."""
        return self.criteria.are_none and self.max_bytes is None


class Extract:
    """A part of a trace.

    Args:
        source: The trace.
        snapshot: How much of it.
        blocks: Its lines, again at each call.
        wish: What of it.
        progress: Called after each block that was read with its size in bytes.
        tick: Called every now and then between; both may raise to give up.

    Attributes:
        selection: Which lines are kept.
        max_bytes: As in the wish.

    Raises:
        TracerdError: The trace cannot be read, or nothing of it is wanted.
    """

    def __init__(
        self,
        source: Source,
        snapshot: Snapshot,
        blocks: Callable[[], Iterable[bytes]],
        wish: Wish,
        progress: Progress,
        tick: Callable[[], None],
    ) -> None:
        self.selection = Selection(wish.criteria, tick)
        self.max_bytes = wish.max_bytes
        self._source = source
        self._snapshot = snapshot
        self._blocks = blocks
        self._rebases = wish.rebases
        self._progress = progress
        self._filtered = 0
        self._base_us = 0
        self._rewrites: list[Rewrite] = [wish.rewrite] if wish.rewrite else []
        self._select(wish)
        if wish.rebases:
            self._base_us = self.selection.first_kept // 1000
            self._rewrites.append(rebased(self._base_us))

    def _select(self, wish: Wish) -> None:
        selection, criteria = self.selection, wish.criteria
        where = criteria.where
        test = None if where is None else EventTest(where, SpanColumns(selection).by_name())
        around = Surroundings(self._source.trace_id)
        blocks = self._blocks()
        if test is not None and test.needs_others:
            blocks = _seen_by(around, blocks)
        clocks = play(blocks, selection, self._progress)

        def bound(moment: Moment | None, option: str) -> Bound | None:
            if moment is None:
                return None
            try:
                return Bound(moment, selection.start, selection.last, clocks)
            except ValueError:
                what = f"{option} {moment.text}: this trace has no clock line, so it knows no time of day"
                raise ExportError(f"{what}; give a ts, or a time after its start such as 1.5s") from None

        if wish.closes_open:
            selection.close_open()
        elif wish.is_in_one_piece:
            selection.closing.clear()
        selection.test(bound(criteria.since, "--from"), bound(criteria.until, "--to"))
        if test is not None:
            self._test(test, around)
        if not criteria.are_none and selection.is_empty():
            raise ExportError(f"the trace {self._source.trace_id} has no event that passes; nothing was written")
        selection.finish()

    def _test(self, test: EventTest, around: Surroundings) -> None:
        """Leave out what does not pass a condition; metadata and the daemon's marks are no rows."""
        selection = self.selection
        for line_no, lines in self._readable(Summary()):
            for at, line in enumerate(lines, line_no):
                if selection.keeps[at] and selection.kinds[at] in (EVENT, SPAN):
                    event = decode_line(line)
                    end_args = selection.end_args.get(at, b"")
                    selection.keeps[at] = event is not None and test.passes(event, at, around, end_args)

    def lines(self, summary: Summary) -> Iterator[list[tuple[int, bytes]]]:
        """The lines that are kept, by their numbers, as they are to be written; in blocks, in the order of the log.

        Args:
            summary: Takes what the log says of itself, and what of it Perfetto could not read.

        Raises:
            TracerdError: The trace cannot be read, or is not what it was when it was played.
        """
        self._filtered = 0
        for line_no, lines in self._readable(summary):
            keeps = self.selection.keeps[line_no : line_no + len(lines)]
            numbered = zip(range(line_no, line_no + len(lines)), lines, keeps, strict=True)
            kept = [(at, line) for at, line, is_kept in numbered if line and is_kept]
            self._filtered += len(lines) - lines.count(b"") - len(kept)
            for rewrite in self._rewrites:
                kept = [(at, rewrite(line)) for at, line in kept]
            yield kept

    def _readable(self, summary: Summary) -> Iterator[tuple[int, list[bytes]]]:
        line_no = 1
        for block in self._blocks():
            lines = readable_lines(block, line_no, summary)
            if line_no + len(lines) > len(self.selection.keeps):
                raise ExportError(f"{self._source.trace_id} has changed while it was read; try again")
            yield line_no, lines
            line_no += len(lines)
            self._progress(len(block))

    def end_line(self, line_no: int, begin: bytes) -> bytes:
        """The end that the span of a line lacks; `begin` is the line as it is written."""
        return end_line(begin, self.selection.closing[line_no] - self._base_us * 1000)

    def metadata(self, summary: Summary) -> dict[str, object]:
        """What a file says of itself, after all lines were read into this summary.

        Raises:
            ViewError: There was no event.
        """
        missing = self._source.verify(summary)
        about = metadata(self._snapshot, summary, missing) | {"filtered": self._filtered}
        if self._rebases:
            about["rebased_us"] = self._base_us
            about["clock"] = self._clock(summary.clock)
        return about

    def _clock(self, clock: ClockReadings | None) -> dict[str, object] | None:
        """What the clocks showed at the new 0."""
        if clock is None:
            return None
        moved = self._base_us - clock.monotonic_us
        readings: dict[str, object] = {
            "monotonic_us": 0,
            "boottime_us": clock.boottime_us + moved,
            "realtime_us": clock.realtime_us + moved,
        }
        return readings | ({"boot_id": clock.boot_id} if clock.boot_id else {})


def _seen_by(around: Surroundings, blocks: Iterable[bytes]) -> Iterator[bytes]:
    for block in blocks:
        around.take(block)
        yield block
