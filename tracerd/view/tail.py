"""Blocks of logs to what `tracerd tail` prints."""

from collections.abc import Callable
from weakref import WeakKeyDictionary

import orjson

from tracerd.rows.event import Event, Wanted, decode_line, decode_lines
from tracerd.store.follow import Growing
from tracerd.store.own_lines import CLOCK_PREFIX
from tracerd.view.event_text import Clock, Lines


class Output:
    """Makes lines for people, or JSON.

    Args:
        wanted: Which events.
        as_json: One JSON object for each.
        with_trace: Whether lines for people name the trace.
        colour: Whether they go to a terminal.
        say: Called with a trace id when one of its lines is no event; once for each log.

    Attributes:
        printed: How many events.
    """

    def __init__(
        self, wanted: Wanted, *, as_json: bool, with_trace: bool, colour: bool, say: Callable[[str], None]
    ) -> None:
        self._wanted = wanted
        self._as_json = as_json
        self._with_trace = with_trace
        self._colour = colour
        self._say = say
        self._logs: WeakKeyDictionary[Growing, _Log] = WeakKeyDictionary()
        self.printed = 0

    def is_wanted(self, line: bytes) -> bool:
        """Whether a line will be printed."""
        event = None if line.startswith(CLOCK_PREFIX) else decode_line(line)
        return event is not None and self._wanted.passes(event)

    def of(self, growing: Growing, block: bytes) -> bytes:
        """What to print of a block."""
        log = self._logs.get(growing) or self._new_log(growing)
        text = log.json if self._as_json else log.text
        passes = None if self._wanted.is_all else self._wanted.passes
        printed: list[bytes] = []
        for line, event in decode_lines(block):
            if event is None:
                if not log.is_faulty:
                    log.is_faulty = True
                    self._say(growing.trace_id)
            elif line.startswith(CLOCK_PREFIX):
                log.lines.clock = Clock(line)
            else:
                if event.ph == "M":
                    log.lines.learn(event)
                if passes is None or passes(event):
                    printed.append(text(line, event))
        self.printed += len(printed)
        return b"".join(printed)

    def _new_log(self, growing: Growing) -> "_Log":
        title = growing.trace_id if self._with_trace else ""
        lines = Lines(title, Clock(growing.first_line()), colour=self._colour)
        if not self._as_json:
            for event in map(decode_line, growing.earlier_lines(b'"process_name"')):
                if event is not None and event.ph == "M":
                    lines.learn(event)
        log = self._logs[growing] = _Log(growing.trace_id, lines)
        return log


class _Log:
    def __init__(self, trace_id: str, lines: Lines) -> None:
        self.lines = lines
        self.is_faulty = False
        self._head = b'{"trace_id":%s,"time_s":' % orjson.dumps(trace_id.encode(errors="backslashreplace").decode())

    def text(self, _line: bytes, event: Event) -> bytes:
        return self.lines.text(event).encode() + b"\n"

    def json(self, line: bytes, event: Event) -> bytes:
        epoch_us = self.lines.clock.epoch_us(event.ts)
        time_s = b"null" if epoch_us is None else b"%.6f" % (epoch_us / 1e6)
        return b'%s%s,"event":%s}\n' % (self._head, time_s, line.strip())
