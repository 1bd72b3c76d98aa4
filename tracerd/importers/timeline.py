"""What a file holds, as its reader finds it: spans, moments and numbers, on threads of processes."""

import json
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import Final

import orjson

from tracerd import redact
from tracerd.importers.sorting import Sorter

MAX_TRACKS: Final = 100_000
"""Threads of a file that are kept apart; what comes beyond shares one."""

OPEN_NS: Final = 2**62
"""The duration of a span that was never ended."""

MAX_NS: Final = 2**62
"""Times beyond are no times."""


_OPEN: Final = "open"

_COUNTED: Final = {"X": "span", _OPEN: "span without an end", "C": "number"} | {"s": "arrow"}
"""What a person calls the events of a phase."""


class Clock(StrEnum):
    """What the times of a file count from."""

    WALL = "wall"
    MONOTONIC = "monotonic"
    START = "start"


@dataclass(slots=True)
class Process:
    """A process.

    Attributes:
        number: The pid that the file gives, if it is one.
        name: What to call it; empty without one.
        about: What else is known of it: metadata, as `body_of` makes them.
    """

    number: int
    name: str = ""
    about: dict[bytes, None] = field(default_factory=dict[bytes, None])


@dataclass(slots=True)
class Track:
    """A thread, or the spans of one async id.

    Attributes:
        process: Its process.
        number: The tid that the file gives, if it is one.
        name: What to call it; empty without one.
        async_id: Of an async track its id; 0 for a thread.
    """

    process: Process
    number: int
    name: str = ""
    async_id: int = 0


@dataclass(slots=True)
class Timeline:
    """All of a file.

    Attributes:
        tool: Who wrote it.
        clock: What its times count from.
        base_ns: What is added to the times for that; 0 if they are whole.
        tracks: By their number in the records.
        records: In any order.
        left_out: Why something was left out, and how often.
        notes: What else the user should know.
        attributes: Those of the trace that it is, without secrets.
        first_ns: The earliest time.
        last_ns: The latest one.
        size: How many events there are.
        without_length: How many spans had a negative duration, or none that is a number, and became moments.
        replaced: How many times were beyond all times, or no numbers, and gave way to another one of their event.
        since_ns: What began before is left out, and not counted.
    """

    tool: str = ""
    clock: Clock = Clock.START
    base_ns: int = 0
    tracks: list[Track] = field(default_factory=list[Track])
    records: Sorter = field(default_factory=Sorter)
    left_out: Counter[str] = field(default_factory=Counter[str])
    notes: list[str] = field(default_factory=list[str])
    attributes: Mapping[str, object] = field(default_factory=dict[str, object])
    first_ns: int = OPEN_NS
    last_ns: int = -OPEN_NS
    _processes: dict[Hashable, Process] = field(default_factory=dict[Hashable, Process])
    _threads: dict[tuple[Hashable, Hashable], int] = field(default_factory=dict[tuple[Hashable, Hashable], int])
    size: int = 0
    without_length: int = 0
    replaced: int = 0
    since_ns: int = -MAX_NS
    _phases: Counter[str] = field(default_factory=Counter[str])

    def process(self, key: Hashable, name: str = "", *, number: int = 0) -> Process:
        """The process of a key, which is its number if it is one; a name that is given replaces the one it has."""
        process = self._processes.get(key)
        if process is None:
            process = Process(number or (key if isinstance(key, int) else 0))
            if len(self._processes) < MAX_TRACKS:
                self._processes[key] = process
        if name:
            process.name = name
        return process

    def about(self, process: Hashable, what: str, args: Mapping[str, object]) -> None:
        """Take what is known of a process, once: metadata of this name."""
        self.process(process).about[rest_of(what, "", args)] = None

    def track(self, process: Hashable, thread: Hashable, name: str = "", *, async_id: int = 0) -> int:
        """The number of a thread's track; a name that is given replaces the one it has."""
        key = (process, thread)
        at = self._threads.get(key)
        if at is None:
            if len(self.tracks) >= MAX_TRACKS:
                key = ("", "other threads")
                at = self._threads.get(key)
            if at is None:
                at = self._threads[key] = len(self.tracks)
                number = thread if isinstance(thread, int) else 0
                self.tracks.append(Track(self.process(process), number, name, async_id))
        if name:
            self.tracks[at].name = name
        return at

    def add(self, phase: str, track: int, start_ns: int, dur_ns: int, rest: bytes) -> None:
        """Take an event.

        Args:
            phase: Its phase.
            track: The number of its track.
            start_ns: When it begins.
            dur_ns: How long it takes; OPEN_NS if it has not ended.
            rest: Its name, category and args, as `body_of` makes it, without secrets.
        """
        if not -MAX_NS < start_ns < MAX_NS or (start_ns + dur_ns >= MAX_NS and dur_ns != OPEN_NS):
            self.left_out["events beyond all times"] += 1
            return
        if start_ns < self.since_ns:
            return
        self.size += 1
        self._phases[phase if dur_ns < OPEN_NS else _OPEN] += 1
        if start_ns < self.first_ns:
            self.first_ns = start_ns
        end_ns = start_ns + dur_ns if dur_ns < OPEN_NS else start_ns
        if end_ns > self.last_ns:
            self.last_ns = end_ns
        self.records.append((start_ns, -dur_ns, self.size, track, phase, rest))
        self.records.appended(len(rest), 1)

    def added_spans(self, count: int, rest_bytes: int, first_ns: int, last_ns: int) -> None:
        """Account for spans that were appended to the records by their reader."""
        self._phases["X"] += count
        self.first_ns = min(self.first_ns, first_ns)
        self.last_ns = max(self.last_ns, last_ns)
        self.records.appended(rest_bytes, count)

    def length_ns(self, dur_ns: int) -> int:
        """A duration; a negative one counts as none, and is counted."""
        if dur_ns < 0:
            self.without_length += 1
            return 0
        return dur_ns

    def span(
        self,
        track: int,
        name: str,
        start_ns: int,
        dur_ns: int | None,
        args: Mapping[str, object] | None = None,
        cat: str = "",
    ) -> None:
        """Take a span; without a duration it has not ended, and a negative one counts as none."""
        dur_ns = OPEN_NS if dur_ns is None else self.length_ns(dur_ns)
        self.add("X", track, start_ns, dur_ns, rest_of(name, cat, args))

    def instant(
        self, track: int, name: str, at_ns: int, args: Mapping[str, object] | None = None, cat: str = ""
    ) -> None:
        """Take what happened at a moment."""
        self.add("i", track, at_ns, 0, rest_of(name, cat, args))

    def counter(self, track: int, name: str, at_ns: int, value: float, series: str = "") -> None:
        """Take a number as it is from then on; each series of a name, such as `a=1,b=2`, is a curve of its own."""
        labels = {"id": series} if series else {}
        self.add("C", track, at_ns, 0, _rest_of({**labels, "name": name, "args": {"value": value}}))

    def arrow(self, track: int, at_ns: int, to_track: int, to_ns: int, name: bytes = b"child") -> None:
        """Take an arrow from a span to another one, which are those that run there at these times."""
        rest = b'"id":%d,"name":"%b","cat":"%b"}\n' % (text_id("arrow", self.size), name, name)
        self.add("s", track, at_ns, 0, rest)
        self.add("f", to_track, to_ns, 0, rest)

    def counts(self) -> dict[str, int]:
        """How many there are of what a person counts."""
        counts: Counter[str] = Counter()
        for phase, count in sorted(self._phases.items()):
            if phase in "tfM" or not count:  # the other ends of arrows, and what is no event
                continue
            counts[_COUNTED.get(phase, "moment")] += count
        return counts


def rest_of(name: str, cat: str = "", args: Mapping[str, object] | None = None) -> bytes:
    """All of an event but its time and place, as `body_of` makes it, without secrets."""
    fields: dict[str, object] = {"name": name}
    if cat:
        fields["cat"] = cat
    if args:
        fields["args"] = args
    return _rest_of(fields)


def _rest_of(fields: dict[str, object]) -> bytes:
    return body_of(redact.line(_json(fields)))


def body_of(event: bytes) -> bytes:
    """The rest of a line, behind the fields of its time and place: a JSON object without its first bracket."""
    return event[1:] + b"\n"


def _json(value: object) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, RecursionError):  # lone surrogates, integers beyond 64 bits
        return json.dumps(value, default=str).encode()


def text_id(*parts: object) -> int:
    """A number for an id, below 2^53, so that ids of any form keep apart; never 0."""
    digest = blake2b(repr(parts).encode(errors="replace"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 12) + 1
