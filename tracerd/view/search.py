"""Blocks of a trace to what `tracerd search` prints: the events that hold a text, as `tracerd tail` prints them."""

from collections.abc import Iterable, Iterator

from tracerd.query.single_events import EventTest
from tracerd.rows.clock_lines import clock_lines
from tracerd.rows.document import repaired
from tracerd.rows.event import decode_line
from tracerd.rows.text_search import TextSearch
from tracerd.store.log import lines_with
from tracerd.view.event_text import Clock, Lines
from tracerd.view.trace_lines import TraceLines

_PROCESS_NAME = b'"process_name"'


class Search:
    """Searches one trace.

    Args:
        trace_id: Its name.
        text: What is looked for.
        test: What else events must pass; None for nothing.
        as_json: One JSON object for each.
        with_trace: Whether lines for people name the trace.
        colour: Whether they go to a terminal.

    Attributes:
        needs_others: Whether `learn` must be called with all of the trace before `found`.
    """

    def __init__(
        self, trace_id: str, text: TextSearch, test: EventTest | None, *, as_json: bool, with_trace: bool, colour: bool
    ) -> None:
        self._text = text
        self._test = test
        self._as_json = as_json
        self._log = TraceLines(trace_id, Lines(trace_id if with_trace else "", Clock(b""), colour=colour))
        self._line_no = 1
        self.needs_others = test is not None and test.needs_others

    def learn(self, blocks: Iterable[bytes]) -> None:
        """Take what stands in other lines."""
        for block in blocks:
            self._log.around.take(block)

    def found(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """What to print, a line for each event."""
        for block in blocks:
            start = 0
            for at, line, _ in clock_lines(block):
                yield from self._found_until(block[start:at])
                self._log.lines.clock = Clock(line)
                start = at
            yield from self._found_until(block[start:])

    def _found_until(self, block: bytes) -> Iterator[bytes]:
        """What to print of lines with the same clock."""
        self._learn_names(block)
        yield from self._found_in(block)
        if self.needs_others:
            self._line_no += block.count(b"\n")

    def _learn_names(self, block: bytes) -> None:
        if not self._as_json:
            for _, line in lines_with(block, _PROCESS_NAME):
                if event := decode_line(line):
                    self._log.lines.learn(event)

    def _found_in(self, block: bytes) -> Iterator[bytes]:
        log, test = self._log, self._test
        text = log.json if self._as_json else log.text
        counted, line_no = 0, self._line_no
        for start, written in self._text.lines(block):
            line = written
            event = decode_line(line)
            if event is None:
                line = repaired(line).removesuffix(b"\n")
                event = decode_line(line)
            if event is None or not self._text.is_in(event):
                continue
            if self.needs_others:
                line_no += block.count(b"\n", counted, start)
                counted = start
            if test is None or test.passes(event, line_no, log.around):
                yield text(line, event)
