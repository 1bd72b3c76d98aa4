"""The route of services: which there are, and how each is."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tracerd.builds.reader import STEP_CATS
from tracerd.query.computation import bounds
from tracerd.rows.table_values import service_of
from tracerd.web.daemon import daemon_status
from tracerd.web.forms import Parameter
from tracerd.web.log_rows import Selection
from tracerd.web.metrics import since_us
from tracerd.web.routing import Asked, Route
from tracerd.web.traces import iso

SILENT_US: Final = 5 * 60 * 1_000_000
"""A process that is connected and writes nothing for so long is silent."""

DEGRADED: Final = 0.1
"""The part of its events that are errors, above which a service is degraded."""


_EVENTS: Final = Selection("events", (("service",), "time", "error", "pid", "cat"))


@dataclass(slots=True)
class _Service:
    events: int = 0
    errors: int = 0
    last_us: int = 0
    pids: set[object] = field(default_factory=set[object])

    def status(self, now_us: int, connected: set[int]) -> str:
        """How it is; one that has ended is not down."""
        if self.last_us < now_us - SILENT_US:
            return "silent" if connected & self.pids else "ended"
        return "degraded" if self.errors > DEGRADED * self.events else "healthy"


def _services(asked: Asked) -> Mapping[str, object]:
    now_us = time.time_ns() // 1000
    window = asked.values.window("from", "to")
    low, high = bounds(window)
    found: dict[str, _Service] = {}
    for log in asked.store.rows(asked.values.texts("trace"), _EVENTS, asked.work, since_us=since_us(window)):
        processes = log.processes
        for own, at, is_error, pid, cat in log.rows:
            if cat in STEP_CATS and own is None:
                continue  # what `exec` records of any process; a compiler is no service
            if at is not None and low <= at < high and (name := service_of(own, processes.get(pid, ""))):
                service = found.setdefault(name, _Service())
                service.events += 1
                service.errors += is_error
                service.last_us = max(service.last_us, at)
                service.pids.add(pid)
    daemon = daemon_status(asked.store)
    connected = {client.pid for trace in daemon.traces.values() for client in trace.clients} if daemon else set[int]()
    return {
        "data": [
            {
                "name": name,
                "status": service.status(now_us, connected),
                "events": service.events,
                "errors": service.errors,
                "errorRate": service.errors / service.events,
                "lastSeen": iso(service.last_us),
            }
            for name, service in sorted(found.items())
        ]
    }


ROUTES: Final = (
    Route(
        "GET",
        "/api/services",
        "Services and their health: `healthy`, `degraded` (more than a tenth are errors), `silent` (connected, and "
        "nothing for five minutes) or `ended`.",
        _services,
        (
            Parameter("trace", "Only of this trace; several: of any of them.", is_repeatable=True),
            Parameter("from", "Only events from then on.", is_time=True, default="-1h"),
            Parameter("to", "Only events before.", is_time=True),
        ),
    ),
)
