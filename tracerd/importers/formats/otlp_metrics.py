"""OpenTelemetry's metrics as counters, with their attributes as labels; and each point as it came, as metadata.

What has no counter of its own gets several, named as Prometheus names them: a histogram its count, its sum, and how
many values were up to each bound; a summary its quantiles.
"""

import sys
from collections.abc import Hashable, Iterator
from typing import Final

from tracerd.client.encode import labels_text
from tracerd.importers.fields import array, fields, nanoseconds, number, objects, text
from tracerd.importers.timeline import Timeline, rest_of, text_id
from tracerd.otlp.forms import METRIC_LINE, POINT_LINE, kept
from tracerd.otlp.schema import DATA, METRIC, POINTS

_DELTA: Final = (1, "AGGREGATION_TEMPORALITY_DELTA")
_NO_VALUE: Final = 1
"""The flag of a point that only says that its series has ended."""

_MAX_SUMS: Final = 1_000_000

_MAX_INT: Final = 2**63
"""Perfetto reads integers below."""

_Value = tuple[str, dict[str, object], int | float | None]
"""The end of a counter's name, its labels beside those of the point, and the number."""


_Series = tuple[Hashable, str, str]


class Totals:
    """The sums of changes, by process, name and labels; when there are too many, all begin anew, as counters may.

    Args:
        before: Sums to go on from, which stay as they are until they `keep` these.

    Attributes:
        sums: Those that have changed.
    """

    def __init__(self, before: "Totals | None" = None) -> None:
        self._before = {} if before is None else before.sums
        self.sums: dict[_Series, int | float] = {}

    def add(self, key: _Series, change: int | float) -> int | float:
        """Add a change, and give the sum."""
        total = self.sums[key] = self.sums.get(key, self._before.get(key, 0)) + change
        return total

    def keep(self, later: "Totals") -> None:
        """Take over the sums that went on from these."""
        if len(self.sums) + len(later.sums) > _MAX_SUMS:
            self.sums.clear()
        self.sums.update(later.sums)


class Metrics:
    """Takes metrics.

    Args:
        timeline: Where to.
        totals: Of points that are changes, the sums so far: a counter is a number as it is from now on.
    """

    def __init__(self, timeline: Timeline, totals: "Totals") -> None:
        self._timeline = timeline
        self._totals = totals

    def take(self, metric: dict[str, object], process: Hashable, scope: dict[str, object]) -> None:
        """Take all points of a metric of this process; `scope` has the id of its scope, if it has one."""
        timeline = self._timeline
        track = timeline.track(process, "metrics", "metrics")
        name = text(metric.get("name")) or "?"
        for kind, schema in POINTS.items():
            if kind not in metric:
                continue
            data = fields(metric[kind])
            about = {"kind": kind, **scope, **kept(METRIC, metric), **kept(DATA, data)}
            about["id"] = text_id(process, about)
            timeline.about(process, METRIC_LINE, about)
            is_delta = data.get("aggregationTemporality") in _DELTA
            for point in objects(data.get("dataPoints")):
                if not (at_ns := nanoseconds(point.get("timeUnixNano"), 1)):
                    timeline.left_out["points without a time"] += 1
                    continue
                exact = kept(schema, point)
                timeline.add("M", track, at_ns, 0, rest_of(POINT_LINE, "", {"metric": about["id"], **exact}))
                labels = fields(exact.get("attributes"))
                for end, more, value in _values(kind, point):
                    series = labels_text(labels | more)
                    shown = value
                    if is_delta and value is not None:
                        shown = self._totals.add((process, name + end, series), value)
                    self._draw(track, name + end, at_ns, shown, series)

    def _draw(self, track: int, name: str, at_ns: int, value: int | float | None, series: str) -> None:
        if value is None or not abs(value) <= sys.float_info.max:
            self._timeline.left_out["points without a value"] += 1
        else:
            shown = float(value) if abs(value) >= _MAX_INT else value
            self._timeline.counter(track, name, at_ns, shown, series)


def _values(kind: str, point: dict[str, object]) -> Iterator[_Value]:
    """The numbers of a point; one of 0 may be absent."""
    flags = point.get("flags")
    if isinstance(flags, int) and flags & _NO_VALUE:
        yield "", {}, None
        return
    if kind in ("gauge", "sum"):
        yield "", {}, number(point.get("asInt", point.get("asDouble")))
        return
    yield "_count", {}, number(point.get("count", 0))
    if "sum" in point:
        yield "_sum", {}, number(point["sum"])
    for quantile in objects(point.get("quantileValues")):
        yield "", {"quantile": _short(quantile.get("quantile", 0))}, number(quantile.get("value", 0))
    if kind == "histogram":
        yield from _buckets(array(point.get("explicitBounds")), array(point.get("bucketCounts")))


def _buckets(bounds: list[object], counts: list[object]) -> Iterator[_Value]:
    up_to: int | float = 0
    for bound, count in zip([*bounds, "+Inf"], counts, strict=False):
        up_to += number(count) or 0
        yield "_bucket", {"le": _short(bound)}, up_to


def _short(bound: object) -> object:
    """A number as it is written without a need: 1 for 1.0."""
    return int(bound) if isinstance(bound, float) and bound.is_integer() and abs(bound) < _MAX_INT else bound
