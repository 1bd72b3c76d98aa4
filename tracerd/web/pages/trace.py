"""One trace: what is known of it.

Its spans are drawn by a script, from what the API gives; without one a table has the first of them.
"""

from collections.abc import Mapping
from heapq import nsmallest
from typing import Any, Final, cast

from tracerd.builds.names import step_name
from tracerd.web import builds, spans
from tracerd.web.answers import Answer
from tracerd.web.forms import Parameter
from tracerd.web.pages.links import to_trace
from tracerd.web.pages.page import page
from tracerd.web.pages.traces import running, shown
from tracerd.web.routing import Asked, Route

MAX_LOADED: Final = 100_000
"""The spans of a larger trace are loaded only if a person asks for them."""

MAX_LISTED: Final = 10_000
"""Of a larger trace no spans are listed without a script: all of it would be read for that."""

LISTED: Final = 200

_MAX_DEPTH: Final = 24

_INPUTS: Final = ("ts_us", "line", "depth", "name", "dur_us", "error", "cat", ("argv",))

STATE: Final = (
    Parameter("span", "The span that is chosen: its line, or the pid and the start of a process."),
    Parameter("find", "Only spans and log events whose names hold this text, and what is around them."),
    Parameter("errors", "Only those with an error.", choices=("true", "false")),
    Parameter("logs", "Whether log events are shown.", choices=("true", "false")),
)
"""What the script keeps in the address, so that a reload and `back` show the same."""


def _trace(asked: Asked) -> Mapping[str, object]:
    found: Mapping[str, Any] = spans.known(asked)
    [trace] = shown([found], running(asked))
    path = to_trace(trace["id"])
    known = {"session": trace["sessionId"], "user": trace["userId"]}
    known |= {key: trace[key] for key in ("name", "version", "release", "environment", "command")}
    return {
        "trace": trace,
        "path": path,
        "api": spans.ROUTES[0].path.replace("/{id}", path.removeprefix("/traces")),
        "build_api": builds.ROUTE.path.replace("/{id}", path.removeprefix("/traces")),
        "is_build": trace["command"] is not None,
        "loads": trace["spans"] <= MAX_LOADED,
        "first_spans": _first_spans(asked) if trace["spans"] <= MAX_LISTED else [],
        "attributes": {**{key: value for key, value in known.items() if value is not None}, **trace["metadata"]},
    }


def _first_spans(asked: Asked) -> list[dict[str, object]]:
    """The first spans by their start, as the script would show them."""
    rows = spans.rows_of(asked.store.source(asked.path["id"]), "spans", _INPUTS, asked.work)
    first = nsmallest(LISTED, rows, key=lambda row: (row[0] or 0, row[2], row[1]))
    return [
        {
            "name": _step(name, argv) if cat == "process" else name,
            "depth": min(depth, _MAX_DEPTH),
            "start_s": ((ts_us or 0) - (first[0][0] or 0)) / 1e6,
            "took_s": None if dur_us is None else dur_us / 1e6,
            "error": error,
        }
        for ts_us, _, depth, name, dur_us, error, cat, argv in first
    ]


def _step(name: str, argv: object) -> str:
    """A process by what it made: `cc lvm.o`."""
    return step_name([*map(str, cast("list[object]", argv))], name) if isinstance(argv, list) and argv else name


def _perfetto(asked: Asked) -> Mapping[str, object]:
    return {"url": asked.opened.url(asked.store.source(asked.path["id"]), asked.work.tick)}


def _elsewhere(values: Mapping[str, object]) -> Answer:
    return Answer(status=303, headers={"Location": str(values["url"])})


PAGES: Final = (
    page("/traces/{id}", "trace.html", _trace, STATE),
    Route("POST", "/traces/{id}/perfetto", "The trace in Perfetto.", _perfetto, render=_elsewhere, is_page=True),
)
