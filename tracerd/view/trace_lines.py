"""Events of one trace as `tail` and `search` print them, for people or as JSON."""

import orjson

from tracerd.query.single_events import Surroundings
from tracerd.rows.event import Event
from tracerd.text import encodable, printable_json
from tracerd.trace_json.begin_marks import without_end
from tracerd.view.event_text import Lines


class TraceLines:
    """The events of one trace as they are printed.

    Args:
        trace_id: Its name.
        lines: Makes its lines for people.

    Attributes:
        lines: As given.
        around: What stands elsewhere in the trace.
        is_faulty: Whether it was reported that a line is no event.
    """

    def __init__(self, trace_id: str, lines: Lines) -> None:
        self.lines = lines
        self.around = Surroundings(trace_id)
        self.is_faulty = False
        self._head = b'{"trace_id":%s,"time_s":' % printable_json(orjson.dumps(encodable(trace_id)))

    def text(self, _line: bytes, event: Event) -> bytes:
        """A line for people."""
        return self.lines.text(event).encode() + b"\n"

    def json(self, line: bytes, event: Event) -> bytes:
        """A line of JSON."""
        epoch_us = self.lines.clock.epoch_us(event.ts)
        time_s = b"null" if epoch_us is None else b"%.6f" % (epoch_us / 1e6)
        return b'%s%s,"event":%s}\n' % (self._head, time_s, printable_json(without_end(line.strip())))
