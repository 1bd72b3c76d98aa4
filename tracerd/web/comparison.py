"""The route that compares two traces: builds by their steps, all else by their spans."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tracerd.builds.ninja_files import learn
from tracerd.builds.steps import Build
from tracerd.builds.summary import summarize
from tracerd.query.keys import parse_keys
from tracerd.query.where import Where, compile_where
from tracerd.view.build_diff import BuildDiff
from tracerd.view.chosen import choose
from tracerd.view.diff import Comparison, Side
from tracerd.view.groups import By
from tracerd.view.span_columns import TYPES
from tracerd.view.whole import read_whole
from tracerd.web.forms import Parameter
from tracerd.web.routing import Asked, Route


@dataclass(frozen=True, slots=True)
class _Side:
    """A trace, of whose spans no more is kept than the figures: then there is room for the other."""

    spans: Side
    build: Build | None


def _side(asked: Asked, trace_id: str, keys: By, condition: Where | None, *, may_be_build: bool) -> _Side:
    source, work = asked.store.source(trace_id), asked.work
    inputs = keys if condition is None else (*keys, *condition.inputs)
    recording, steps = read_whole(source, inputs, work.ticked, work.tick, may_be_build=may_be_build)
    build = steps.build()
    if build:
        learn(build)
    return _Side(Side(choose(recording, condition), keys), build if build and build.has_steps else None)


def _compare(asked: Asked) -> Mapping[str, object]:
    values = asked.values
    by, where, ids = values.text("by"), values.text("where"), (values.text("a") or "", values.text("b") or "")
    keys = parse_keys(by or "name", "spans", TYPES, source="by")
    condition = compile_where(where, "spans", TYPES, source="where")
    may_be_build = by is None and where is None
    a, b = (_side(asked, trace_id, keys, condition, may_be_build=may_be_build) for trace_id in ids)
    limit = values.number("limit")
    if a.build and b.build:
        return BuildDiff(summarize(a.build), summarize(b.build)).as_json(ids, limit)
    return Comparison(a.spans, b.spans, keys).as_json(ids, limit)


ROUTE: Final = Route(
    "GET",
    "/api/compare",
    "Two traces side by side, as `tracerd diff --json` prints them: what differs most comes first.",
    _compare,
    (
        Parameter("a", "The trace before.", is_required=True),
        Parameter("b", "The trace after.", is_required=True),
        Parameter("by", "What spans are grouped by, as of `tracerd diff --by`; of builds it asks for spans."),
        Parameter("where", "Only spans for which this expression is true; of builds it asks for spans."),
        Parameter("limit", "How many groups.", minimum=1, maximum=1000, default="100"),
    ),
)

ROUTES: Final = (ROUTE,)
