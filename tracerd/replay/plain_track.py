"""The tracks of which nothing is to be reported, found in one loop: then `SliceStack` need not play them.

A track is plain if its spans nest and each E ends the topmost B. This may fail to see that a track is plain, at events
of one time that are rare, but what it takes for plain is so.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from tracerd.replay.slices import MAX_DEPTH, NO_NAME
from tracerd.replay.track import PHASE, Track, picked

_X: Final = PHASE["X"]
_B: Final = PHASE["B"]
_E: Final = PHASE["E"]
_I: Final = PHASE["i"]

_NO_LIMIT: Final = 2**65
_COMPLETE: Final = -1
_MOMENT: Final = -2
"""On the stack, an open span is its index, a complete one is one of these."""


def is_plain(track: Track, windows: Iterable[Sequence[int]]) -> bool:
    """Whether nothing of a track is to be reported, arrows apart.

    Args:
        track: All of its events, packed.
        windows: Their indices in order.
    """
    ends = [_NO_LIMIT]  # when each span on the stack has ended at the latest
    stack = [_COMPLETE]
    for window in windows:
        if not _is_plain_window(track, window, ends, stack):
            return False
    return max(stack) < 0  # else one is never ended


def _is_plain_window(track: Track, window: Sequence[int], ends: list[int], stack: list[int]) -> bool:
    columns = (picked(column, window) for column in (track.phases, track.ts, track.dur))
    for index, phase, ts, dur in zip(window, *columns, strict=True):
        while ends[-1] <= ts:
            top = stack.pop()
            # An open span has not ended before the one around it; or two moments are at one time.
            if top >= 0 or (top == _MOMENT and ends[-1] == ts and not dur and phase != _B and phase != _E):
                return False
            ends.pop()
        if phase == _X and dur > 0:
            end = ts + dur
            if end > ends[-1]:
                return False
            ends.append(end)
            stack.append(_COMPLETE)
        elif phase == _E:
            if not _ends(track, index, stack.pop()):
                return False
            ends.pop()
        elif phase == _B:
            # It must have ended when the one around it has; one ns later is too late.
            ends.append(ends[-1] + (stack[-1] < 0))
            stack.append(index)
        elif dur or phase not in (_X, _I):
            return False
        else:
            ends.append(ts)
            stack.append(_MOMENT)
        if len(stack) > MAX_DEPTH + 1:  # with what lies at the bottom
            return False
    return True


def _ends(track: Track, end: int, begin: int) -> bool:
    """Whether an E ends what is on top of the stack."""
    return (
        begin >= 0 and track.name[end] in (NO_NAME, track.name[begin]) and track.cat[end] in (NO_NAME, track.cat[begin])
    )
