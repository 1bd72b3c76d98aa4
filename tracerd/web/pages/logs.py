"""Log events: those that hold a text, of some levels, services, traces and times, the latest first."""

from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from tracerd.rows.levels import LEVELS
from tracerd.web import logs
from tracerd.web.pages.asking import ranges
from tracerd.web.pages.links import with_changes
from tracerd.web.pages.log_events import shown_logs
from tracerd.web.pages.page import page
from tracerd.web.routing import Asked

PATH: Final = "/logs"

_ROUTE: Final = logs.ROUTES[0]


def _logs(asked: Asked) -> Mapping[str, object]:
    found: Mapping[str, Any] = _ROUTE.answer(asked)
    given = asked.values.given()
    events = shown_logs(asked, found)
    for one in events:
        one["only_service"] = _only(given, "service", one["service"])
    cursor = found["meta"]["nextCursor"]
    return {
        "path": PATH,
        "values": asked.values,
        "traces": [
            (trace, _only(given, "trace", trace["id"]), [*some]) for trace, some in groupby(events, itemgetter("trace"))
        ],
        "levels": LEVELS,
        "since": asked.values.text("from"),
        "ranges": ranges(PATH, given),
        "count": len(events),
        "is_filtered": any(name not in ("limit", "cursor") for name, _ in given),
        "older": with_changes(PATH, given, cursor=cursor) if cursor else None,
        "newest": with_changes(PATH, given, cursor="") if asked.values.text("cursor") else None,
        "json": with_changes(_ROUTE.path, given),
    }


def _only(given: list[tuple[str, str]], name: str, value: object) -> str | None:
    """The address of what has this value; None if that is asked for already."""
    if not isinstance(value, str) or not value or (name, value) in given:
        return None
    return with_changes(PATH, [one for one in given if one[0] != "cursor"], **{name: value})


PAGES: Final = (page(PATH, "logs.html", _logs, _ROUTE.parameters),)
