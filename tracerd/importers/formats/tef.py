"""Plain trace events, as half of all tools write them: see docs/import.md for what is put right.

Most files are nearly all plain spans, which take a short way through `_take_block`; what is odd takes the long one.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from tracerd import redact
from tracerd.importers.formats.tef_event import (
    BOUND_DECODER,
    DECODER,
    Bound,
    Event,
    clean_name,
    lenient,
    nanoseconds,
    number_of,
)
from tracerd.importers.formats.tef_pairs import MAX_OPEN, Pairs
from tracerd.importers.formats.tef_tool import WANTED, recognise
from tracerd.importers.head import Head
from tracerd.importers.secrets import may_hold_secrets
from tracerd.importers.source import Source
from tracerd.importers.timeline import MAX_NS, Clock, Timeline, body_of, text_id
from tracerd.rows.attributes import Attributes
from tracerd.rows.document import repaired
from tracerd.rows.elements import is_document
from tracerd.store.own_lines import ClockReadings
from tracerd.trace_json.begin_marks import resolved

WALL_US: Final = 10**15
"""Times from here on count from 1970, whatever the clock line is: it is the year 2001."""

_NAME_AT: Final = len(b'"name":')
_QUOTE: Final = ord('"')
_BRACE: Final = ord("{")

_ASYNC_OF = {"S": "b", "F": "e", "T": "n", "p": "n"}


class Reader:
    """Reads the events of a file.

    Args:
        timeline: Where to.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._tracks: dict[tuple[int | str | None, int | str | None], int] = {}
        self._pairs = Pairs(timeline)
        self._cats: dict[bytes, bytes] = {}
        self._attributes = Attributes()
        self._wall_ns = 0  # what the file's own clock line adds
        self._may_hold_secrets = False
        self._has_bound = False

    def read(self, source: Source) -> None:
        """Read all of a file, and recognise its tool."""
        timeline = self._timeline
        values: dict[bytes, bytes] = {}
        if source.head.lstrip().startswith(b"[") or is_document(source.head):  # a comma may come first
            document = source.events(WANTED)
            for block in document.blocks():
                self._take_block(block)
            values = document.values
            source.end(document)
        else:
            for block in resolved(source.line_blocks()):
                self._take_block(block)
        self._pairs.finish()
        timeline.attributes = self._attributes.values
        recognise(timeline, values, has_clock=bool(self._wall_ns))

    # ---------------------------------------------------------- lines

    def _take_block(self, block: bytes) -> None:
        self._may_hold_secrets = may_hold_secrets(block)
        events = self._events(block)
        if self._may_hold_secrets or self._has_bound:
            for event in events:
                self._take_any(event)
            return
        timeline, tracks, cats, wall_ns = self._timeline, self._tracks, self._cats, self._wall_ns
        first_ns, last_ns, count, size = MAX_NS, -MAX_NS, 0, 0
        append = timeline.records.append
        for event in events:
            ts, dur, args = event.ts, event.dur, event.args
            track = tracks.get((event.pid, event.tid))
            cat = cats.get(bytes(event.cat))
            # What clang sums up begins at 0.
            if event.ph != "X" or not ts or dur is None or track is None or cat is None or wall_ns:
                self._take_any(event)
                wall_ns = self._wall_ns
                continue
            try:
                if isinstance(ts, int):
                    start_ns = ts * 1000
                    dur_ns = dur * 1000 if isinstance(dur, int) else round(dur * 1000)
                else:  # by the end, so that what lies within another span does so when rounded
                    start_ns = round(ts * 1000)
                    dur_ns = round((ts + dur) * 1000) - start_ns
            except OverflowError:
                start_ns = dur_ns = MAX_NS
            rest = b"".join((b'"name":', event.name, cat, b',"args":' if args else b"", args, b"}\n"))
            is_plain = rest[_NAME_AT] == _QUOTE and (not args or rest[-len(args) - 2] == _BRACE)
            if not (is_plain and -MAX_NS < start_ns < MAX_NS and 0 <= dur_ns < MAX_NS):
                self._take_any(event)
                continue
            timeline.size = number = timeline.size + 1
            append((start_ns, -dur_ns, number, track, "X", rest))
            count += 1
            size += len(rest)
            if start_ns < first_ns:
                first_ns = start_ns
            if start_ns + dur_ns > last_ns:
                last_ns = start_ns + dur_ns
        timeline.added_spans(count, size, first_ns, last_ns)

    def _take_any(self, event: Event) -> None:
        try:
            self._take(event)
        except (ValueError, OverflowError):  # a number that is none
            self._timeline.left_out["events without a time"] += 1

    def _events(self, block: bytes) -> Sequence[Event]:
        self._has_bound = block.rfind(b'"bind_id"') >= 0
        decoder = BOUND_DECODER if self._has_bound else DECODER
        try:
            block.decode()
            return decoder.decode_lines(block)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            pass
        lines = repaired(block).removesuffix(b"\n").split(b"\n")
        events = [event for line in lines if (event := lenient(line, decoder)) is not None]
        if len(events) < len(lines):
            self._timeline.left_out["values that are no events"] += len(lines) - len(events)
        return events

    def _take(self, event: Event) -> None:
        timeline = self._timeline
        phase = event.ph
        if phase == "X":
            if event.ts == 0 and bytes(event.name)[:7] == b'"Total ' and b'"avg ms"' in bytes(event.args):
                timeline.left_out['rows "Total"'] += 1  # sums of clang's, which no thread has run
                return
            start_ns = self._ns(event.ts)
            dur_ns = self._dur_ns(event, start_ns)
            timeline.add("X", self._track(event), start_ns, dur_ns, self._rest(event))
            if isinstance(event, Bound) and event.bind_id:
                self._bound(event, start_ns)
        elif phase == "B":
            self._pairs.begin(self._track(event), bytes(event.name), self._ns(event.ts), self._rest(event))
        elif phase == "E":
            self._pairs.end(self._track(event), bytes(event.name), self._ns(event.ts))
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

    def _dur_ns(self, event: Event, start_ns: int) -> int:
        if event.dur is None or event.ts is None:
            self._timeline.without_length += 1
            return 0
        ns = nanoseconds(event.dur) if isinstance(event.ts, int) else self._ns(event.ts + event.dur) - start_ns
        return self._timeline.length_ns(ns)

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
        name, args = clean_name(event.name), bytes(event.args)
        parts = b'{%s"name":%s%s' % (first, name, self._cat(bytes(event.cat)))
        if args and args != b"null":
            parts += b',"args":' + args if args[:1] == b"{" else b',"args":{"value":%s}' % args
        return self._without_secrets(parts + b"}")

    def _without_secrets(self, line: bytes) -> bytes:
        return body_of(redact.line(line) if self._may_hold_secrets else line)

    def _cat(self, cat: bytes) -> bytes:
        field = b',"cat":' + cat if len(cat) > len(b'""') and cat[:1] == b'"' else b""
        if len(self._cats) < MAX_OPEN:
            self._cats[cat] = field
        return field

    # ---------------------------------------------------------- async spans and arrows

    def _async(self, event: Event, phase: str) -> None:
        local = bytes(event.id2)
        scope = event.pid if not local or b'"local"' in local else ""
        number = text_id(scope, bytes(event.cat), bytes(event.id) or local, bytes(event.scope))
        at = self._timeline.track(event.pid, f"async {number}", async_id=number)
        at_ns = self._ns(event.ts)
        if phase == "n":
            self._timeline.add("n", at, at_ns, 0, self._rest(event, b"" if len(event.cat) > 2 else b'"cat":"async",'))
        elif phase == "b":
            self._pairs.async_begin(at, (number, bytes(event.name)), at_ns, self._rest(event))
        else:
            name = bytes(event.name)
            self._pairs.async_end((number, name if len(name) > len(b'""') and name != b"null" else b""), at_ns)

    def _flow(self, event: Event, phase: str) -> None:
        number = text_id(bytes(event.cat), bytes(event.name), bytes(event.id) or bytes(event.id2))
        self._timeline.add(phase, self._track(event), self._ns(event.ts), 0, self._rest(event, b'"id":%d,' % number))

    def _bound(self, event: Bound, at_ns: int) -> None:
        """The ends of arrows that a span names itself: they lie at its begin."""
        if phase := event.arrow_phase:
            rest = b'"id":%d,"name":"flow","cat":"flow"}\n' % text_id("bind_id", bytes(event.bind_id))
            self._timeline.add(phase, self._track(event), at_ns, 0, rest)

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
        line = b'{%s"name":%s,"args":%s}' % (fields, clean_name(event.name), msgspec.json.encode(numbers))
        self._timeline.add("C", self._track(event), self._ns(event.ts), 0, self._without_secrets(line))

    def _metadata(self, event: Event) -> None:
        what = bytes(event.name)
        if what == b'"tracerd_clock"':
            self._own_clock(event)
            return
        if what == b'"tracerd_trace"':
            line = self._without_secrets(b'{"name":"tracerd_trace","ph":"M","args":%b}' % event.args)
            self._attributes.feed(b"{" + line)
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
            self._timeline.process(event.pid, name)
        else:
            self._timeline.tracks[self._track(event)].name = name

    def _own_clock(self, event: Event) -> None:
        try:
            clock = msgspec.json.decode(event.args, type=ClockReadings)
        except (msgspec.DecodeError, RecursionError):
            return
        self._wall_ns = (clock.realtime_us - clock.monotonic_us) * 1000
        self._timeline.clock = Clock.WALL


def fits(head: Head) -> bool:
    """Whether a file that begins so is of plain trace events."""
    if head.has("traceEvents") or "ph" in head.first:
        return True
    return head.is_document and not head.first  # an array that is empty, or cut off; what comes is far down


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    Reader(timeline).read(source)
