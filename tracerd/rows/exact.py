"""The spans of any track, exactly, as `replay` plays it."""

from collections.abc import Callable

from tracerd.replay.kinds import Finding
from tracerd.replay.order import Order
from tracerd.replay.slices import PENDING, Names, SliceStack
from tracerd.replay.track import Track
from tracerd.rows.spans import Spans


def play(track: Track, order: Order, spans: Spans, names: Names, report: Callable[[Finding], None]) -> None:
    """Put the spans of a track where they belong.

    Args:
        track: As in `pairs`, but without the bits of errors.
        order: Of the whole trace.
        spans: Where to; empty. Its errors are indices of the track.
        names: What the numbers of names stand for.
        report: Called with what is wrong; lines are indices of the track.
    """
    stack = SliceStack(names, report, record=spans)
    for at, phase in track.in_order(order.rank):
        ts, name, cat = track.ts[at], track.name[at], track.cat[at]
        match phase:
            case "X":
                stack.start(ts, track.dur[at], name, cat, at, is_x=True)
            case "B":
                stack.start(ts, PENDING, name, cat, at)
            case "i":
                stack.start(ts, 0, name, cat, at)
            case _:
                stack.end(ts, name, cat, at)
    stack.finish()
