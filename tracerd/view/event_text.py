"""An event as one line for people."""

import time
from typing import Final

import msgspec

from tracerd.rows.error_events import is_error, may_have_errors
from tracerd.rows.event import Event, given_name, log_level
from tracerd.rows.levels import ERROR_LEVELS
from tracerd.rows.table_values import time_of
from tracerd.store.own_lines import decode_clock
from tracerd.text import printable
from tracerd.trace_json.begin_marks import PROCESS_CAT
from tracerd.trace_json.tef import METADATA
from tracerd.view.tables import duration_text

MAX_TEXT = 200
"""Characters of a name or of args that are shown."""

MAX_NAMES = 10_000
"""Processes of a trace whose names are remembered."""

LABEL_WIDTH = 20
TIME_WIDTH = len("23:59:59.999999")

KINDS: Final = {
    "X": "span", "B": "begin", "E": "end", "b": "begin", "e": "end", "n": "instant", "i": "instant", "I": "instant",
    "R": "instant", "C": "counter", "s": "flow", "t": "flow", "f": "flow", "M": "meta",
}  # fmt: skip
"""What phases are called; others are shown as they are."""

COLOURS: Final = {"debug": "2", "warning": "33", "error": "31", "critical": "1;31"}
"""Of levels, as a terminal knows them."""

DIM: Final = "2"

MAX_US: Final = 2**63 // 1000
"""Perfetto cannot hold a time or a duration of so many microseconds; such a one is shown as the event has it."""


class Clock:
    """Times of a trace as times of day.

    Args:
        line: The clock line that the daemon has written; anything else is no clock.
    """

    def __init__(self, line: bytes) -> None:
        self._offset_us: int | None = None
        self._second: int | None = None
        self._text = ""
        if readings := decode_clock(line):
            self._offset_us = readings.realtime_us - readings.monotonic_us

    def epoch_us(self, ts: int | float | None) -> int | None:
        """When that was, in microseconds since 1970; None if that is not known."""
        if ts is None or abs(ts) >= MAX_US:
            return None
        return time_of(ts, self._offset_us)

    def text(self, ts: int | float | None) -> str:
        """The time of day, or if that is not known, the time as the event has it."""
        epoch_us = self.epoch_us(ts)
        if epoch_us is None:
            return f"{'-' if ts is None else _shown(str(ts)):<{TIME_WIDTH}}"
        second, micros = divmod(epoch_us, 1_000_000)
        if second != self._second:
            try:
                self._text = time.strftime("%H:%M:%S", time.localtime(second))
            except (ValueError, OverflowError, OSError):  # of a clock of its own
                return f"{ts:<{TIME_WIDTH}}"
            self._second = second
        return f"{self._text}.{micros:06d}"


class Lines:
    """Makes the lines of one trace; it learns the names of its processes on the way.

    Args:
        title: What begins each line after the time: the trace; empty if all lines are of one.
        clock: Of the trace.
        colour: Whether the lines go to a terminal.
    """

    def __init__(self, title: str, clock: Clock, *, colour: bool) -> None:
        self.clock = clock
        self._start = f"\x1b[{DIM}m" if colour else ""
        self._title = f"  {printable(title)}" if title else ""
        self._title += "\x1b[0m  " if colour else "  "
        self._colours = COLOURS if colour else {}
        self._labels: dict[int | float | str | None, str] = {}
        self._own: set[int | float | str | None] = set()  # of processes that call themselves so
        self._label(None, "-")

    def learn(self, event: Event) -> None:
        """Take the name of a process from a metadata event; one that it gives itself is better than exec's."""
        if event.ph == "M" and event.name == "process_name" and (name := given_name(event)):
            if event.cat != PROCESS_CAT:
                self._own.add(event.pid)
            elif event.pid in self._own:
                return
            self._label(event.pid, f"{name} {event.pid}")

    def _label(self, pid: int | float | str | None, text: str) -> str:
        if len(self._labels) > MAX_NAMES:
            oldest = next(iter(self._labels))
            self._own.discard(oldest)
            del self._labels[oldest]
        label = self._labels[pid] = f"{_shown(text):{LABEL_WIDTH}}  "
        return label

    def text(self, event: Event) -> str:
        """The event as a line, without its newline."""
        level = log_level(event)
        kind = level or KINDS.get(event.ph) or _shown(event.ph)
        label = self._labels.get(event.pid) or self._label(event.pid, str(event.pid))
        dur = f"  {_shown_dur(event.dur)}" if event.dur is not None else ""
        args = f"  {_shown_args(event.args)}" if len(event.args) > 2 else ""
        marked = level not in ERROR_LEVELS and event.ph != METADATA and _is_error(event.args)
        mark = " [error]" if marked else ""
        what = f"{kind:8}  {_shown(event.name)}{mark}{dur}{args}"
        if code := self._colours.get("error" if marked else kind):
            what = f"\x1b[{code}m{what}\x1b[0m"
        return f"{self._start}{self.clock.text(event.ts)}{self._title}{label}{what}"


def _is_error(args: msgspec.Raw) -> bool:
    return len(args) > 2 and may_have_errors(bytes(args)) and is_error(args)


def _shown_dur(dur_us: int | float) -> str:
    return duration_text(round(dur_us * 1000)) if abs(dur_us) < MAX_US else f"{_shown(str(dur_us))} us"


def _shown_args(args: msgspec.Raw) -> str:
    if len(args) <= MAX_TEXT:
        text = str(args, "utf-8")
        return text if text.isprintable() else printable(text)
    return _shown(str(memoryview(args)[: 4 * MAX_TEXT], "utf-8", "ignore"))  # a character has four bytes at most


def _shown(text: str) -> str:
    if len(text) > MAX_TEXT:
        return f"{printable(text[:MAX_TEXT])}..."
    return text if text.isprintable() else printable(text)
