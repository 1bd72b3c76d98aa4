"""A metric over time, drawn by a script from the values that are in the page; without a metric the list of them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from tracerd.query.windows import MAX_SERIES, MAX_WINDOWS, Series, Windowed
from tracerd.view.query_text import number_text
from tracerd.web import metrics
from tracerd.web.answers import bad_request
from tracerd.web.forms import Parameter
from tracerd.web.pages.asking import Pairs, as_asked, chosen, in_a_day, parameter, ranges
from tracerd.web.pages.links import with_changes
from tracerd.web.pages.page import page
from tracerd.web.routing import Asked

PATH: Final = "/charts"
"""`/metrics` is what Prometheus reads."""

TOGETHER: Final = "*"
"""The value of `by` for one series of all points."""

MAX_NAMES: Final = 500

_SHARED: Final = ("name", "trace", "from", "to", "agg", "step")


def _metrics(asked: Asked) -> Mapping[str, object]:
    own, given = asked.values.given(), in_a_day(asked.values)
    shown: dict[str, object] = {
        "values": asked.values,
        "since": dict(given).get("from"),
        "ranges": ranges(PATH, own),
        "path": PATH,
        "name": asked.values.text("name"),
    }
    if asked.values.text("name") is None:
        points = metrics.points_by_name(as_asked(asked, metrics.NAMES, chosen(given, ("trace", "from", "to"))))
        names = [(name, count, with_changes(PATH, own, name=name)) for name, count in points.items()]
        return {**shown, "names": sorted(names)[:MAX_NAMES], "more": max(len(names) - MAX_NAMES, 0)}
    query = [*chosen(given, _SHARED), *_labels(asked.values.texts("label")), *_groups(asked.values.texts("by"))]
    return {
        **shown,
        **_chart(asked, metrics.measured(as_asked(asked, metrics.QUERY, query))),
        "api": with_changes(metrics.QUERY.path, query),
    }


def _chart(asked: Asked, measured: metrics.Measured) -> dict[str, object]:
    found, given = measured.windowed, asked.values.given()
    numbers = sorted({number for series in found.series for number, _ in series.values})
    names = {*sorted(measured.names)[:MAX_NAMES], asked.values.text("name") or ""}
    return {
        "names": sorted(names),
        "times": _json([number * found.step for number in numbers]),
        "drawn": _json([_aligned(series, numbers) for series in found.series]),
        "series": [_row(series, given) for series in found.series],
        "step": found.step,
        "step_text": next((text for text, seconds in metrics.STEPS.items() if seconds == found.step), f"{found.step}s"),
        "labels": [(key, _count(number)) for key, number in found.label_values.items()],
        "too_many": _advice(found, given),
        "without_time": measured.without_time,
        "older": MAX_WINDOWS if found.has_older else 0,
        "steps": [*metrics.STEPS],
        "functions": parameter(metrics.QUERY, "agg").choices,
        "together": TOGETHER,
    }


def _aligned(series: Series, numbers: Iterable[int]) -> list[object]:
    values = dict(series.values)
    return [values.get(number) for number in numbers]


def _row(series: Series, given: Pairs) -> dict[str, Any]:
    """A series in the table: its labels, each with the address of what has it, and the figures of its windows."""
    values = [value for _, value in series.values if value is not None]
    return {
        "labels": [
            (key, value, with_changes(PATH, [*given, ("label", f"{key}={value}")]) if _is_unasked(given, key) else None)
            for key, value in series.labels.items()
        ],
        "latest": number_text(values[-1] if values else None),
        "least": number_text(min(values, default=None)),
        "most": number_text(max(values, default=None)),
    }


def _is_unasked(given: Pairs, key: str) -> bool:
    """Whether no label with this key is asked for."""
    return not any(name == "label" and value.startswith(f"{key}=") for name, value in given)


def _advice(found: Windowed, given: Pairs) -> dict[str, Any] | None:
    """If there are too many series: the labels that make them, and addresses of fewer."""
    if not found.too_many:
        return None
    others = [key for key in found.label_values if key not in found.too_many]
    without = [(name, value) for name, value in given if name != "by"]
    return {
        "labels": [(key, _count(number)) for key, number in found.too_many.items()],
        "most": MAX_SERIES,
        "by": [(key, with_changes(PATH, [*without, ("by", key)])) for key in others],
        "together": with_changes(PATH, [*without, ("by", TOGETHER)]),
    }


def _count(number: int) -> str:
    if number > MAX_SERIES:
        return f"more than {MAX_SERIES} values"
    return "1 value" if number == 1 else f"{number} values"


def _labels(given: Iterable[str]) -> Pairs:
    """The parameter `labels` of the API: `host=a` and such as an object."""
    found: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise bad_request(f"label: expected KEY=VALUE, not {text!r}")
        found[key] = value
    return [("labels", _json(found))] if found else []


def _groups(given: Iterable[str]) -> Pairs:
    """The parameters `group_by` of the API; no label has the empty name, so by that all are one series."""
    keys = [*given]
    return [("group_by", "")] if TOGETHER in keys else [("group_by", key) for key in keys]


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


PAGES: Final = (
    page(
        PATH,
        "metrics.html",
        _metrics,
        (
            *(parameter(metrics.QUERY, name) for name in _SHARED),
            Parameter("label", "Only points with this label, such as `host=a`; several: all.", is_repeatable=True),
            Parameter("by", "A series for each value of this label; `*`: one of all points.", is_repeatable=True),
        ),
    ),
)
