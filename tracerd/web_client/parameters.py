"""What may be asked, as keyword arguments, and the parameters of the server that they are."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypedDict, cast

from tracerd.errors import ApiError
from tracerd.web_client.connection import Pairs

Time = str | datetime
"""RFC 3339, such as `2026-11-26T21:24:00Z`; `-5m` for five minutes ago; or a `datetime` with a time zone."""

Texts = str | Sequence[str]
"""One text, or several."""


class Window(TypedDict, total=False):
    """A part of time: from `since` on, and before `until`."""

    since: Time
    until: Time


class TraceFilters(Window, total=False):
    """Which traces: `name` is a pattern; of `tags` all must be there, of other values any; `where` as of `list`."""

    name: Texts
    user_id: Texts
    session_id: Texts
    version: Texts
    release: Texts
    environment: Texts
    tags: Texts
    errors: bool
    where: str


class TraceList(TraceFilters, total=False):
    """Which traces, and in which order: a key of a trace with `.asc` or `.desc`.

    `title` is a pattern that fits the name or, of a trace without one, its command or else its id.
    """

    title: Texts
    order_by: str


class OfTraces(Window, total=False):
    """Of which traces; of all without."""

    trace: Texts


class MetricQuery(OfTraces, total=False):
    """Which points of a metric, and what is made of those in a window: see docs/web.md."""

    labels: Mapping[str, str]
    step: str
    agg: str
    group_by: Texts


class ComparedSpans(TypedDict, total=False):
    """Of which spans, grouped by which columns, and how many groups; builds are compared by their steps without."""

    by: str
    where: str
    limit: int


class EventFilters(TypedDict, total=False):
    """Which events: of this `level` or a more serious one, of any of these services."""

    level: str
    service: Texts
    where: str


class LogSearch(EventFilters, OfTraces, total=False):
    """Which log events: those that hold the text `q`."""

    q: str
    ignore_case: bool


class AlertList(OfTraces, total=False):
    """Which alerts: with `active` only the latest of each, if it is not resolved."""

    active: bool


class StreamFilters(EventFilters, total=False):
    """Which events: of one trace, which need not be there yet."""

    trace: str


Names = Mapping[str, str]

OTHER_NAMES: Final = {"since": "from", "until": "to", "group_by": "group_by"}
"""Parameters that are not called like the argument in camelCase."""

TRACE_NAMES: Final = {**OTHER_NAMES, "since": "fromTimestamp", "until": "toTimestamp"}

DAY_NAMES: Final = {**TRACE_NAMES, "name": "traceName"}


def name_of(argument: str, names: Names) -> str:
    """The parameter that an argument is."""
    return names.get(argument) or re.sub("_(.)", lambda match: match[1].upper(), argument)


def pairs_of(asked: Mapping[str, object], names: Names = OTHER_NAMES) -> Pairs:
    """The parameters of a request.

    Args:
        asked: The arguments; what is None is left out.
        names: Those that are not called alike.

    Raises:
        ApiError: A time has no time zone; BAD_REQUEST.
    """
    return [
        (name_of(argument, names), text)
        for argument, value in asked.items()
        if value is not None
        for text in _texts(argument, value)
    ]


def _texts(argument: str, value: object) -> list[str]:
    match value:
        case str():
            return [value]
        case bool():
            return [str(value).lower()]
        case datetime():
            if value.tzinfo is None:
                raise ApiError(f"{argument}: a datetime needs a time zone", "BAD_REQUEST")
            return [value.isoformat()]
        case Mapping():
            return [json.dumps(value)]
        case Sequence():
            return [str(one) for one in cast("Sequence[object]", value)]  # what `Texts` allows
        case _:
            return [str(value)]
