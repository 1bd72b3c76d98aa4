"""Plain trace events, as half of all tools write them: see docs/import.md for what is put right.

Begins and ends are paired in the order of the file, and become spans with a duration, so that lanes can hold them all.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import msgspec

from tracerd import redact
from tracerd.importers.formats.tef_event import DECODER, Event, clean_name, lenient, nanoseconds, number_of
from tracerd.importers.formats.tef_tool import WANTED, recognise
from tracerd.importers.head import Head
from tracerd.importers.source import Source
from tracerd.importers.timeline import OPEN_NS, Clock, Timeline, text_id
from tracerd.rows.document import Document, repaired
from tracerd.rows.elements import is_document
from tracerd.store.own_lines import ClockReadings

MAX_OPEN: Final = 100_000
"""Spans that are open at once; more would fill the memory, and are written without their end."""

WALL_US: Final = 10**15
"""Times from here on count from 1970, whatever the clock line says: it is the year 2001."""

_SECRETS = (
    b"://",
    b"argv",
    b"Args",
    b"rgument",
    b"ommand",
    b"cmd",
    b"assw",
    b"ecre",
    b"oken",
    b"redential",
    b"uthorization",
    b"ookie",
)
"""What holds none of them holds no command line, no URL and no name of a secret."""

_ASYNC_OF = {"S": "b", "F": "e", "T": "n", "p": "n"}


class _Begin:
    """A span that has not ended."""

    __slots__ = ("rest", "start_ns", "track")

    def __init__(self, start_ns: int, track: int, rest: bytes) -> None:
        self.start_ns = start_ns
        self.track = track
        self.rest = rest


class Reader:
    """Reads the events of a file.

    Args:
        timeline: Where to.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._tracks: dict[tuple[int | str | None, int | str | None], int] = {}
        self._stacks: defaultdict[int, list[tuple[bytes, _Begin]]] = defaultdict(list)
        self._asyncs: defaultdict[tuple[int, bytes], list[_Begin]] = defaultdict(list)
        self._early_ends: dict[tuple[int, bytes], list[int]] = {}
        self._open = 0
        self._wall_ns = 0  # what the file's own clock line adds
        self._may_hold_secrets = False

    def read(self, source: Source) -> None:
        """Read all of a file, and say what it is."""
        timeline = self._timeline
        values: dict[bytes, bytes] = {}
        if source.head.lstrip().startswith(b"[") or is_document(source.head):  # a comma may come first
            document = Document(source.pieces(), WANTED)
            for block in document.blocks():
                self._take_block(block)
            values = document.values
            source.end(document)
        else:
            for line in source.lines():
                self._take_block(line + b"\n")
        self._finish()
        recognise(timeline, values, has_clock=bool(self._wall_ns))

    # ---------------------------------------------------------- lines

    def _take_block(self, block: bytes) -> None:
        self._may_hold_secrets = any(mark in block for mark in _SECRETS)
        for event in self._events(block):
            try:
                self._take(event)
            except (ValueError, OverflowError):  # a number that is none
                self._timeline.left_out["events without a time"] += 1

    def _events(self, block: bytes) -> Iterator[Event]:
        try:
            block.decode()
            yield from DECODER.decode_lines(block)
            return
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            pass
        for line in repaired(block).removesuffix(b"\n").split(b"\n"):
            event = lenient(line)
            if event is None:
                self._timeline.left_out["values that are no events"] += 1
            else:
                yield event

    def _take(self, event: Event) -> None:
        timeline = self._timeline
        phase = event.ph
        if phase == "X":
            if event.ts == 0 and bytes(event.name)[:7] == b'"Total ' and b'"avg ms"' in bytes(event.args):
                timeline.left_out['rows "Total"'] += 1  # sums of clang's, which no thread has run
                return
            start_ns = self._ns(event.ts)
            end_ns = self._ns((event.ts or 0) + event.dur) if event.dur and event.ts is not None else start_ns
            track = self._track(event)
            timeline.add("X", track, start_ns, max(end_ns - start_ns, 0), self._rest(event))
        elif phase == "B":
            self._begin(event)
        elif phase == "E":
            self._end(event)
        elif phase == "M":
            self._metadata(event)
        elif phase in ("i", "I", "R"):
            scope = bytes(event.s) if bytes(event.s) in (b'"p"', b'"g"') else b'"t"'
            timeline.add("i", self._track(event), self._ns(event.ts), 0, self._rest(event, b'"s":%s,' % scope))
        elif phase == "C":
            self._counter(event)
        elif (phase := _ASYNC_OF.get(phase, phase)) in ("b", "e", "n"):
            self._async(event, phase)
        elif phase in ("s", "t", "f"):
            self._flow(event, phase)
        elif not phase:
            timeline.left_out["values that are no events"] += 1
        else:
            timeline.left_out[f"events of phase {phase[:1]}"] += 1

    # ---------------------------------------------------------- fields

    def _ns(self, ts: int | float | None) -> int:
        if ts is None:
            raise ValueError
        ns = ts * 1000 if isinstance(ts, int) else nanoseconds(ts)
        return ns + self._wall_ns if self._wall_ns and ts < WALL_US else ns

    def _track(self, event: Event) -> int:
        key = (event.pid, event.tid)
        at = self._tracks.get(key)
        if at is None:
            at = self._timeline.track(event.pid, event.pid if event.tid is None else event.tid)
            if len(self._tracks) < MAX_OPEN:
                self._tracks[key] = at
            if isinstance(event.pid, str) and event.pid:
                self._timeline.process(event.pid, self._timeline.process(event.pid).name or event.pid)
            if isinstance(event.tid, str) and event.tid:
                self._timeline.track(event.pid, event.tid, self._timeline.tracks[at].name or event.tid)
        return at

    def _rest(self, event: Event, first: bytes = b"") -> bytes:
        name, cat, args = clean_name(event.name), bytes(event.cat), bytes(event.args)
        parts = b'{%s"name":%s' % (first, name)
        if len(cat) > len(b'""') and cat[:1] == b'"':
            parts += b',"cat":' + cat
        if args and args != b"{}" and args != b"null":
            parts += b',"args":' + args if args[:1] == b"{" else b',"args":{"value":%s}' % args
        return redact.line(parts + b"}") if self._may_hold_secrets else parts + b"}"

    # ---------------------------------------------------------- begins and ends

    def _begin(self, event: Event) -> None:
        begin = _Begin(self._ns(event.ts), self._track(event), self._rest(event))
        if self._open >= MAX_OPEN:
            self._never_ended(begin)
            return
        self._open += 1
        self._stacks[begin.track].append((bytes(event.name), begin))

    def _end(self, event: Event) -> None:
        stack = self._stacks[self._track(event)]
        end_ns = self._ns(event.ts)
        name = bytes(event.name)
        for at in range(len(stack) - 1, max(len(stack) - 100, -1), -1):
            if not name or name == b'""' or stack[at][0] == name:
                self._ended(stack.pop(at)[1], end_ns)
                return
        if stack:  # another name: ends are often written without their begin's
            self._ended(stack.pop()[1], end_ns)
        else:
            self._timeline.left_out["ends without a begin"] += 1

    def _ended(self, begin: _Begin, end_ns: int) -> None:
        self._open -= 1
        self._timeline.add("X", begin.track, begin.start_ns, max(end_ns - begin.start_ns, 0), begin.rest)

    def _never_ended(self, begin: _Begin) -> None:
        self._timeline.add("X", begin.track, begin.start_ns, OPEN_NS, begin.rest)

    def _async(self, event: Event, phase: str) -> None:
        local = bytes(event.id2)
        scope = event.pid if not local or b'"local"' in local else ""
        number = text_id(scope, bytes(event.cat), bytes(event.id) or local, bytes(event.scope))
        at = self._timeline.track(event.pid, f"async {number}", async_id=number)
        at_ns = self._ns(event.ts)
        key = (number, bytes(event.name))
        if phase == "n":
            self._timeline.add("n", at, at_ns, 0, self._rest(event, b"" if len(event.cat) > 2 else b'"cat":"async",'))
        elif phase == "b":
            begin = _Begin(at_ns, at, self._rest(event))
            ends = self._early_ends.get(key)
            self._open += 1
            if ends and ends[0] >= at_ns:  # threads may write at different times
                self._ended(begin, ends.pop(0))
            elif self._open > MAX_OPEN:
                self._open -= 1
                self._never_ended(begin)
            else:
                self._asyncs[key].append(begin)
        elif begins := self._asyncs.get(key):
            self._ended(begins.pop(), at_ns)
            if not begins:
                del self._asyncs[key]
        elif len(self._early_ends) < MAX_OPEN:
            self._early_ends.setdefault(key, []).append(at_ns)
        else:
            self._timeline.left_out["ends without a begin"] += 1

    def _flow(self, event: Event, phase: str) -> None:
        number = text_id(bytes(event.cat), bytes(event.name), bytes(event.id) or bytes(event.id2))
        self._timeline.add(phase, self._track(event), self._ns(event.ts), 0, self._rest(event, b'"id":%d,' % number))

    # ---------------------------------------------------------- all others

    def _counter(self, event: Event) -> None:
        try:
            args = msgspec.json.decode(event.args, type=dict[str, object])
        except (msgspec.DecodeError, RecursionError):
            args = {}
        numbers = {key: number for key, value in args.items() if (number := number_of(value)) is not None}
        if not numbers:
            self._timeline.left_out["counters without a number"] += 1
            return
        fields = b'"id":%s,' % bytes(event.id) if len(event.id) else b""
        rest = b'{%s"name":%s,"args":%s}' % (fields, clean_name(event.name), msgspec.json.encode(numbers))
        self._timeline.add("C", self._track(event), self._ns(event.ts), 0, rest)

    def _metadata(self, event: Event) -> None:
        what = bytes(event.name)
        if what == b'"tracerd_clock"':
            self._own_clock(event)
            return
        if what not in (b'"process_name"', b'"thread_name"'):
            return
        try:
            name = msgspec.json.decode(event.args, type=dict[str, object]).get("name")
        except (msgspec.DecodeError, RecursionError):
            return
        if not isinstance(name, str) or not name:
            return
        if what == b'"process_name"':
            self._timeline.process(event.pid, redact.text(name))
        else:
            self._timeline.tracks[self._track(event)].name = redact.text(name)

    def _own_clock(self, event: Event) -> None:
        try:
            clock = msgspec.json.decode(event.args, type=ClockReadings)
        except (msgspec.DecodeError, RecursionError):
            return
        self._wall_ns = (clock.realtime_us - clock.monotonic_us) * 1000
        self._timeline.clock = Clock.WALL

    def _finish(self) -> None:
        for stack in self._stacks.values():
            for _, begin in stack:
                self._never_ended(begin)
        for begins in self._asyncs.values():
            for begin in begins:
                self._never_ended(begin)
        if ends := sum(map(len, self._early_ends.values())):
            self._timeline.left_out["ends without a begin"] += ends


def fits(head: Head) -> bool:
    """Whether a file that begins so is of plain trace events."""
    if head.has("traceEvents") or "ph" in head.first:
        return True
    return head.is_document and not head.first  # an array that is empty, or cut off; what comes is far down


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    Reader(timeline).read(source)
