"""The route of log events: those that hold a text, the latest first."""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final

import orjson

from tracerd.errors import TracerdError
from tracerd.query import where as forms
from tracerd.query.computation import Window
from tracerd.query.single_events import TYPES, EventTest
from tracerd.query.tree import Expr
from tracerd.rows.levels import LEVELS
from tracerd.rows.source import Source
from tracerd.rows.text_search import TextSearch
from tracerd.view.search import Search
from tracerd.web.answers import Refusal, bad_request
from tracerd.web.forms import Parameter, Values
from tracerd.web.metrics import since_us
from tracerd.web.routing import Asked, Route

_CURSOR: Final = re.compile(r"([0-9]{1,18})\.(.{1,400})", re.ASCII | re.DOTALL)


def event_test(values: Values, window: Window | None = None) -> EventTest | None:
    """What FILTERS and a window ask of events; None for nothing."""
    also: list[Expr] = []
    if level := values.text("level"):
        also.append(forms.is_one_of("level", LEVELS[LEVELS.index(level) :]))
    if services := values.texts("service"):
        also.append(forms.is_one_of("service", services))
    if window:
        also += forms.is_within("time", window.start, window.end)
    condition = forms.compile_where(values.text("where"), "these events", TYPES, source="where", also=also)
    return None if condition is None else EventTest(condition)


def _logs(asked: Asked) -> Mapping[str, object]:
    values, limit = asked.values, asked.values.number("limit")
    window = values.window("from", "to")
    test = event_test(values, window)
    text = TextSearch(values.text("q") or "", ignores_case=values.text("ignoreCase") == "true", only_logs=True)
    before, last_trace = _place(values.text("cursor"))
    found: list[bytes] = []
    for source in asked.store.sources(values.texts("trace"), since_us=since_us(window), latest_first=True):
        if last_trace is not None and source.trace_id != last_trace:
            continue
        last_trace = None
        count, some = _last(_found(asked, source, text, test), limit - len(found), before)
        before = None
        found += reversed(some)
        if len(found) == limit:
            return _answer(found, limit, f"{count - len(some)}.{source.trace_id}")
    if last_trace is not None:
        raise Refusal("NOT_FOUND", "cursor: its trace is not there any more")
    return _answer(found, limit, None)


def _answer(found: list[bytes], limit: int, cursor: str | None) -> Mapping[str, object]:
    data = [orjson.Fragment(line.rstrip()) for line in found]
    return {"data": data, "meta": {"limit": limit, "nextCursor": cursor}}


def _place(cursor: str | None) -> tuple[int | None, str | None]:
    """How many of the events of a trace are before the place, and the trace."""
    if cursor is None:
        return None, None
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise bad_request("cursor: expected what `meta.nextCursor` of an answer was")
    return int(match[1]), match[2]


def _last(lines: Iterator[bytes], limit: int, before: int | None) -> tuple[int, list[bytes]]:
    """The last lines, of the first `before` ones, and how many there are with those before them."""
    kept: deque[bytes] = deque(maxlen=limit)
    count = 0
    for line in lines:
        if count == before:
            break
        count += 1
        kept.append(line)
    return count, [*kept]


def _found(asked: Asked, source: Source, text: TextSearch, test: EventTest | None) -> Iterator[bytes]:
    search = Search(source.trace_id, text, test, as_json=True, with_trace=True, colour=False)
    try:
        snapshot = source.snapshot()
        if search.needs_others:
            search.learn(asked.work.ticked(source.blocks(snapshot)))
        yield from search.found(asked.work.ticked(source.blocks(snapshot)))
    except TracerdError:
        if asked.values.texts("trace"):
            raise


FILTERS: Final = (
    Parameter("level", "Only of this level or a more serious one.", choices=LEVELS),
    Parameter("service", "Only of this service; several: of any of them.", is_repeatable=True),
    Parameter("where", "Only events for which this expression is true, as of `tracerd search --where`."),
)

ROUTES: Final = (
    Route(
        "GET",
        "/api/logs",
        "Log events, the latest first, as `tracerd search --json` prints them.",
        _logs,
        (
            Parameter("q", "Only events that hold this text.", default=""),
            Parameter(
                "ignoreCase", "Find small letters as large ones, and the other way round.", choices=("true", "false")
            ),
            Parameter("trace", "Only of this trace; several: of any of them.", is_repeatable=True),
            *FILTERS,
            Parameter("from", "Only events from then on.", is_time=True),
            Parameter("to", "Only events before.", is_time=True),
            Parameter("limit", "How many events.", minimum=1, maximum=1000, default="100"),
            Parameter("cursor", "Go on behind the events of an answer: its `meta.nextCursor`."),
        ),
    ),
)
