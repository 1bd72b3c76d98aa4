"""The routes of traces: their list, one with its spans, and how many there were each day."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Final, TypeVar

from tracerd.catalog.choice import Choice, in_order
from tracerd.catalog.columns import COLUMNS, other_attributes
from tracerd.catalog.store import Described
from tracerd.query.grains import DAY_US, label
from tracerd.web.answers import bad_request
from tracerd.web.forms import Parameter, Values
from tracerd.web.routing import Asked, Route

_T = TypeVar("_T")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

MAX_LIMIT: Final = 500

PAGE: Final = Parameter("page", "The page, from 1.", minimum=1, maximum=1_000_000, default="1")
LIMIT: Final = Parameter("limit", "How many are on a page.", minimum=1, maximum=MAX_LIMIT, default="50")


def iso(time_us: float | None) -> str | None:
    """A time in microseconds since 1970 as RFC 3339; None if no calendar has it."""
    if time_us is None:
        return None
    try:
        seconds, micros = divmod(round(time_us), 1_000_000)
        return f"{_second(seconds)}.{micros:06}Z" if micros else f"{_second(seconds)}Z"
    except (OverflowError, ValueError):
        return None


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    """Many events are of one second, and a calendar is slow."""
    return (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()


def column(name: str) -> Callable[[Described], object]:
    """A column of the catalogue."""
    return COLUMNS[name].value


def _time(name: str) -> Callable[[Described], object]:
    value = column(name)

    def text(found: Described) -> object:
        time = value(found)
        return iso(time) if isinstance(time, int) else None

    return text


def _latency(found: Described) -> object:
    dur_us = column("dur_us")(found)
    return dur_us / 1e6 if isinstance(dur_us, int | float) else None


ITEM: Final[Mapping[str, Callable[[Described], object]]] = {
    "id": column("trace"),
    "timestamp": _time("time"),
    "endTimestamp": _time("end_time"),
    "name": column("name"),
    "sessionId": column("session"),
    "userId": column("user"),
    "version": column("version"),
    "release": column("release"),
    "environment": column("environment"),
    "tags": lambda found: column("tags")(found) or [],
    "latency": _latency,
    "events": column("events"),
    "spans": column("spans"),
    "errors": column("errors"),
    "logs": lambda found: found.summary.logs,
    "processes": column("processes"),
    "command": column("command"),
    "exitCode": column("exit_code"),
    "metadata": other_attributes,
}
"""The keys of a trace."""

ORDER: Final[Mapping[str, str]] = {
    "id": "trace", "timestamp": "time", "endTimestamp": "end_time", "name": "name", "sessionId": "session",
    "userId": "user", "version": "version", "release": "release", "environment": "environment", "latency": "dur_us",
    "events": "events", "spans": "spans", "errors": "errors", "processes": "processes",
}  # fmt: skip
"""What traces can be sorted by, and its column."""

_ORDERS: Final = [f"{key}{suffix}" for key in ORDER for suffix in (".asc", ".desc", "")]

_FILTERS: Final = (
    Parameter("userId", "Only traces of this user; several: any of them.", is_repeatable=True),
    Parameter("sessionId", "Only traces of this session; several: any of them.", is_repeatable=True),
    Parameter("version", "Only traces of this version; several: any of them.", is_repeatable=True),
    Parameter("release", "Only traces of this release; several: any of them.", is_repeatable=True),
    Parameter("environment", "Only traces of this environment; several: any of them.", is_repeatable=True),
    Parameter("tags", "Only traces with this tag; several: all of them.", is_repeatable=True),
    Parameter("fromTimestamp", "Only traces that began then or later.", is_time=True),
    Parameter("toTimestamp", "Only traces that began before.", is_time=True),
    Parameter("errors", "Only traces with an error.", choices=("true", "false")),
    Parameter("where", "Only traces for which this expression is true, as of `tracerd list --where`."),
)

_COLUMNS: Final = {"userId": "user", "sessionId": "session"}


def _chosen(asked: Asked, name: str) -> list[Described]:
    values = asked.values
    one_of = tuple(
        (_COLUMNS.get(key, key), values.texts(key))
        for key in ("userId", "sessionId", "version", "release", "environment")
    )
    is_wanted = Choice(
        names=values.texts(name),
        one_of=one_of,
        tags=values.texts("tags"),
        errors=values.text("errors") == "true",
        window=values.window("fromTimestamp", "toTimestamp"),
        where=values.text("where"),
    ).condition("where")
    titles = values.texts("title")

    def has_title(found: Described) -> bool:
        return not titles or any(fnmatchcase(title_of(found), pattern) for pattern in titles)

    return [found for found in asked.store.described(asked.work) if is_wanted(found) and has_title(found)]


def paged(values: Values, items: Sequence[_T], item: Callable[[_T], object]) -> dict[str, object]:
    """A page of items."""
    page, limit = values.number("page"), values.number("limit")
    start = (page - 1) * limit
    return {
        "data": [item(one) for one in items[start : start + limit]],
        "meta": {"page": page, "limit": limit, "totalItems": len(items), "totalPages": -(-len(items) // limit)},
    }


def item(found: Described) -> dict[str, object]:
    """What is known of a trace."""
    return {key: value(found) for key, value in ITEM.items()}


def title(item: Mapping[str, Any]) -> str:
    """What a trace is called: its name, else its command, else its id."""
    given: tuple[str | None, ...] = item["name"], item["command"]
    return next((text for text in given if text and not text.isspace()), item["id"])


def title_of(found: Described) -> str:
    """What a trace is called."""
    return title({key: ITEM[key](found) for key in ("name", "command", "id")})


def in_order_of(found: Sequence[Described], order: str) -> list[Described]:
    """Traces in the order of a key of ORDER, with `.asc` or `.desc`; what is not known comes last."""
    key, _, direction = order.partition(".")
    return in_order(found, ORDER[key], largest_first=direction == "desc")


def _list(asked: Asked) -> Mapping[str, object]:
    found = in_order_of(_chosen(asked, "name"), asked.values.text("orderBy") or "")
    keys = _fields(asked.values)
    return paged(asked.values, found, lambda one: {key: ITEM[key](one) for key in keys})


def _fields(values: Values) -> list[str]:
    text = values.text("fields")
    if text is None:
        return list(ITEM)
    asked = text.split(",")
    for key in asked:
        if key not in ITEM:
            raise bad_request(f"fields: {key!r} is none of {', '.join(ITEM)}")
    return [key for key in ITEM if key == "id" or key in asked]


def _daily(asked: Asked) -> Mapping[str, object]:
    days: dict[int, Counter[str]] = {}
    for found in _chosen(asked, "traceName"):
        if found.summary.time is not None:
            day = days.setdefault(found.summary.time // DAY_US, Counter())
            day["countTraces"] += 1
            day["countObservations"] += found.summary.spans
            day["countEvents"] += found.summary.events
            day["countErrors"] += found.summary.errors
    name_of = label("day")
    return paged(asked.values, sorted(days.items(), reverse=True), lambda day: {"date": name_of(day[0]), **day[1]})


LIST: Final = Route(
    "GET",
    "/api/public/traces",
    "Traces, and what is known of each.",
    _list,
    (
        PAGE,
        LIMIT,
        Parameter("name", "Only traces with such a name, such as `night*`; several: any.", is_repeatable=True),
        Parameter(
            "title",
            "Only traces of which the name, else the command, else the id is such; several: any of them.",
            is_repeatable=True,
        ),
        *_FILTERS,
        Parameter("orderBy", "A key, and `.asc` or `.desc`.", choices=_ORDERS, default="timestamp.desc"),
        Parameter("fields", "The keys of a trace that are asked for, with commas between; `id` is always there."),
    ),
)

ROUTES: Final = (
    LIST,
    Route(
        "GET",
        "/api/public/metrics/daily",
        "How many traces began on each day (UTC), the latest first; a trace of unknown time is in none.",
        _daily,
        (
            PAGE,
            LIMIT,
            Parameter("traceName", "Only traces with such a name; several: any of them.", is_repeatable=True),
            *_FILTERS,
        ),
    ),
)
