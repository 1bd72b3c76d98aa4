"""The spans of any track, exactly, as `replay` plays it."""

from array import array
from collections.abc import Callable
from itertools import chain

from tracerd.replay.kinds import Finding
from tracerd.replay.order import Order
from tracerd.replay.slices import PENDING, Names, SliceStack
from tracerd.replay.track import Track
from tracerd.rows.ordinary import WITHOUT_ERROR
from tracerd.rows.spans import NO_LINE, Spans
from tracerd.rows.track_events import Columns, Labels


def play(
    columns: Columns,
    labels: Labels,
    order: Order,
    spans: Spans,
    names: Names,
    report: Callable[[Finding], None],
) -> None:
    """Put the spans of a track where they belong.

    Args:
        columns: As in `ordinary`.
        labels: What the numbers of labels stand for.
        order: Of the whole trace.
        spans: Where to; empty. Its errors are indices of the track.
        names: What the numbers of names stand for.
        report: Called with what is wrong; lines are indices of the track.
    """
    track = Track()
    track.ts, track.dur = columns.ts, columns.dur
    track.name.extend(map(labels.name.__getitem__, columns.label))
    track.cat.extend(map(labels.cat.__getitem__, columns.label))
    track.phases += columns.phases.translate(WITHOUT_ERROR)
    stack = SliceStack(names, report, record=spans)
    for at in chain.from_iterable(track.in_order(order.rank)):
        ts, name, cat = track.ts[at], track.name[at], track.cat[at]
        match chr(track.phases[at]):
            case "X":
                stack.start(ts, track.dur[at], name, cat, at, is_x=True)
            case "B":
                stack.start(ts, PENDING, name, cat, at)
            case "i":
                stack.start(ts, 0, name, cat, at)
            case _:
                stack.end(ts, name, cat, at)
    stack.finish()
    if columns.lines:
        spans.line = array("q", map(columns.lines.__getitem__, spans.line))
        spans.end_line = array("q", (at if at == NO_LINE else columns.lines[at] for at in spans.end_line))
