"""OpenTelemetry's metrics as counters, with their attributes as labels.

What has no counter of its own gets several, named as Prometheus names them: a histogram its count, its sum, and how
many values were up to each bound; a summary its quantiles.
"""

import sys
from collections.abc import Hashable, Iterator
from typing import Final

from tracerd.client.encode import labels_text
from tracerd.importers.fields import array, fields, nanoseconds, number, objects, text
from tracerd.importers.formats.otlp_values import attributes
from tracerd.importers.timeline import Timeline

_KINDS: Final = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")
_DELTA: Final = (1, "AGGREGATION_TEMPORALITY_DELTA")
_NO_VALUE: Final = 1
"""The flag of a point that only says that its series has ended."""

_MAX_INT: Final = 2**63
"""Perfetto reads integers below."""

_Value = tuple[str, dict[str, object], int | float | None]
"""The end of a counter's name, its labels beside those of the point, and the number."""


class Metrics:
    """Takes metrics.

    Args:
        timeline: Where to.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._totals: dict[tuple[int, str, str], int | float] = {}
        """Of points that are changes, the sum so far: a counter is a number as it is from now on."""

    def take(self, metric: dict[str, object], service: Hashable) -> None:
        """Take all points of a metric of this process."""
        timeline = self._timeline
        track = timeline.track(service, "metrics", "metrics")
        name = text(metric.get("name")) or "?"
        for kind in _KINDS:
            data = fields(metric.get(kind))
            is_delta = data.get("aggregationTemporality") in _DELTA
            for point in objects(data.get("dataPoints")):
                if not (at_ns := nanoseconds(point.get("timeUnixNano"), 1)):
                    timeline.left_out["points without a time"] += 1
                    continue
                labels = attributes(point.get("attributes"))
                for end, more, value in _values(kind, point):
                    series = labels_text(labels | more)
                    total = self._total(track, name + end, series, value) if is_delta else value
                    if total is None or not abs(total) <= sys.float_info.max:
                        timeline.left_out["points without a value"] += 1
                        continue
                    shown = float(total) if abs(total) >= _MAX_INT else total
                    timeline.counter(track, name + end, at_ns, shown, series)
        if "exponentialHistogram" in metric:
            timeline.left_out["buckets of exponential histograms"] += 1

    def _total(self, track: int, name: str, series: str, change: int | float | None) -> int | float | None:
        if change is None:
            return None
        key = (track, name, series)
        total = self._totals[key] = self._totals.get(key, 0) + change
        return total


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
