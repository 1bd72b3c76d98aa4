"""What a page asks the routes of the API: its own parameters, as theirs."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from tracerd.web.forms import Parameter, Values, read
from tracerd.web.pages.links import with_changes
from tracerd.web.routing import Asked, Route

Pairs = list[tuple[str, str]]

LAST_DAY: Final = ("from", "-1d")
"""Pages that read all of each log begin with a day."""

ALL_TIME: Final = "1970-01-01T00:00:00Z"

_RANGES: Final = (("-1h", "an hour"), ("-1d", "a day"), ("-7d", "a week"), (ALL_TIME, "all time"))
"""What a page offers in place of its window: its begin, and what it is called."""


def as_asked(asked: Asked, route: Route, parameters: Iterable[tuple[str, str]]) -> Asked:
    """The same request, of a route of the API.

    Args:
        asked: The request of a page.
        route: The route.
        parameters: The parameters of the route.

    Raises:
        Refusal: One is wrong.
    """
    return replace(asked, values=read(route.parameters, urlencode([*parameters]).encode()))


def parameter(route: Route, name: str) -> Parameter:
    """A parameter of a route, which a page has too; it need not be given there."""
    return replace(next(one for one in route.parameters if one.name == name), is_required=False)


def in_a_day(values: Values) -> Pairs:
    """What was given, of the last day if no time and no trace was given."""
    given = values.given()
    return given if {"from", "to", "trace"} & {name for name, _ in given} else [*given, LAST_DAY]


def chosen(given: Iterable[tuple[str, str]], names: Sequence[str]) -> Pairs:
    """Those of the parameters that have one of these names."""
    return [(name, value) for name, value in given if name in names]


def ranges(path: str, given: Pairs) -> list[tuple[str, str, str]]:
    """What is offered in place of a page's window: what it is called, its address and its begin."""
    kept = [(name, value) for name, value in given if name not in ("to", "cursor")]
    return [(text, with_changes(path, kept, **{"from": start}), start) for start, text in _RANGES]
