"""The spans of a trace as tracing systems take them: with ids, a start in ns since 1970, and a parent."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, cast

from tracerd.exporters.ids import SPAN_DIGITS, span_id_of, trace_id_of
from tracerd.exporters.tables import INT64, Tables
from tracerd.otlp.forms import OTLP
from tracerd.rows.columns import Relation
from tracerd.rows.error_events import ERROR_KEYS, error_of
from tracerd.rows.table_values import service_of
from tracerd.trace_id import is_hex

_COLUMNS: Final = ("line", "name", "cat", "pid", "tid", "ts_us", "time", "dur_us", "parent", "process", "args")

_SURELY_FINE: Final = 1e15

Resource = tuple[str, str, object]
"""Service, process and pid."""


class TracedSpan(NamedTuple):
    """A span.

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits; those of `args.span_id`, if it has them.
        parent_id: Those of `args.parent_span_id`, else of the span around it on its thread; empty if there is none.
        resource: Whose it is.
        start_ns: Since 1970, or of the trace's own clock if that is not known.
        dur_ns: 0 if it was never ended.
        is_over: Whether it was ended.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    cat: str
    resource: Resource
    tid: object
    start_ns: int
    dur_ns: int
    is_over: bool
    is_error: bool
    args: Mapping[str, object]


def spans_of(trace: Tables) -> Iterator[TracedSpan]:
    """The spans of a trace, in the order of their lines."""
    trace_id = trace_id_of(trace.trace_id)
    given: dict[int, str] = {}  # the ids that spans have of their own, by line
    for line, name, cat, pid, tid, ts, time, dur, parent, process, raw in trace.rows(Relation.SPANS, _COLUMNS):
        args = args_of(raw)
        own_id = args.get("span_id")
        span_id = span_id_of(trace.trace_id, line, own_id)
        if span_id == own_id:
            given[line] = span_id
        parent_id = args.get("parent_span_id")
        if not (isinstance(parent_id, str) and is_hex(parent_id, SPAN_DIGITS)):
            if parent is None or OTLP in args:  # by its times alone it may lie in a stranger
                parent_id = ""
            else:
                parent_id = given.get(parent) or span_id_of(trace.trace_id, parent)
        yield TracedSpan(
            trace_id,
            span_id,
            parent_id,
            name,
            cat,
            (service_of(args.get("service"), process), process, pid),
            tid,
            start_ns(ts, time),
            0 if dur is None else to_ns(dur),
            dur is not None,
            not args.keys().isdisjoint(ERROR_KEYS) and error_of(*map(args.get, ERROR_KEYS)),
            args,
        )


def start_ns(ts_us: float | None, time_us: int | None) -> int:
    """A time in ns since 1970; by the trace's own clock if that is not known. Never below 0."""
    if ts_us is None:
        return 0
    own_ns = to_ns(ts_us)
    return max(own_ns, 0) if time_us is None else min(max(time_us * 1000 + own_ns % 1000, 0), INT64[-1])


def to_ns(time_us: float) -> int:
    """Microseconds to ns; what no 64 bits hold is cut."""
    if -_SURELY_FINE < time_us < _SURELY_FINE:
        return round(time_us * 1000)
    try:
        return min(max(round(time_us * 1000), INT64.start), INT64[-1])
    except OverflowError:  # beyond what a float holds
        return INT64[-1]


def args_of(args: object) -> Mapping[str, object]:
    """The args of an event; nothing if they are no object."""
    return cast("dict[str, object]", args) if isinstance(args, dict) else {}
