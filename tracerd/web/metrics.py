"""The routes of metrics: the names of points, and one in windows of time."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tracerd.query.computation import Window
from tracerd.query.windows import FUNCTIONS, Windowed, Windows
from tracerd.view.metrics import as_json
from tracerd.web.answers import bad_request
from tracerd.web.forms import Parameter
from tracerd.web.log_rows import Selection
from tracerd.web.routing import Asked, Route

STEPS: Final[Mapping[str, int]] = {
    "1s": 1, "10s": 10, "30s": 30, "1m": 60, "5m": 300, "10m": 600, "30m": 1800, "1h": 3600, "6h": 21600,
    "1d": 86400,
}  # fmt: skip

_MIN_TIME_US, _MAX_TIME_US = -62_135_596_800_000_000, 253_402_300_800_000_000
"""The years 1 to 9999."""

_TRACE: Final = Parameter("trace", "Only of this trace; several: of any of them.", is_repeatable=True)
_FROM: Final = Parameter("from", "Only points from then on.", is_time=True)
_TO: Final = Parameter("to", "Only points before.", is_time=True)


_DAY_US: Final = 86400 * 1_000_000

_POINTS: Final = Selection("points", ("name", "labels", "value", "time"))


def since_us(window: Window | None) -> float | None:
    """A log that was written last before this holds nothing of a window, even if a clock was a day wrong."""
    return None if window is None or window.start is None else window.start - _DAY_US


def _points(asked: Asked, window: Window | None) -> Iterator[tuple[Any, ...]]:
    """Name, labels, value and time of each point in a window."""
    low = _MIN_TIME_US if window is None or window.start is None else window.start
    high = _MAX_TIME_US if window is None or window.end is None else window.end
    for log in asked.store.rows(asked.values.texts("trace"), _POINTS, asked.work, since_us=since_us(window)):
        for row in log.rows:
            time = row[3]
            if (time is None and window is None) or (time is not None and low <= time < high):
                yield row


def points_by_name(asked: Asked) -> Counter[str]:
    """How many points each metric has."""
    return Counter(row[0] for row in _points(asked, asked.values.window("from", "to")))


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric.

    Attributes:
        windowed: It in windows of time.
        names: How many points each metric has, this one among them.
        without_time: How many points of this one are in no window, since their time is not known.
    """

    windowed: Windowed
    names: Counter[str]
    without_time: int


def measured(asked: Asked) -> Measured:
    """The metric that the parameters of QUERY ask for."""
    values = asked.values
    name, step = values.text("name"), values.text("step")
    by = values.texts("group_by")
    windows = Windows(
        values.text("agg") or "", STEPS[step] if step else None, _labels(values.text("labels")), by or None
    )
    names: Counter[str] = Counter()
    without_time = 0
    for other, labels, value, time in _points(asked, values.window("from", "to")):
        names[other] += 1
        if other != name:
            continue
        if time is None:
            without_time += 1
        else:
            windows.take(labels, time, value)
    return Measured(windows.result(), names, without_time)


def _names(asked: Asked) -> Mapping[str, object]:
    return {"data": sorted(points_by_name(asked))}


def _query(asked: Asked) -> Mapping[str, object]:
    return as_json(measured(asked).windowed, is_wall=True)


def _labels(text: str | None) -> list[tuple[str, str]]:
    if text is None:
        return []
    try:
        return list(msgspec.json.decode(text, type=dict[str, str]).items())
    except msgspec.DecodeError:
        raise bad_request("""labels: expected an object of texts, such as {"host":"a"}""") from None


NAMES: Final = Route("GET", "/api/public/metrics/names", "The names of metrics.", _names, (_TRACE, _FROM, _TO))

QUERY: Final = Route(
    "GET",
    "/api/public/metrics/query",
    "A metric in windows of time, a series for each set of labels.",
    _query,
    (
        Parameter("name", "The metric.", is_required=True),
        _TRACE,
        _FROM,
        _TO,
        Parameter("labels", 'Only points with these labels, such as `{"host":"a"}`.'),
        Parameter("step", "The length of a window; without it as short as 60 windows allow.", choices=[*STEPS]),
        Parameter("agg", "Of the values in a window.", choices=FUNCTIONS, default="avg"),
        Parameter("group_by", "A series for each value of this label; may be repeated.", is_repeatable=True),
    ),
)

ROUTES: Final = (NAMES, QUERY)
