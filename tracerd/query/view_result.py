"""What a view of a tracker shows, computed as a tracker of its own with the key and filters that are asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tracerd.errors import InvalidEventError
from tracerd.query.kinds import Number
from tracerd.query.lexer import did_you_mean
from tracerd.query.result import MetricValue, Result
from tracerd.query.tracker import Tracker
from tracerd.query.tracker_tree import Metric
from tracerd.query.tree import Binary, Expr, Literal, Name
from tracerd.query.views import View
from tracerd.query.where import all_of

_VALUE, _COUNT, _TOTAL = "value", "count", "total "


class ViewQueryError(InvalidEventError):
    """Raised when a question names what its view does not have, or lacks what it needs."""


@dataclass(frozen=True, slots=True)
class ViewQuery:
    """What is asked of a view.

    Attributes:
        view: The view.
        metric: Which of its metrics, by the name that the view gives it.
        group_by: Which of its keys, likewise.
        filters: Values of its filters, likewise.
    """

    view: View
    metric: str
    group_by: str
    filters: Mapping[str, str]


def question(
    tracker: Tracker, view: str, metric: str | None, group_by: str | None, filters: Mapping[str, str]
) -> ViewQuery:
    """Check a question, of a view of a tracker; of an only metric or key the name may be left out.

    Raises:
        ViewQueryError: It does not fit the view.
    """
    found = tracker.views[_known(view, tracker.views, "view", "the tracker")]
    for name in filters:
        _known(name, found.filters, "filter", f"the view {found.name}")
    for name in found.required:
        if name not in filters:
            raise ViewQueryError(f"the view {found.name} needs --filter {name}=VALUE")
    return ViewQuery(
        found,
        _known(metric, found.metrics, "metric", f"the view {found.name}"),
        _known(group_by, found.group_by, "key", f"the view {found.name}"),
        filters,
    )


def _known(name: str | None, known: Mapping[str, object], what: str, where: str) -> str:
    if name is None and len(known) == 1:
        return next(iter(known))
    if name is None:
        names = ", ".join(known) or "none"
        raise ViewQueryError(f"which {what} of {where}? It has {names}")
    if name not in known:
        raise ViewQueryError(f'{where} has no {what} "{name}"{did_you_mean(name, known)}')
    return name


def tracker_of(tracker: Tracker, asked: ViewQuery) -> Tracker:
    """The tracker that computes what a view shows: its value and count by key, and its totals of everything."""
    metrics = {metric.name: metric for metric in tracker.tree.metrics}
    metric = metrics[asked.view.metrics[asked.metric]]
    by = (Name((asked.view.group_by[asked.group_by],)),)
    conditions: list[Expr] = [] if metric.where is None else [metric.where]
    conditions += [
        Binary("==", Name((asked.view.filters[name],)), Literal(value)) for name, value in asked.filters.items()
    ]
    where = all_of(conditions) if conditions else None
    found = [
        replace(metric, name=_VALUE, by=by, grain=None, where=where),
        Metric(_COUNT, "count", 0, None, by, None, where, metric.at),
    ]
    for name, (kind, of) in asked.view.totals.items():
        keys = by if kind == "distinct_count" else ()
        found.append(replace(metrics[of], name=f"{_TOTAL}{name}", by=keys, grain=None))
    return Tracker(replace(tracker.tree, metrics=tuple(found), alerts=(), views=()), tracker.text)


def view_json(asked: ViewQuery, result: Result) -> dict[str, object]:
    """What the view shows, as JSON; values of 0 and less are left out."""
    values, counts = _by_key(result.metrics[_VALUE]), _by_key(result.metrics[_COUNT])
    shown = {key: float(value) for key, value in values.items() if value is not None and value > 0}
    if asked.view.kind == "metric_series":
        buckets = sorted((bucket, key) for key in shown if (bucket := _number(key)) is not None)
        points = [{"label": "", "value": shown[key], "count": counts[key], "bucket": bucket} for bucket, key in buckets]
        return {"metric": asked.metric, "group_by": asked.group_by, "points": points}
    whole = sum(shown.values())
    items = [
        {"label": key, "value": value, "percentage": 100 * value / whole}
        for key, value in sorted(shown.items(), key=lambda item: (-item[1], item[0]))
    ]
    return {"items": items, "totals": {name: _total(result.metrics[f"{_TOTAL}{name}"]) for name in asked.view.totals}}


def _by_key(value: MetricValue) -> dict[str, Number | None]:
    return value if isinstance(value, dict) else {}


def _total(value: MetricValue) -> float:
    return float(len(value)) if isinstance(value, dict) else float(value or 0)


def _number(key: str) -> float | None:
    try:
        return float(key)
    except ValueError:
        return None
