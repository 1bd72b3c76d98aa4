"""Begins and ends of plain trace events, paired in the order of the file to spans with a duration, for lanes."""

from collections import defaultdict
from typing import Final

from tracerd.importers.timeline import OPEN_NS, Timeline

MAX_OPEN: Final = 100_000
"""Spans that are open at once; more would fill the memory, and are written without their end."""

MAX_OPEN_BYTES: Final = 16 * 1024 * 1024
"""Of their names and args, likewise."""

_FAR: Final = 100
"""So many open spans of a thread are compared with an end."""


class _Begin:
    """A span that has not ended."""

    __slots__ = ("rest", "start_ns", "track")

    def __init__(self, start_ns: int, track: int, rest: bytes) -> None:
        self.start_ns = start_ns
        self.track = track
        self.rest = rest


class Pairs:
    """Pairs begins and ends.

    Args:
        timeline: Where the spans go.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._stacks: defaultdict[int, list[tuple[bytes, _Begin]]] = defaultdict(list)
        self._asyncs: defaultdict[tuple[int, bytes], list[_Begin]] = defaultdict(list)
        self._names: defaultdict[int, set[bytes]] = defaultdict(set)  # of what is open, by its id
        self._early_ends: dict[tuple[int, bytes], list[int]] = {}
        self._open = 0
        self._open_bytes = 0

    def begin(self, track: int, name: bytes, start_ns: int, rest: bytes) -> None:
        """A span of a thread begins."""
        begin = _Begin(start_ns, track, rest)
        if self._is_full():
            self._never_ended(begin)
            return
        self._opened(begin)
        self._stacks[track].append((name, begin))

    def end(self, track: int, name: bytes, end_ns: int) -> None:
        """The latest span of the thread with this name ends; ends are often written without one, or with another."""
        stack = self._stacks[track]
        for at in range(len(stack) - 1, max(len(stack) - _FAR, -1), -1):
            if not name or name == b'""' or stack[at][0] == name:
                self._ended(stack.pop(at)[1], end_ns)
                return
        if stack:
            self._ended(stack.pop()[1], end_ns)
        else:
            self._timeline.left_out[_NO_BEGIN] += 1

    def async_begin(self, track: int, key: tuple[int, bytes], start_ns: int, rest: bytes) -> None:
        """An async span begins; its end may stand before it, for threads may write at different times."""
        begin = _Begin(start_ns, track, rest)
        ends = self._early_ends.get(key) or self._early_ends.get((key[0], b""))
        if ends and ends[0] >= start_ns:
            self._opened(begin)
            self._ended(begin, ends.pop(0))
            self._open_bytes -= len(key[1])
        elif self._is_full():
            self._never_ended(begin)
        else:
            self._opened(begin)
            self._asyncs[key].append(begin)
            self._names[key[0]].add(key[1])

    def async_end(self, key: tuple[int, bytes], end_ns: int) -> None:
        """The latest async span with this key ends; of this id alone, if the end has no name."""
        if not key[1]:
            names = self._names.get(key[0], ())
            key = max(((key[0], name) for name in names), key=lambda key: self._asyncs[key][-1].start_ns, default=key)
        if begins := self._asyncs.get(key):
            self._ended(begins.pop(), end_ns)
            if not begins:
                del self._asyncs[key]
                self._names[key[0]].discard(key[1])
                if not self._names[key[0]]:
                    del self._names[key[0]]
        elif len(self._early_ends) < MAX_OPEN and not self._is_full():
            self._open_bytes += len(key[1])
            self._early_ends.setdefault(key, []).append(end_ns)
        else:
            self._timeline.left_out[_NO_BEGIN] += 1

    def finish(self) -> None:
        """Take what has never ended."""
        for stack in self._stacks.values():
            for _, begin in stack:
                self._never_ended(begin)
        for begins in self._asyncs.values():
            for begin in begins:
                self._never_ended(begin)
        if ends := sum(map(len, self._early_ends.values())):
            self._timeline.left_out[_NO_BEGIN] += ends

    def _is_full(self) -> bool:
        return self._open >= MAX_OPEN or self._open_bytes >= MAX_OPEN_BYTES

    def _opened(self, begin: _Begin) -> None:
        self._open += 1
        self._open_bytes += len(begin.rest)

    def _ended(self, begin: _Begin, end_ns: int) -> None:
        self._open -= 1
        self._open_bytes -= len(begin.rest)
        dur_ns = self._timeline.length_ns(end_ns - begin.start_ns)
        self._timeline.add("X", begin.track, begin.start_ns, dur_ns, begin.rest)

    def _never_ended(self, begin: _Begin) -> None:
        self._timeline.add("X", begin.track, begin.start_ns, OPEN_NS, begin.rest)


_NO_BEGIN: Final = "ends without a begin"
