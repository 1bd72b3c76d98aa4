"""Blocks of logs to what `tracerd tail` prints."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol
from weakref import WeakKeyDictionary

from tracerd.core.own_prefixes import CLOCK_PREFIX
from tracerd.query.single_events import EventTest, Surroundings
from tracerd.rows.document import repaired
from tracerd.rows.event import decode_line, decode_lines
from tracerd.trace_json.begin_marks import MAX_OPEN, Mark, ended_mark, ended_marks, open_marks, read_mark
from tracerd.view.event_text import MAX_NAMES, Clock, Lines
from tracerd.view.trace_lines import TraceLines

_PROCESS_NAME = b'"process_name"'

LONG_S = 1.0
"""A span that has not ended so long after its begin mark came is shown as begun, if events are followed."""


class Shown(Protocol):
    """A trace of which events are shown; `store.follow.Growing` is one.

    Attributes:
        trace_id: Its name.
    """

    trace_id: str

    def first_line(self) -> bytes:
        """Its first line, or the beginning of that."""
        ...

    def earlier_lines(self, needle: bytes, /) -> Iterable[bytes]:
        """Lines with these bytes that stand before what is shown; at least some of them."""
        ...

    def earlier_blocks(self) -> Iterable[bytes]:
        """All that stands before what is shown."""
        ...


class Growing(Protocol):
    """A log of which the last lines are shown.

    Attributes:
        trace_id: Its trace.
    """

    trace_id: str

    def size(self) -> int:
        """How long it is now."""
        ...

    def blocks_before(self, end: int, /) -> Iterable[bytes]:
        """Its lines up to a byte."""
        ...


class Output:
    """Makes lines for people, or JSON.

    Args:
        test: What events must pass; None for all.
        as_json: One JSON object for each.
        with_trace: Whether lines for people name the trace.
        colour: Whether they go to a terminal.
        warn: Called with a trace id when one of its lines is no event; once for each log.

    Attributes:
        printed: How many events.
    """

    def __init__(
        self, test: EventTest | None, *, as_json: bool, with_trace: bool, colour: bool, warn: Callable[[str], None]
    ) -> None:
        self._test = test
        self._needs_others = test is not None and test.needs_others
        self._as_json = as_json
        self._with_trace = with_trace
        self._colour = colour
        self._warn = warn
        self._logs: WeakKeyDictionary[Shown, TraceLines] = WeakKeyDictionary()
        self._ended: set[str] = set()
        self._begun: dict[str, bytes] = {}  # the marks of spans that have not ended
        self._running: dict[str, _Running] = {}  # spans that have begun since, by their marks
        self.printed = 0

    def test_from_end(self, trace: Growing) -> tuple[Callable[[bytes], bool], int]:
        """Whether a line will be printed, of a log up to its present size.

        Returns:
            A function that is to be called for the last line first, so that ends come before begins; and the size.
        """
        size = trace.size()
        around = Surroundings(trace.trace_id)
        if self._needs_others:
            for block in trace.blocks_before(size):
                around.take(block)
        line_no = around.lines + 1

        def is_wanted(line: bytes) -> bool:
            nonlocal line_no
            line_no -= 1
            return self._is_wanted(line, line_no, around)

        return is_wanted, size

    def _is_wanted(self, line: bytes, line_no: int, around: Surroundings) -> bool:
        if mark := read_mark(line):
            if mark.id in self._ended:
                return False
            self._ended.add(mark.id)
            self._begun[mark.id] = line
            line = mark.event()
        elif ended := ended_mark(line):
            self._ended.add(ended)
        event = None if line.startswith(CLOCK_PREFIX) else decode_line(line)
        return event is not None and (self._test is None or self._test.passes(event, line_no, around))

    def of(self, trace: Shown, block: bytes, *, is_tested: bool = False) -> bytes:
        """What to print of a block, whose events have passed the test already or are tested now."""
        log = self._logs.get(trace) or self._new_log(trace)
        text = log.json if self._as_json else log.text
        test = None if is_tested else self._test
        first = log.around.lines + 1
        if self._needs_others:
            log.around.take(block)
        printed: list[bytes] = []
        for line_no, (line, event) in enumerate(decode_lines(block), first):
            if event is None:
                if not log.is_faulty:
                    log.is_faulty = True
                    self._warn(trace.trace_id)
            elif line.startswith(CLOCK_PREFIX):
                log.lines.clock = Clock(line)
            elif mark := read_mark(line):  # its span is printed when it is over
                if self._begun.get(mark.id) == line:
                    printed.append(self._begun_text(log, mark, line_no))
                elif len(self._running) < MAX_OPEN:
                    self._running[mark.id] = _Running(log, mark, line_no)
            else:
                if event.ph == "M":
                    log.lines.learn(event)
                if test is None or test.passes(event, line_no, log.around):
                    printed.append(text(line, event))
        if self._running:
            for ended in ended_marks(block):
                self._running.pop(ended, None)
        self.printed += len(printed)
        return b"".join(printed)

    def begun_in(self, trace: Shown, blocks: Iterable[bytes]) -> bytes:
        """What to print of spans of a trace that had begun before all that is shown, and have not ended.

        Args:
            trace: The trace.
            blocks: All of it; `is_wanted` has been called for the lines that will be shown.
        """
        log = self._logs.get(trace) or self._new_log(trace)
        marks = filter(None, map(read_mark, open_marks(blocks)))
        return b"".join(self._begun_text(log, mark) for mark in marks if mark.id not in self._begun)

    def running(self, now_s: float) -> bytes:
        """What to print of spans that run for LONG_S: each once.

        Args:
            now_s: The time, of any clock that does not jump.
        """
        printed: list[bytes] = []
        for mark, span in [*self._running.items()]:
            if span.since_s is None:
                span.since_s = now_s
            elif now_s - span.since_s >= LONG_S:
                del self._running[mark]
                printed.append(self._begun_text(span.log, span.mark, span.line_no))
        return b"".join(printed)

    def _begun_text(self, log: "TraceLines", mark: Mark, line_no: int = 0) -> bytes:
        """A span that has begun, if it was asked for. Its process may have no name yet but that of the mark."""
        if name := decode_line(mark.process_name()):
            log.lines.learn(name)
        line = mark.event()
        event = decode_line(line)
        if event is None or (self._test is not None and not self._test.passes(event, line_no, log.around)):
            return b""
        return log.json(line, event) if self._as_json else log.text(line, event)

    def _new_log(self, trace: Shown) -> "TraceLines":
        title = trace.trace_id if self._with_trace else ""
        lines = Lines(title, Clock(trace.first_line()), colour=self._colour)
        if not self._as_json:
            for event in map(decode_line, trace.earlier_lines(_PROCESS_NAME)):
                if event is not None and event.ph == "M":
                    lines.learn(event)
        log = self._logs[trace] = TraceLines(trace.trace_id, lines)
        if self._needs_others:
            for block in trace.earlier_blocks():
                log.around.take(block)
        return log


class _Running:
    """A span that has begun while events are followed; it is in the log since `since_s`."""

    __slots__ = ("line_no", "log", "mark", "since_s")

    def __init__(self, log: "TraceLines", mark: Mark, line_no: int) -> None:
        self.log = log
        self.mark = mark
        self.line_no = line_no
        self.since_s: float | None = None


class LastLines:
    """The last lines of a trace that can only be read to its end, as a document.

    Args:
        trace_id: Its name.
        count: How many.
        test: What events must pass to count; None for all.

    Attributes:
        around: What stands elsewhere in the trace; to be complete before the first line is taken, if the test needs it.
        has_faults: Whether a line is no event.
    """

    def __init__(self, trace_id: str, count: int, test: EventTest | None) -> None:
        self.trace_id = trace_id
        self.has_faults = False
        self.around = Surroundings(trace_id)
        self._test = test
        self._line_no = 0
        self._first = b""
        self._lines: deque[bytes] = deque(maxlen=count)
        self._names: deque[bytes] = deque(maxlen=MAX_NAMES)

    def take(self, block: bytes) -> None:
        """Take the next whole lines."""
        block = repaired(block)
        self._first = self._first or block.partition(b"\n")[0]
        for line, event in decode_lines(block):
            self._line_no += 1
            if event is None:
                self.has_faults = True
            elif not line.startswith(CLOCK_PREFIX):
                if event.name == "process_name":
                    self._names.append(line)
                if self._test is None or self._test.passes(event, self._line_no, self.around):
                    self._lines.append(line)

    def first_line(self) -> bytes:
        """Its first line."""
        return self._first

    def earlier_lines(self, _needle: bytes, /) -> Iterable[bytes]:
        """Its lines that name a process."""
        return self._names

    def earlier_blocks(self) -> Iterable[bytes]:
        """Nothing: what it shows was tested before."""
        return ()

    def block(self) -> bytes:
        """The last lines."""
        return b"".join(line + b"\n" for line in self._lines)
