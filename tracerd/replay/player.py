"""A stream of lines to findings: each line is decoded once, and what takes the whole trace is played at the end."""

import re

import msgspec

from tracerd.core.lines import BadLine, check_line, decode_run
from tracerd.core.own_prefixes import BEGIN_NAME, CLOCK_NAME, CLOCK_PREFIX
from tracerd.replay.clocks import Clock, clock_at
from tracerd.replay.events import (
    ORDINARY,
    UNSET,
    Event,
    Unset,
    exact_event,
    garbled_number,
    garbled_time,
    has_many_digits,
    middle_of,
    object_args,
    pairs,
)
from tracerd.replay.kinds import (
    BLANK_LINE,
    GARBLED_NUMBER,
    LEFT_OUT,
    NOT_JSON,
    NULL_VALUE,
    REPAIRED,
    TIME_RANGE,
    TORN_LINE,
    Finding,
    Findings,
    Kind,
)
from tracerd.replay.observer import Observer
from tracerd.replay.slices import Names
from tracerd.replay.trace import Trace
from tracerd.store.own_lines import decode_clock
from tracerd.trace_json.begin_marks import read_mark
from tracerd.trace_json.perfetto import export_line
from tracerd.trace_json.tef import COMPLETE, COUNTER, CPU_PROFILE, METADATA

NO_ARGS = msgspec.Raw(b"{}")
_BLANKS = b" \t\r\n"
MAX_STAGED = 32 * 1024
"""About so many events are objects at a time."""
_NULL = re.compile(rb"\bnull\b")


class Player:
    """Looks at one log.

    Args:
        findings: Where to put what is found; complete after `finish`.
        observer: Gets events when they are fed, and spans by `finish`.

    Attributes:
        lines: Lines fed so far.
        names: What the numbers of names and cats stand for.
        clocks: The clock lines so far.
    """

    def __init__(self, findings: Findings, observer: Observer | None = None) -> None:
        self.lines = 0
        self.names = Names()
        self._report = findings.add
        self._trace = Trace(self._report, self.names, observer)
        self.clocks: list[Clock] = []
        self._pack_at = 0

    def feed(self, block: bytes) -> None:
        """Look at the next whole lines; only the very last of a log may lack its newline."""
        if self.lines >= self._pack_at:
            self._trace.pack()
            self._pack_at = self.lines + MAX_STAGED
        run = None if has_many_digits(block) else decode_run(block, ORDINARY)
        if run is not None:
            self._take_run(run, block)
            return
        if middle := middle_of(block):
            self.feed(block[:middle])
            self.feed(block[middle:])
            return
        self.lines += 1
        self._take_line(block)

    def _take_run(self, run: list[Event], block: bytes) -> None:
        first_line = self.lines + 1
        at = 0
        while (at := self._trace.usual_spans.take(run, at, first_line + at)) < len(run):
            event = run[at]
            self.lines = first_line + at
            ph = event.ph[:1]
            if (
                ph in ("", CPU_PROFILE)
                or (event.dur is UNSET and ph == COMPLETE)
                or (event.ts is UNSET and ph != METADATA)
                or (ph == METADATA and event.name in (CLOCK_NAME, BEGIN_NAME))
                or (ph == COUNTER and not isinstance(event.args, Unset) and _NULL.search(event.args))
            ):
                self._take_line(block.split(b"\n")[at])
            else:
                self._trace.take(self.lines, event)
            at += 1
        self.lines = first_line + len(run) - 1

    def _take_line(self, raw: bytes) -> None:
        """Look at one line exactly."""
        line = raw.strip(_BLANKS)
        taken = export_line(line)
        if isinstance(taken, BadLine):
            self._leave_out(raw, line, taken)
            return
        checked = check_line(line)
        if checked is not line:
            self._add_finding(REPAIRED, "nan, inf, invalid UTF-8 or surrogate escapes: repaired in trace.json")
        elif taken is not line:
            for key, value in pairs(object_args(exact_event(line)) or NO_ARGS):
                if value is None:
                    self._add_finding(NULL_VALUE, f'"{key[:60]}" is null in this counter: it is left out')
        if number := garbled_number(taken):
            time = garbled_time(taken)
            self._add_finding(TIME_RANGE if time else GARBLED_NUMBER, time or number)
        if read_mark(line):
            return
        if not line.startswith(CLOCK_PREFIX):
            self._trace.take(self.lines, exact_event(taken))
        elif readings := decode_clock(taken):
            self.clocks.append(clock_at(self.lines, readings))

    def _leave_out(self, raw: bytes, line: bytes, bad: BadLine) -> None:
        if not line:
            self._add_finding(BLANK_LINE, "a blank line")
        elif not isinstance(check_line(line), BadLine):
            self._add_finding(LEFT_OUT, f"{bad.reason}: left out of trace.json")
        elif raw.endswith(b"\n"):
            self._add_finding(NOT_JSON, f"{bad.reason}: left out of trace.json")
        else:
            self._add_finding(TORN_LINE, "the last line is torn: left out of trace.json")

    def _add_finding(self, kind: Kind, reason: str) -> None:
        self._report(Finding(self.lines, kind, reason))

    def finish(self) -> None:
        """Find what takes the whole trace."""
        self._trace.finish(self.clocks)
