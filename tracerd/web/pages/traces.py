"""The list of traces, with the filters of the API in its address."""

from collections.abc import Container, Iterable, Mapping
from typing import Any, Final

from tracerd.web import traces
from tracerd.web.daemon import daemon_status
from tracerd.web.pages.links import with_changes
from tracerd.web.pages.page import page
from tracerd.web.routing import Asked

ORDERS: Final = (
    ("timestamp.desc", "latest first"),
    ("timestamp.asc", "oldest first"),
    ("latency.desc", "longest first"),
    ("errors.desc", "most errors first"),
    ("spans.desc", "most spans first"),
    ("name.asc", "by name"),
)

SIZES: Final = ("50", "200", f"{traces.MAX_LIMIT}")
"""How many traces a page may have; any other number may be in the address."""


def running(asked: Asked) -> set[str]:
    """The traces that are being written."""
    daemon = daemon_status(asked.store)
    return {trace for trace, status in daemon.traces.items() if status.clients} if daemon else set()


def shown(items: Iterable[Mapping[str, Any]], running: Container[object]) -> list[dict[str, Any]]:
    """Traces as a list shows them: with a title, and whether each is being written."""
    return [
        {
            **item,
            "title": traces.title(item),
            "isRunning": item["id"] in running,
        }
        for item in items
    ]


def named_traces(asked: Asked, items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What belongs to traces, by its `trace_id`, each with its `trace`: its id and its title."""
    found = [*items]
    wanted = {item["trace_id"] for item in found}
    titles = {
        one.log.trace_id: traces.title_of(one)
        for one in asked.store.described(asked.work)
        if one.log.trace_id in wanted
    }
    return [
        {**item, "trace": {"id": item["trace_id"], "title": titles.get(item["trace_id"], item["trace_id"])}}
        for item in found
    ]


def _list(asked: Asked) -> Mapping[str, object]:
    found: Mapping[str, Any] = traces.LIST.answer(asked)
    given = asked.values.given()
    number, last = found["meta"]["page"], found["meta"]["totalPages"]
    return {
        "traces": shown(found["data"], running(asked)),
        "meta": found["meta"],
        "values": asked.values,
        "orders": ORDERS,
        "sizes": sorted({*SIZES, asked.values.text("limit") or SIZES[0]}, key=int),
        "is_filtered": any(name not in ("page", "limit", "orderBy") for name, _ in given),
        "previous": with_changes("/traces", given, page=str(number - 1)) if number > 1 else None,
        "next": with_changes("/traces", given, page=str(number + 1)) if number < last else None,
        "json": with_changes(traces.LIST.path, given),
    }


PAGES: Final = (page("/traces", "traces.html", _list, traces.LIST.parameters),)
