"""The first page: what runs, what failed, and what was there of late.

What takes reading logs has parts of its own, which the first page fetches when it is there.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tracerd.catalog.store import Described
from tracerd.web import alerts, logs, services, traces
from tracerd.web.forms import read
from tracerd.web.pages.alerts import LOOKS, episodes_of
from tracerd.web.pages.links import with_changes
from tracerd.web.pages.log_events import shown_logs
from tracerd.web.pages.page import page
from tracerd.web.pages.traces import named_traces, running, shown
from tracerd.web.routing import Asked, Route

_SHOWN: Final = 8
"""So many traces, or services, are in each list."""

_LOGS: Final = 12

_DAY_US: Final = 86400 * 10**6

_command: Final = traces.column("command")
_exit_code: Final = traces.column("exit_code")


def _overview(asked: Asked) -> Mapping[str, object]:
    found = traces.in_order_of(asked.store.described(asked.work), "timestamp.desc")
    since_us = time.time_ns() // 1000 - _DAY_US
    now = running(asked)

    def list_of(one: Described) -> str:
        """The list that it is in: each trace is in one of them."""
        if one.log.trace_id in now:
            return "running"
        if _exit_code(one) or one.summary.errors:
            return "failed"
        return "others" if _command(one) is None else "builds"

    lists: dict[str, list[Described]] = {name: [] for name in ("running", "failed", "builds", "others")}
    for one in found:
        lists[list_of(one)].append(one)
    return {
        **{name: shown(map(traces.item, some[:_SHOWN]), now) for name, some in lists.items()},
        "today": _numbers([one for one in found if (one.summary.time or 0) >= since_us]),
        "is_empty": not found,
    }


def _numbers(found: Sequence[Described]) -> list[tuple[str, int, str, str]]:
    """What there was in a day: what it is, how much, where it leads, and how it looks."""
    since = [("fromTimestamp", "-1d")]
    errors = sum(1 for one in found if one.summary.errors)
    warnings = sum(one.summary.logs.get("warning", 0) for one in found)
    return [
        ("trace" if len(found) == 1 else "traces", len(found), with_changes("/traces", since), ""),
        ("with errors", errors, with_changes("/traces", since, errors="true"), "bad" if errors else ""),
        ("spans", sum(one.summary.spans for one in found), with_changes("/traces", since, orderBy="spans.desc"), ""),
        ("warnings", warnings, with_changes("/traces", since, where="logs.warning > 0"), "warn" if warnings else ""),
    ]


def _part(route: Route, query: bytes) -> Callable[[Asked], Mapping[str, Any]]:
    """What a route answers to fixed parameters."""

    def answer(asked: Asked) -> Mapping[str, Any]:
        values = read(route.parameters, query)
        return route.answer(Asked(asked.store, values, {}, b"", "", asked.work, asked.opened, asked.session))

    return answer


_active_alerts: Final = _part(alerts.ROUTES[0], b"active=true&from=-1d")
_services: Final = _part(services.ROUTES[0], b"")
_logs: Final = _part(logs.ROUTES[0], b"limit=%d" % _LOGS)


def _alerts(asked: Asked) -> Mapping[str, object]:
    active = episodes_of(_active_alerts(asked)["data"])
    return {"active": named_traces(asked, active), "looks": LOOKS}


def _worst_services(asked: Asked) -> Mapping[str, object]:
    found = list(_services(asked)["data"])
    found.sort(key=lambda one: (one["status"] in ("healthy", "ended"), one["status"] == "ended", -one["events"]))
    return {"services": found[:_SHOWN], "more": len(found) - len(found[:_SHOWN])}


def _last_logs(asked: Asked) -> Mapping[str, object]:
    return {"logs": shown_logs(asked, _logs(asked))}


PAGES: Final = (
    page("/", "overview.html", _overview),
    page("/overview/alerts", "overview_alerts.html", _alerts),
    page("/overview/services", "overview_services.html", _worst_services),
    page("/overview/logs", "overview_logs.html", _last_logs),
)
