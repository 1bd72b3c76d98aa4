"""The route of alerts: what the usual rules of `tracerd watch` report of traces that are there."""

import time
from collections.abc import Collection, Mapping
from typing import Final

from tracerd.query.computation import bounds
from tracerd.service.control import ask
from tracerd.text import printable
from tracerd.traces.stored import StoredTrace
from tracerd.watch.alerts import Alert
from tracerd.watch.once import Replayed, by, least_rows, replayed, rows_at_most
from tracerd.watch.presence import Pid
from tracerd.watch.processes import NO_ONE, connected
from tracerd.watch.rules import DEFAULT_RULES, MOMENTS, parse_rules
from tracerd.watch.states import Kind
from tracerd.watch.trace import programs_of
from tracerd.watch.traces import NO_PROCESSES
from tracerd.web.answers import Refusal
from tracerd.web.daemon import ANSWER_S
from tracerd.web.forms import Parameter
from tracerd.web.log_blocks import blocks_of
from tracerd.web.metrics import since_us
from tracerd.web.routing import Asked, Route


class _Rules:
    """The usual rules, and what they find in logs.

    Args:
        asked: The request.
    """

    def __init__(self, asked: Asked) -> None:
        trackers, self._rules = parse_rules(DEFAULT_RULES, "the usual rules")
        self._programs = programs_of(trackers, self._rules)
        self._asked = asked
        store = asked.store
        self._clients = connected(lambda: ask(store.socket, b"STATUS\n", ANSWER_S), store.directory) or NO_ONE
        self._now_us = time.time_ns() // 1000

    def alerts(self, log: StoredTrace) -> list[Alert]:
        """What is to be reported of a log by now."""
        version, kept = (*log.version, log.log_size), self._asked.store.alerts
        here = self._clients.get(log.trace_id, NO_PROCESSES)
        known = None if here else kept.take(log.file)
        if known is None or known[0] != version:
            found = self._replayed(log, here)
            if not found.is_final:
                return by(self._now_us, found.alerts)
            known = version, found.alerts
        kept.put(log.file, known, len(known[1]) + 1)
        return by(self._now_us, known[1])

    def _replayed(self, log: StoredTrace, here: Collection[Pid]) -> Replayed:
        blocks = blocks_of(log, self._asked.work)
        programs = [one for one in self._programs if least_rows(one) <= rows_at_most(one.relation, blocks())]
        return replayed(log.trace_id, blocks(), blocks, programs, self._rules, here, self._now_us, lambda _: None)


def _alerts(asked: Asked) -> Mapping[str, object]:
    store, window = asked.store, asked.values.window("from", "to")
    low, high = bounds(window)
    rules = _Rules(asked)
    found: list[Alert] = []
    named = asked.values.texts("trace")
    for log in store.logs(named, since_us(window)):
        try:
            found += rules.alerts(log)
        except FileNotFoundError:  # it was removed meanwhile
            if named:
                raise Refusal("NOT_FOUND", f"the trace {printable(log.trace_id)!r} was removed") from None
    if asked.values.text("active") == "true":
        latest = {(alert.trace, alert.rule, *alert.key.items()): alert for alert in found}
        found = [alert for alert in latest.values() if alert.state != Kind.RESOLVED and alert.rule not in MOMENTS]
    return {"data": [alert.as_json() for alert in found if low <= alert.time_us < high]}


ROUTES: Final = (
    Route(
        "GET",
        "/api/alerts",
        "Alerts of the usual rules, trace by trace, as `tracerd watch --once --json` prints them.",
        _alerts,
        (
            Parameter("trace", "Only of this trace; several: of any of them.", is_repeatable=True),
            Parameter("from", "Only alerts from then on.", is_time=True),
            Parameter("to", "Only alerts before.", is_time=True),
            Parameter("active", "Only the latest of each, if it is not resolved.", choices=("true", "false")),
        ),
    ),
)
