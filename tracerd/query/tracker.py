"""Trackers for programs: a text that declares what is counted and measured of events."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Final, cast

from tracerd.errors import InvalidEventError
from tracerd.query.computation import MAX_ALERTS, Computation, Window
from tracerd.query.lexer import NEWLINE, Text
from tracerd.query.rules import check_rules
from tracerd.query.scope import RELATIONS
from tracerd.query.tracker_fields import expected, fits, is_int
from tracerd.query.tracker_grammar import parse_metric, parse_tracker, parse_trackers
from tracerd.query.tracker_program import Plan, Rows, WindowColumn, compile_tracker
from tracerd.query.tracker_tree import TrackerTree
from tracerd.query.views import check_views
from tracerd.rows.columns import EVENT_ID, Input
from tracerd.rows.table_values import at_path

Event = dict[str, object]

_ID_BYTES: Final = 8


class Tracker:
    """A tracker, compiled.

    `Tracker.parse` makes one. `normalize` and `compute` take events of the form
    `{"event_id": "w1", "ts": 1704067200000, "payload": {...}, "meta": {...}}`: `ts` is in milliseconds since 1970,
    `payload` has the fields, and `meta`, which may be missing, the columns.

    Attributes:
        tree: What was read.
        text: What it is written in.
        views: Its views, by name.

    Raises:
        QueryError: A name is not known, or a default does not fit.
    """

    def __init__(self, tree: TrackerTree, text: Text) -> None:
        self.tree = tree
        self.text = text
        self._plans: dict[WindowColumn | None, Plan] = {None: compile_tracker(tree, text)}
        self.views = check_views(tree, RELATIONS[tree.relation], text)
        check_rules(tree, text)

    @classmethod
    def parse(cls, text: str, source: str = "tracker") -> "Tracker":
        """The tracker of a text, whose source, such as a file, is named in an error.

        Raises:
            QueryError: It is no tracker; the message begins with source, line and column.
        """
        whole = Text(text, source)
        return cls(parse_tracker(whole), whole)

    @classmethod
    def parse_all(cls, text: str, source: str = "rules") -> "list[Tracker]":
        """The trackers of a text, as `parse`: one or several, each with a name of its own.

        Raises:
            QueryError: It is none; the message begins with source, line and column.
        """
        whole = Text(text, source)
        return [cls(tree, whole) for tree in parse_trackers(whole)]

    @classmethod
    def of_metric(cls, text: str, source: str) -> "Tracker":
        """The tracker of one metric, such as `p95(dur_us) by name`, over events.

        Raises:
            QueryError: It is no metric.
        """
        whole = Text(text, source)
        name = " ".join(text.split())
        metric = parse_metric(whole, name)
        return cls(TrackerTree(name, (1, 0, 0), "events", None, 0, (), (), (metric,), (), ()), whole)

    @property
    def id(self) -> str:
        """Its name, major version and a hash of its words: blanks and comments do not change it."""
        words = [token.text for token in self.text.tokens(newlines=True) if token.kind != NEWLINE]
        digest = hashlib.sha256("\n".join(words).encode()).hexdigest()
        name = re.sub("[^a-z0-9]", "_", self.tree.name.lower())
        return f"{name}_v{self.tree.version[0]}_{digest[:_ID_BYTES]}"

    def plan(self, window: Window | None) -> Plan:
        """Its program, for rows with or without a window."""
        column = None if window is None else window.column
        if column not in self._plans:
            self._plans[column] = compile_tracker(self.tree, self.text, column)
        return self._plans[column]

    # ------------------------------------------------------------------ events of programs

    def normalize(self, event: Mapping[str, object]) -> Event:
        """An event with the defaults of its fields filled in.

        Raises:
            InvalidEventError: It is not as the tracker declares.
        """
        for key in ("payload", "meta"):
            if not isinstance(event.get(key, {}), dict):
                raise InvalidEventError(f"{key}: expected an object")
        event_id = event.get("event_id")
        if not isinstance(event_id, str) or not event_id:
            raise InvalidEventError("event_id: expected a text that is not empty")
        if not is_int(event.get("ts")):
            raise InvalidEventError("ts: expected an integer, in milliseconds since 1970")
        if event.get("tracker_id", self.id) != self.id:
            raise InvalidEventError(f"tracker_id: expected {self.id}")
        payload = {**cast("Event", event.get("payload", {}))}
        for field in self.tree.fields:
            value = payload.get(field.name)
            if value is None:
                if field.default is not None and field.default.value is not None:
                    payload[field.name] = field.default.value
                elif not field.is_optional:
                    raise InvalidEventError(f"{field.name}: expected {expected(field)}, not null")
            elif not fits(field, value):
                raise InvalidEventError(f"{field.name}: expected {expected(field)}, not another type or value")
        return {"event_id": event_id, "ts": event["ts"], "payload": payload, "meta": event.get("meta", {})}

    def compute(
        self, events: Iterable[Mapping[str, object]], window: tuple[int | None, int | None] | None = None
    ) -> dict[str, object]:
        """The result over some events.

        Args:
            events: In their order.
            window: From when on, and up to when, which is no part of it, both in milliseconds since 1970.

        Returns:
            `total_events`, `window_events`, `metrics` and `alerts`, as `tracerd query --json` prints them.
        """
        within = None
        if window is not None:
            start, end = (None if time is None else time * 1000 for time in window)
            within = Window("time", start, end)
        plan = self.plan(within)
        computation = Computation(self.tree, plan, within, max_alerts=MAX_ALERTS, event_id=_given_id)
        computation.feed(self._rows(plan, events))
        return computation.result().as_json()

    def _rows(self, plan: Plan, events: Iterable[Mapping[str, object]]) -> Rows:
        declared = {field.name for field in self.tree.fields}
        for event in events:
            payload, meta = event.get("payload"), event.get("meta")
            yield tuple(_read(what, event, payload, meta, what in declared) for what in plan.inputs)


def _given_id(_trace: object, line: object) -> str:
    return str(line)


def _read(what: Input, event: Mapping[str, object], payload: object, meta: object, is_field: bool) -> object:
    if isinstance(what, tuple):
        return at_path(payload, what)
    if is_field:
        return at_path(payload, (what,))
    if what in ("line", EVENT_ID):
        return event.get("event_id")
    if what in ("time", "ts_us"):
        ts = event.get("ts")
        return ts * 1000 if isinstance(ts, int) else None
    if what == "args":
        return payload
    return at_path(meta, (what,))
