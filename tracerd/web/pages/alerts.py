"""Alerts: those that are active, and the history of each, from when it began to when its cause was over."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from tracerd.query.tracker_tree import SEVERITIES
from tracerd.watch.alerts import about
from tracerd.watch.rules import MOMENTS
from tracerd.watch.states import Kind
from tracerd.web import alerts
from tracerd.web.pages.asking import as_asked, chosen, in_a_day, parameter, ranges
from tracerd.web.pages.links import with_changes
from tracerd.web.pages.page import page
from tracerd.web.pages.traces import named_traces, running
from tracerd.web.routing import Asked

PATH: Final = "/alerts"

LOOKS: Final = {"critical": "bad", "high": "bad", "medium": "warn"}
"""How a severity looks; others look like nothing in particular."""

_ROUTE: Final = alerts.ROUTES[0]

_PARAMETERS: Final = ("trace", "from", "to")


def _alerts(asked: Asked) -> Mapping[str, object]:
    given = in_a_day(asked.values)
    query = chosen(given, _PARAMETERS)
    found: Mapping[str, Any] = _ROUTE.answer(as_asked(asked, _ROUTE, query))
    episodes = named_traces(asked, episodes_of(found["data"]))
    return {
        "path": PATH,
        "values": asked.values,
        "since": dict(given).get("from"),
        "ranges": ranges(PATH, asked.values.given()),
        "active": [one for one in episodes if one["ended"] is None],
        "over": [one for one in episodes if one["ended"] is not None],
        "running": running(asked),
        "looks": LOOKS,
        "json": with_changes(_ROUTE.path, query),
    }


def episodes_of(found: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Alerts that belong together, from the one that fires to the one that resolves it.

    Args:
        found: The alerts, of each trace in the order of time, as the API gives them.

    Returns:
        The one that began last first; of those that are active the most severe first.
    """
    open_now: dict[tuple[object, ...], dict[str, Any]] = {}
    all_of_them: list[dict[str, Any]] = []
    for alert in found:
        which = alert["trace_id"], alert["rule"], *alert["key"].items()
        if which not in open_now:  # its begin may lie before the window
            begun: dict[str, Any] = {
                "began": alert.get("since", alert["time"]),
                "changes": [],
                "ended": None,
                "lasted": None,
            }
            open_now[which] = {**alert, **begun}
            all_of_them.append(open_now[which])
        episode = open_now[which]
        episode["changes"].append(alert)
        if alert["state"] == Kind.RESOLVED or alert["rule"] in MOMENTS:
            episode["ended"] = alert["time"]
            episode["lasted"] = _length(episode["began"], alert["time"])
            del open_now[which]
        elif alert["state"] != Kind.REMINDER:
            episode.update(severity=alert["severity"], message=alert["message"])
    all_of_them.sort(key=lambda one: str(one["began"]), reverse=True)
    all_of_them.sort(key=lambda one: -SEVERITIES.index(one["severity"]) if one["ended"] is None else 0)
    return all_of_them


def _length(start: str, end: str) -> str | None:
    """How long it is from one time of the API to another; None if no calendar has one of them."""
    try:
        return about(int((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()))
    except ValueError:
        return None


PAGES: Final = (page(PATH, "alerts.html", _alerts, tuple(parameter(_ROUTE, name) for name in _PARAMETERS)),)
