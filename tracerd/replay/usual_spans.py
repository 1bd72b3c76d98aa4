"""The spans that most logs consist of, taken in one loop: what `Trace.take` does with them, in a third of the time.

A span is usual if nothing is to be reported of it by itself. The first event that is anything else ends the loop.
"""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from tracerd.replay.clocks import SAMPLES
from tracerd.replay.events import EXACT_US, MAX_TIME_US, UNSET, USUAL_US, Event, Unset
from tracerd.replay.observer import Observer
from tracerd.replay.order import Order
from tracerd.replay.slices import Names
from tracerd.replay.threads import Id, Thread, Threads
from tracerd.replay.track import PHASE
from tracerd.trace_json.begin_marks import PROCESS_CAT

_X: Final = PHASE["X"]
_CODES: Final = {phase: PHASE[phase] for phase in "XBE"}

_Add = Callable[[tuple[int, int, int, int, int, int]], None]


class UsualSpans:
    """Takes usual spans.

    Args:
        threads: Where their threads are.
        order: Takes note of their times.
        names: The numbers of names and cats.
        observer: Gets them.
    """

    def __init__(self, threads: Threads, order: Order, names: Names, observer: Observer | None) -> None:
        self._threads = threads
        self._order = order
        self._names = names
        self._observe = observer.take if observer is not None else None
        self._known: dict[tuple[Id | Unset, Id | Unset], tuple[Thread, _Add]] = {}

    def take(self, run: Sequence[Event], start: int, line_no: int) -> int:
        """Take what is usual.

        Args:
            run: Events on consecutive lines.
            start: The index of the first to be taken.
            line_no: Its line.

        Returns:
            The index of the first event that was not taken.
        """
        known, names, order, observe = self._known, self._names, self._order, self._observe
        last, late_from, has_x = order.last, order.late_from, order.has_x
        at = start
        for event in islice(run, start, None):
            code, time, length = _CODES.get(event.ph), event.ts, event.dur
            if code is None or event.bind_id is not UNSET or event.cat == PROCESS_CAT:
                break
            if code == _X:
                if type(length) is float and USUAL_US <= length < EXACT_US:
                    dur = int(length * 1000.0 + 0.5)
                elif type(length) is int and 0 <= length <= MAX_TIME_US:
                    dur = length * 1000
                else:
                    break
            elif length is UNSET:
                dur = 0
            else:
                break
            if type(time) is float and USUAL_US <= time < EXACT_US:
                ts = int(time * 1000.0 + 0.5)
            elif type(time) is int and 0 <= time <= MAX_TIME_US:
                ts = time * 1000
            else:
                break
            try:
                thread, add = known[event.pid, event.tid]
            except KeyError:
                if not self._learn(event):
                    break
                thread, add = known[event.pid, event.tid]
            has_x = has_x or code == _X
            if ts > last or (ts == last and not has_x):
                last = ts
            elif ts < late_from:
                late_from = ts
            add((code, ts, dur, names[event.name], names[event.cat], line_no))
            if observe is not None:
                observe(line_no, event, thread, ts, dur)
            line_no += 1
            at += 1
        order.last, order.late_from, order.has_x = last, late_from, has_x
        return at

    def _learn(self, event: Event) -> bool:
        """Whether the thread of an event is one of which, and of whose process, it can show nothing new."""
        thread = self._threads.known(event.pid, event.tid)
        if thread is None or not (thread.is_used and thread.has_pid) or len(thread.process.samples) < SAMPLES:
            return False
        self._known[event.pid, event.tid] = thread, thread.track.add
        return True
