"""The spans of an ordinary track, in one loop: what `replay` makes of it, in a fraction of the time.

A track is ordinary if its spans nest, each E ends the topmost B, and nothing lies deeper than Perfetto goes. At the
first thing that is out of the ordinary this one gives up: the track is then played by `replay`, which is exact.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from typing import Final

from tracerd.replay.observer import NO_PARENT
from tracerd.replay.order import Order
from tracerd.replay.slices import MAX_DEPTH, NO_NAME
from tracerd.replay.track import PHASE, in_order, picked
from tracerd.rows.spans import ERROR, INSTANT, NO_LINE, Spans
from tracerd.rows.track_events import ERROR_BIT, Columns, Labels

WITHOUT_ERROR: Final = bytes(byte & ~ERROR_BIT for byte in range(256))
_FLAGS: Final = bytes(
    (INSTANT if byte & ~ERROR_BIT == PHASE["i"] else 0) | (ERROR if byte & ERROR_BIT else 0) for byte in range(256)
)
_IS_BEGIN: Final = bytes(byte & ~ERROR_BIT != PHASE["E"] for byte in range(256))

_END: Final = PHASE["E"]
_BEGIN: Final = PHASE["B"]
_NO_LIMIT: Final = 2**65
_OPEN: Final = -2
"""An open span is on the stack as `_OPEN - at`, one with a duration as `at`, and NO_PARENT lies at the bottom."""


def play(track: Columns, labels: Labels, order: Order, spans: Spans, tick: Callable[[], None]) -> bool:
    """Put the spans of a track where they belong. False if it is out of the ordinary; then they are not all there.

    Args:
        track: Its begun and complete spans have a name.
        labels: What the numbers of labels stand for.
        order: Of the whole trace.
        spans: Where to; empty.
        tick: Called once for so many spans.
    """
    ends = [_NO_LIMIT]  # when each open span has ended at the latest
    stack = [NO_PARENT]
    for window in _in_order(track, order):
        tick()
        if not _play_window(track, labels, window, spans, ends, stack):
            return False
    return True


def _in_order(track: Columns, order: Order) -> Iterator[Sequence[int]]:
    ts, dur, phases = track.ts, track.dur, track.phases
    return in_order(ts, lambda at: order.rank(ts[at], chr(phases[at] & ~ERROR_BIT), dur[at]))


def _play_window(
    track: Columns, labels: Labels, window: Sequence[int], spans: Spans, ends: list[int], stack: list[int]
) -> bool:
    phases = bytes(picked(track.phases, window))
    times, lengths = picked(track.ts, window), picked(track.dur, window)
    is_begin = phases.translate(_IS_BEGIN)
    at = len(spans.flags)
    spans.ts.fromlist(list(compress(times, is_begin)))
    spans.dur.fromlist(list(compress(lengths, is_begin)))
    of_begins = list(compress(picked(track.label, window), is_begin))
    spans.name.extend(picked(labels.name, of_begins))
    spans.cat.extend(picked(labels.cat, of_begins))
    spans.flags += bytes(compress(phases, is_begin)).translate(_FLAGS)
    if track.lines:
        spans.line.extend(compress(picked(track.lines, window), is_begin))
        spans.end_line.extend([NO_LINE] * (len(spans.line) - len(spans.end_line)))
    durs = spans.dur
    add_parent = spans.parent.append
    for index, phase, ts, dur in zip(window, phases.translate(WITHOUT_ERROR), times, lengths, strict=True):
        while ends[-1] <= ts:
            if not dur and ends[-1] == ts and stack[-1] >= 0 and not durs[stack[-1]]:
                if not _are_moments(ts, ends, stack, durs):
                    return False
                break  # of two moments at one time the first is around the second
            ends.pop()
            if stack.pop() < NO_PARENT:  # an open span that is not ended before the one around it
                return False
        top = stack[-1]
        if phase == _END:
            if top != NO_PARENT:  # else it ends nothing
                if top > NO_PARENT or not _end(track, labels, index, spans, _OPEN - top):
                    return False
                ends.pop()
                stack.pop()
            continue
        add_parent(top if top >= NO_PARENT else _OPEN - top)
        if dur >= 0:
            if ts + dur > ends[-1]:
                return False
            ends.append(ts + dur)
            stack.append(at)
        elif phase == _BEGIN:
            # It must have ended when the one around it has; one ns later is too late.
            ends.append(ends[-1] + (top >= 0))
            stack.append(_OPEN - at)
        else:
            return False
        if len(ends) > MAX_DEPTH:
            return False
        at += 1
    return True


def _are_moments(ts: int, ends: list[int], stack: list[int], durs: "array[int]") -> bool:
    """Whether each span on top of the stack that ends now has no length."""
    at = len(ends) - 1
    while ends[at] == ts:
        if stack[at] < 0 or durs[stack[at]]:
            return False
        at -= 1
    return True


def _end(track: Columns, labels: Labels, index: int, spans: Spans, begin: int) -> bool:
    """End an open span. False if this is not its end."""
    label = track.label[index]
    if labels.name[label] not in (NO_NAME, spans.name[begin]) or labels.cat[label] not in (NO_NAME, spans.cat[begin]):
        return False
    spans.dur[begin] = track.ts[index] - spans.ts[begin]
    if track.lines:
        spans.end_line[begin] = track.lines[index]
    if track.phases[index] & ERROR_BIT:
        spans.flags[begin] |= ERROR
    return True
