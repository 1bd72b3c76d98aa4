"""Random traces as programs write them, and as none should: to compare readers of them with one another."""

import json
import random
from collections.abc import Callable

Event = dict[str, object]

NAMES = ["a", "b", "c", "", "compile a.c"]
CATS = ["", "cc", "log"]
ARGS: list[object] = [
    {},
    {"exit_code": 0},
    {"exit_code": 1},
    {"error": "x"},
    {"error": ""},
    {"level": "error"},
    {"level": "info", "message": "m"},
    {"outcome": "failed"},
    {"outcome": "skipped", "error": "x"},
    {"signal": 9},
    {"name": "n", "a": {"b": [1, {"c": None}]}},
    [1],
    "text",
    None,
    3,
]
ODD_IDS: list[object] = ["1", "worker", 0, "", 2**32, -1, 10**19, True, 1.0, 2.5, None]
ODD_TIMES: list[object] = [
    0, -1, -0.001, 0.0004, 0.0005, 0.5, 1.0005, 2.0625, 1e3, 2**53, 1e13, 4503599627370.4, 1e15 + 0.25, 2**63, 1e19,
    "12", "1.5", None, True, "nan", 1234567890123456789, 12345678901234567890,
]  # fmt: skip
ODD_LINES = [
    b"", b"  ", b"[]", b"{}", b'{"ph":"X"', b'{"ph":""}', b'{"ph":"X","ts":1}', b'{"ph":"B","name":"x"}', b"\xff",
    b'{"ph":"P","ts":1}', b'{"ph":"Q","ts":7,"pid":5}', b'{"ph":"XY","ts":1,"dur":2,"pid":1,"tid":1,"name":"long ph"}',
    b'{"ph":"M","name":"tracerd_clock","args":{"monotonic_us":1,"boottime_us":1,"realtime_us":9,"boot_id":""}}',
    b'{"ph":"M","pid":1,"name":"tracerd_clock","args":{"monotonic_us":1,"boottime_us":1,"realtime_us":9}}',
    b'{"ph":"i","ts":3,"pid":1,"tid":1,"name":"\\ud800"}',
    b'{"ph":"X","ts":2,"dur":1,"pid":1,"tid":1,"args":{"a":nan}}',
    b'{"ph":"X","ts":2,"dur":1,"pid":1,"tid":1,"name":"twice","name":"x","args":1,"args":{"error":1}}',
    b'{"ph":"X","ts":2.0000000000000000000001,"dur":1,"pid":1,"tid":1,"name":"digits"}',
    b'{"ph":"X","ts":2,"dur":1,"pid":1,"tid":1,"name":"tts","tts":true}', b' {"ph":"i","ts":3,"s":"g"} ',
    b'{"ph":"C","ts":4,"pid":1,"name":"c","args":{"v":null}}', b'{"ph":"C","ts":4,"pid":1,"name":"c","args":{"v":1}}',
    b'{"ph":"C","ts":4,"pid":1,"name":"c","args":{"v":null,"w":1}}',
]  # fmt: skip


class Writer:
    """Writes one random trace.

    Args:
        rng: Where chance comes from.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._scale = rng.choice([1, 1, 1000, 0.001, 0.37])
        self._oddity = rng.choice([0, 0, 0.01, 0.2])
        self._start = rng.choice([0, 0, 5, 1e9])
        self._has_errors = rng.random() < 0.5
        self._late = rng.random() < 0.3

    def log(self) -> bytes:
        """The log."""
        rng = self._rng
        events: list[Event | bytes] = []
        for _ in range(rng.randint(1, 4)):
            place: Event = {"pid": rng.randint(1, 3), "tid": rng.choice([1, 1, 2, 0])}
            kinds: list[Callable[[Event], list[Event]]] = [
                self._nested,
                self._pairs,
                self._mixed,
                self._chaos,
                self._async,
            ]
            events += rng.choice(kinds)(place)
            events += [self._other(place) for _ in range(rng.choice([0, 0, 3]))]
        if self._late or rng.random() < 0.3:
            rng.shuffle(events)
        if self._oddity:
            for _ in range(rng.randint(0, 3)):
                events.insert(rng.randint(0, len(events)), rng.choice(ODD_LINES))
        lines = [event if isinstance(event, bytes) else json.dumps(self._odd(event)).encode() for event in events]
        return b"".join(line + b"\n" for line in lines)[: rng.choice([None, None, None, -1, -3])]

    def _time(self, time: float) -> float:
        scaled = round(self._start + time * self._scale, 3)
        return int(scaled) if scaled == int(scaled) else scaled

    def _odd(self, event: Event) -> Event:
        rng = self._rng
        if rng.random() < self._oddity:
            for key, values in (("ts", ODD_TIMES), ("dur", ODD_TIMES), ("pid", ODD_IDS), ("tid", ODD_IDS)):
                if rng.random() < 0.3:
                    event[key] = rng.choice(values)
            for key in ("ts", "dur", "pid", "tid", "name"):
                if rng.random() < 0.1:
                    event.pop(key, None)
        return event

    def _event(self, phase: str, ts: float, place: Event, **more: object) -> Event:
        event = {"ph": phase, "ts": self._time(ts), **place, "name": self._rng.choice(NAMES), **more}
        if self._has_errors and self._rng.random() < 0.2:
            event["args"] = self._rng.choice(ARGS)
        return event

    def _nested(self, place: Event) -> list[Event]:
        """Complete spans as they are written: when they are over, children first."""
        return self._inside(place, 0, self._rng.randint(1, 60), 0)

    def _inside(self, place: Event, start: int, end: int, depth: int) -> list[Event]:
        events: list[Event] = []
        at = start
        while at < end and depth < 6:
            stop = self._rng.randint(at, end)
            if self._rng.random() < 0.5 and (stop - at, depth) != (end - start, 5):
                events += self._inside(place, at, stop, depth + 1)
            events.append(self._event("X", at, place, dur=self._dur(stop - at)))
            at = stop + self._rng.choice([0, 0, 1, 5])
        return events

    def _dur(self, dur: int) -> float:
        scaled = round(dur * self._scale, 3)
        return int(scaled) if scaled == int(scaled) else scaled

    def _pairs(self, place: Event) -> list[Event]:
        """Begins and ends in order."""
        rng = self._rng
        events: list[Event] = []
        stack: list[Event] = []
        ts = 0
        for _ in range(rng.randint(1, 40)):
            ts += rng.choice([0, 1, 1, 3])
            if stack and rng.random() < 0.5:
                begin = stack.pop()
                events.append(self._event("E", ts, place, name=begin["name"]))
                if rng.random() < 0.3:
                    del events[-1]["name"]
            else:
                events.append(self._event("B", ts, place))
                if rng.random() < 0.3:
                    events[-1]["cat"] = rng.choice(CATS)
                stack.append(events[-1])
        return events

    def _mixed(self, place: Event) -> list[Event]:
        """Pairs, with complete spans and instants inside them."""
        rng = self._rng
        events = self._pairs(place)
        for event in list(events):
            if rng.random() < 0.3 and isinstance(ts := event["ts"], int | float):
                more: Event = {"ph": "i"} if rng.random() < 0.5 else {"ph": "X", "dur": rng.choice([0, 0, 0, 1])}
                events.insert(events.index(event) + 1, {"ts": ts, **place, "name": "in", **more})
        return events

    def _chaos(self, place: Event) -> list[Event]:
        """Anything at any time."""
        rng = self._rng
        events: list[Event] = []
        for _ in range(rng.randint(1, 25)):
            phase = rng.choice("XXXBBEEi")
            events.append(self._event(phase, rng.randint(0, 12), place, cat=rng.choice(CATS)))
            if phase == "X":
                events[-1]["dur"] = rng.choice([0, 1, 2, 3, 5, 8, -1, -0.001])
        return events

    def _async(self, place: Event) -> list[Event]:
        rng = self._rng
        events: list[Event] = []
        for _ in range(rng.randint(1, 20)):
            event = self._event(rng.choice("bbeen"), rng.randint(0, 12), {**place, "pid": rng.randint(1, 3)}, cat="c")
            event[rng.choice(["id", "id", "id2"])] = rng.choice([1, 2, "1", "0x2", {"local": 1}, {"global": "g"}])
            events.append(event)
        return events

    def _other(self, place: Event) -> Event:
        rng = self._rng
        phase = rng.choice(["M", "M", "C", "s", "t", "f", "i", "I", "R", "T", "X?"])
        event = self._event(phase, rng.randint(0, 12), place)
        if phase == "M":
            event |= {
                "name": rng.choice(["process_name", "thread_name"]),
                "args": {"name": rng.choice(["n", "m", "", 5])},
            }
            if rng.random() < 0.6:
                del event["ts"]
        elif phase in ("i", "I", "R"):
            event["s"] = rng.choice(["g", "p", "t", ""])
        elif phase == "C":
            event["args"] = {"v": rng.choice([1, None, "x"])}
        else:
            event |= {"id": rng.choice([1, "1", "zz"]), "bp": rng.choice(["e", ""])}
        return event


def random_log(seed: int) -> bytes:
    """A log, the same one for each seed."""
    return Writer(random.Random(seed)).log()


def deep_log(depth: int, phase: str) -> bytes:
    """Spans in one another, so many."""
    place = {"pid": 1, "tid": 1, "name": "d"}
    if phase == "X":
        events = [{"ph": "X", "ts": at, "dur": 2 * (depth - at), **place} for at in range(depth)]
    else:
        events = [{"ph": "B", "ts": at, **place} for at in range(depth)]
        events += [{"ph": "E", "ts": depth + at, **place} for at in range(depth)]
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)
