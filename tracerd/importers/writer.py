"""A timeline to the lines of a trace, in the order of time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

import orjson

from tracerd import redact
from tracerd.importers.lanes import NO_LANE, Lanes
from tracerd.importers.numbers import MAX_REAL, Numbers
from tracerd.importers.timeline import OPEN_NS, Process, Timeline, Track, text_id

_BLOCK_BYTES = 64 * 1024
_FLOWS = ("s", "t", "f")
_MAX_FLOWS = 1_000_000
"""Arrows that are open at once; more would fill the memory."""


@dataclass(slots=True)
class Laned:
    """What was done to make Perfetto show it.

    Attributes:
        spans: How many spans lie on a lane of their own.
        lanes: How many such lanes there are.
        arrows: How many arrows had no span, and were left out.
        crossing: How many spans of one thread overlap in so many ways that they became async ones.
    """

    spans: int = 0
    lanes: int = 0
    arrows: int = 0
    crossing: int = 0


@dataclass(slots=True)
class _Row:
    """A track and its lanes."""

    track: Track
    pid: int
    lanes: Lanes
    place: Callable[[int, int], int]
    """That of the lanes."""
    head: bytes = b""
    """Of a thread, the first of the heads as soon as there is one."""
    heads: list[bytes] = field(default_factory=list[bytes])
    """What each line on a lane begins with: pid, and tid or id."""


class Writer:
    """Writes a timeline.

    Args:
        timeline: What to write.
        numbers: Gives pids and tids.
        shift_ns: What to add to the times.
        default_name: What to call a process without a name.
        whole_us: Whether times are rounded down to microseconds: since 1970 Perfetto reads decimals wrongly.

    Attributes:
        laned: What was done; known at the end.
    """

    def __init__(
        self, timeline: Timeline, numbers: Numbers, shift_ns: int, default_name: str, *, whole_us: bool = False
    ) -> None:
        self.laned = Laned()
        self._timeline = timeline
        self._numbers = numbers
        self._shift_ns = shift_ns
        self._default_name = default_name
        self._whole_us = whole_us
        self._rows: dict[int, _Row] = {}
        self._pids: dict[int, int] = {}  # by the identity of the process, which the timeline keeps
        self._main: set[int] = set()  # pids whose main thread has its number
        self._names: list[bytes] = []
        self._ends: list[tuple[int, int, bytes]] = []  # of async spans
        self._written = 0
        self._flows: set[bytes] = set()
        self._salt = text_id(id(self), numbers.pid(0))

    def blocks(self) -> Iterator[bytes]:
        """The lines, in blocks."""
        lines: list[bytes] = []
        size = 0
        rows, ends, names = self._rows, self._ends, self._names
        shift_ns, whole_us = self._shift_ns, self._whole_us
        for start, negative_dur, _, at, phase, rest in self._timeline.records.sorted():
            row = rows.get(at) or self._make_row(at)
            start_ns = start + shift_ns
            end_ns = start_ns - negative_dur
            if whole_us and negative_dur != -OPEN_NS:
                start_ns, end_ns = start_ns // 1000 * 1000, end_ns // 1000 * 1000
            if ends:
                self._end_until(start_ns, lines)
            if phase == "X" and row.head and not start_ns % 1000 and not end_ns % 1000:  # nearly all
                lane = row.place(start_ns, end_ns)
                if lane or negative_dur == -OPEN_NS:
                    line = self._placed(row, lane, start_ns, end_ns - start_ns, rest)
                else:
                    dur_us = (end_ns - start_ns) // 1000
                    line = b'{"ph":"X",%b,"ts":%d,"dur":%d,%b' % (row.head, start_ns // 1000, dur_us, rest)
            else:
                line = self._line(row, start_ns, end_ns - start_ns, phase, rest)
            if names:
                lines += names
                names.clear()
            lines.append(line)
            size += len(line)
            if size > _BLOCK_BYTES:
                yield b"".join(lines)
                lines, size = [], 0
        self._end_until(OPEN_NS * 2, lines)
        if lines:
            yield b"".join(lines)

    def _line(self, row: _Row, start_ns: int, dur_ns: int, phase: str, rest: bytes) -> bytes:
        if row.track.async_id and phase == "X":
            return self._async_span(row, start_ns, dur_ns, rest)
        if phase in _FLOWS:
            return self._flow(row, start_ns, phase, rest)
        if phase != "X" or row.track.async_id:
            return b'{"ph":"%s",%s,"ts":%s,%s' % (phase.encode(), self._head(row, 0), _us(start_ns), rest)
        return self._placed(row, row.lanes.place(start_ns, start_ns + dur_ns), start_ns, dur_ns, rest)

    def _placed(self, row: _Row, lane: int, start_ns: int, dur_ns: int, rest: bytes) -> bytes:
        """A span of a thread on its lane."""
        if lane == NO_LANE:
            self.laned.crossing += 1
            return self._crossing_span(row, start_ns, dur_ns, rest)
        if lane:
            self.laned.spans += 1
        if dur_ns == OPEN_NS:
            return b'{"ph":"B",%s,"ts":%s,%s' % (self._head(row, lane), _us(start_ns), rest)
        return b'{"ph":"X",%s,"ts":%s,"dur":%s,%s' % (self._head(row, lane), _us(start_ns), _us(dur_ns), rest)

    # ---------------------------------------------------------- async spans and arrows

    def _async_span(self, row: _Row, start_ns: int, dur_ns: int, rest: bytes) -> bytes:
        lane = row.lanes.place(start_ns, start_ns + dur_ns)
        if lane == NO_LANE:
            return self._crossing_span(row, start_ns, dur_ns, rest)
        return self._begun(self._head(row, lane), start_ns, dur_ns, rest)

    def _crossing_span(self, row: _Row, start_ns: int, dur_ns: int, rest: bytes) -> bytes:
        head = b'"pid":%d,"id":%d' % (row.pid, text_id(self._salt, self._written))
        return self._begun(head, start_ns, dur_ns, rest)

    def _begun(self, head: bytes, start_ns: int, dur_ns: int, rest: bytes) -> bytes:
        """The begin of an async span; its end waits for its turn."""
        self._written += 1
        fields: dict[str, object] = orjson.loads(b"{" + rest)
        if "cat" not in fields:
            fields["cat"] = "async"
            rest = b'"cat":"async",' + rest
        begin = b'{"ph":"b",%s,"ts":%s,%s' % (head, _us(start_ns), rest)
        if dur_ns == OPEN_NS:
            return begin
        fields.pop("args", None)
        end_ns = start_ns + dur_ns
        end = b'{"ph":"e",%s,"ts":%s,%s\n' % (head, _us(end_ns), orjson.dumps(fields)[1:])
        if not dur_ns:
            return begin + end
        heappush(self._ends, (end_ns, -self._written, end))  # of equal ends the latest begun, which lies inside
        return begin

    def _end_until(self, at_ns: int, lines: list[bytes]) -> None:
        while self._ends and self._ends[0][0] <= at_ns:
            lines.append(heappop(self._ends)[2])

    def _flow(self, row: _Row, at_ns: int, phase: str, rest: bytes) -> bytes:
        """An arrow's end, on the lane of its span, and inside of it."""
        lane, ends_now = row.lanes.around(at_ns)
        key = rest[: rest.index(b",")]  # the id, which its reader writes first
        if lane == NO_LANE or (phase != "s" and key not in self._flows) or len(self._flows) >= _MAX_FLOWS:
            self.laned.arrows += 1
            return b""
        if phase == "s":
            if key in self._flows:
                self.laned.arrows += 1
                return b""
            self._flows.add(key)
        if ends_now:
            at_ns -= 1000 if self._whole_us else 1
        binds = b',"bp":"e"' if phase == "f" else b""
        return b'{"ph":"%s",%s%s,"ts":%s,%s' % (phase.encode(), self._head(row, lane), binds, _us(at_ns), rest)

    # ---------------------------------------------------------- rows

    def _make_row(self, at: int) -> _Row:
        track = self._timeline.tracks[at]
        lanes = Lanes()
        row = self._rows[at] = _Row(track, self._pid(track.process), lanes, lanes.place)
        return row

    def _pid(self, process: Process) -> int:
        pid = self._pids.get(id(process))
        if pid is None:
            pid = self._pids[id(process)] = self._numbers.pid(process.number)
            name = process.name or (f"process {process.number}" if process.number > 1 else "")
            full = f"{name} ({self._default_name})" if name and self._default_name else name or self._default_name
            self._names.append(_named("process_name", b'"pid":%d' % pid, full))
            self._names += [b'{"ph":"M","pid":%d,%b' % (pid, rest) for rest in process.about]
        return pid

    def _head(self, row: _Row, lane: int) -> bytes:
        while len(row.heads) <= lane:
            row.heads.append(self._new_head(row, len(row.heads)))
            row.head = row.heads[0] if not row.track.async_id else b""
        return row.heads[lane]

    def _new_head(self, row: _Row, lane: int) -> bytes:
        track = row.track
        if track.async_id:
            return b'"pid":%d,"id":%d' % (row.pid, text_id(self._salt, track.async_id, lane))
        is_first = not lane and row.pid not in self._main
        wanted = 0 if lane else track.number
        tid = self._numbers.tid(wanted, row.pid, track.process.number, is_first=is_first)
        if tid == row.pid:
            self._main.add(tid)
        name = track.name or (f"thread {track.number}" if track.number > MAX_REAL else "")
        if lane:
            self.laned.lanes += 1
            name = f"{name or f'thread {track.number}'} {lane + 1}"
        head = b'"pid":%d,"tid":%d' % (row.pid, tid)
        if name:
            self._names.append(_named("thread_name", head, name))
        return head


def _named(what: str, head: bytes, name: str) -> bytes:
    text = redact.text(name.encode(errors="replace").decode())
    return b'{"ph":"M","name":"%s",%s,"args":{"name":%s}}\n' % (what.encode(), head, orjson.dumps(text))


def _us(ns: int) -> bytes:
    """Nanoseconds in microseconds."""
    whole, rest = divmod(ns, 1000)
    return b"%d.%03d" % (whole, rest) if rest else b"%d" % whole
