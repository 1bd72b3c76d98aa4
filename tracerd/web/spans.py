"""The route of one trace: what is known of it, and its spans by their start."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tracerd.rows.names import ProcessNames
from tracerd.rows.source import Source
from tracerd.rows.table import Table
from tracerd.rows.table_values import at_path
from tracerd.text import printable
from tracerd.web.answers import Refusal, bad_request
from tracerd.web.forms import Parameter
from tracerd.web.routing import Asked, Route
from tracerd.web.traces import iso, item
from tracerd.web.work import Work

USUAL_SPANS: Final = 10_000
MAX_SPANS: Final = 100_000
"""As many as a page loads: each answer reads the whole trace, so ten smaller ones take ten times as long."""

_INPUTS: Final = (
    "ts_us", "line", "parent", "depth", "name", "cat", "process", "thread", "time", "dur_us", "error", "args", "pid",
    "tid",
)  # fmt: skip

_CURSOR: Final = re.compile(r"(-?[0-9.e+-]{1,40})_([0-9]{1,18})", re.ASCII)


def rows_of(source: Source, relation: str, inputs: Iterable[Any], work: Work) -> Iterable[tuple[Any, ...]]:
    """The rows of a trace, with the names of its processes."""
    inputs = tuple(inputs)
    names = ProcessNames()
    names.take(work.ticked(source.blocks()))
    table = Table(relation, inputs, source.trace_id, names, in_order=False)
    return table.rows(work.ticked(source.blocks()))


def known(asked: Asked) -> dict[str, object]:
    """What is known of the trace in the path, without its spans.

    Raises:
        Refusal: There is none.
    """
    trace_id = asked.path["id"]
    for found in asked.store.described(asked.work):
        if found.log.trace_id == trace_id:
            return item(found)
    raise Refusal("NOT_FOUND", f"there is no trace {printable(trace_id)!r}")


def _detail(asked: Asked) -> Mapping[str, object]:
    trace_id = asked.path["id"]
    source = asked.store.source(trace_id)
    about = known(asked)
    after = _after(asked.values.text("cursor"))
    limit = asked.values.number("limit")
    rows = sorted(rows_of(source, "spans", _INPUTS, asked.work), key=_place)
    if after is not None:
        rows = [row for row in rows if _place(row) > after]
    some = rows[:limit]
    return {
        **about,
        "observations": [_observation(trace_id, row) for row in some],
        "meta": {"limit": limit, "nextCursor": "{!r}_{}".format(*_place(some[-1])) if len(rows) > limit else None},
    }


def _place(row: tuple[Any, ...]) -> tuple[float, int]:
    return float(row[0] or 0), row[1]


def _after(cursor: str | None) -> tuple[float, int] | None:
    if cursor is None:
        return None
    match = _CURSOR.fullmatch(cursor)
    try:
        if match:
            return float(match[1]), int(match[2])
    except ValueError:
        pass
    raise bad_request("cursor: expected what `meta.nextCursor` of an answer was")


def _observation(trace_id: str, row: tuple[Any, ...]) -> dict[str, object]:
    ts_us, line, parent, depth, name, cat, process, thread, time, dur_us, error, args, pid, tid = row
    message = (at_path(args, ("error",)) or at_path(args, ("message",))) if error else None
    return {
        "id": f"{trace_id}:{line}",
        "traceId": trace_id,
        "parentObservationId": None if parent is None else f"{trace_id}:{parent}",
        "type": "SPAN",
        "name": name,
        "startTime": iso(time),
        "endTime": None if time is None or dur_us is None else iso(time + dur_us),
        "latency": None if dur_us is None else dur_us / 1e6,
        "level": "ERROR" if error else "DEFAULT",
        "statusMessage": message if isinstance(message, str) else None,
        "category": cat,
        "process": process,
        "thread": thread,
        "pid": pid,
        "tid": tid,
        "depth": depth,
        "tsUs": ts_us,
        "metadata": args if isinstance(args, dict) else {},
    }


ROUTES: Final = (
    Route(
        "GET",
        "/api/public/traces/{id}",
        "A trace with its spans, the first begun first: a span lies in the one that `parentObservationId` names.",
        _detail,
        (
            Parameter("limit", "How many spans.", minimum=1, maximum=MAX_SPANS, default=str(USUAL_SPANS)),
            Parameter("cursor", "Go on behind the spans of an answer: its `meta.nextCursor`."),
        ),
    ),
)
