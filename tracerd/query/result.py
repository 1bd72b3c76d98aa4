"""What a computation gives, and how it is written as JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from tracerd.query.kinds import Number

MetricValue = Number | None | dict[str, Number | None]
"""A number; of a metric with keys one for each group, by the text of its key, in the order of texts."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a tracker gives of some events.

    Attributes:
        total_events: How many events were chosen.
        window_events: How many of these are valid, and in the window.
        metrics: By name, in the order of the tracker.
        alerts: `alert`, `event_id` and `value` of each, as far as they are kept.
        alert_count: How many there are.
        invalid: How many events are not as the tracker declares.
        first_invalid: What is wrong with the first of them.
        nulls: How often arithmetic had no result, by what was computed.
    """

    total_events: int
    window_events: int
    metrics: dict[str, MetricValue]
    alerts: list[dict[str, object]]
    alert_count: int
    invalid: int
    first_invalid: list[str]
    nulls: dict[str, int]

    def as_json(self, digits: int | None = None) -> dict[str, object]:
        """The four keys of its JSON, with the metrics by name, and floats rounded to so many decimals."""
        metrics: dict[str, object] = {}
        for name, value in sorted(self.metrics.items()):
            metrics[name] = value if digits is None else _rounded(value, digits)
        return {
            "total_events": self.total_events,
            "window_events": self.window_events,
            "metrics": metrics,
            "alerts": self.alerts,
        }


def _rounded(value: MetricValue, digits: int) -> MetricValue:
    if isinstance(value, dict):
        return {key: round_half_up(number, digits) for key, number in value.items()}
    return round_half_up(value, digits)


def round_half_up(number: Number | None, digits: int) -> Number | None:
    """A float to so many decimals of its shortest form, halves away from 0; an integer stays."""
    if not isinstance(number, float):
        return number
    place = Decimal(1).scaleb(-digits)
    exact = Decimal(repr(number))
    if exact.adjusted() > 20:  # it has no decimals
        return number
    return float(exact.quantize(place, ROUND_HALF_UP)) or 0.0


def delta(base: Result, hypothetical: Result) -> dict[str, MetricValue]:
    """By how much each metric of the second is larger; null where one of the two is no number."""
    return {name: _difference(value, hypothetical.metrics[name]) for name, value in sorted(base.metrics.items())}


def comparison_json(base: Result, hypothetical: Result, digits: int | None) -> dict[str, object]:
    """Both, and by how much the second is larger, as JSON."""
    changes = delta(base, hypothetical)
    return {
        "base": base.as_json(digits),
        "hypothetical": hypothetical.as_json(digits),
        "delta": {
            "total_events_delta": hypothetical.total_events - base.total_events,
            "metrics": changes if digits is None else {name: _rounded(one, digits) for name, one in changes.items()},
        },
    }


def _difference(a: MetricValue, b: MetricValue) -> MetricValue:
    if isinstance(a, dict) and isinstance(b, dict):
        return {key: _number_difference(a.get(key), b.get(key)) for key in sorted(a.keys() | b.keys())}
    if isinstance(a, dict) or isinstance(b, dict):
        return None
    return _number_difference(a, b)


def _number_difference(a: Number | None, b: Number | None) -> Number | None:
    return None if a is None or b is None else b - a


def json_text(value: Mapping[str, object]) -> str:
    """Compact JSON: the same bytes for the same value. Integers may be of any size."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
