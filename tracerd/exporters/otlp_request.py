"""Rows of a trace to requests of OpenTelemetry's protocol: each belongs to a resource and to a scope of it."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import orjson

from tracerd import __version__
from tracerd.exporters.otlp_origins import Origins
from tracerd.exporters.spans import Resource
from tracerd.exporters.tables import Tables
from tracerd.otlp.forms import given
from tracerd.otlp.schema import RESOURCE, SCOPE, Message
from tracerd.otlp.values import attributes, fields

_OWN_SCOPE: Final = {"scope": {"name": "tracerd", "version": __version__}}

Item = dict[str, object]


class Signal(NamedTuple):
    """A kind of telemetry, and what its parts are called in a request.

    Attributes:
        name: The last part of its path.
        of: The ends of the names of its resources and scopes.
        items: What a scope holds.
        one: What one of its rows is called.
        many: What several are.
        rejected: How a response calls the number of rows that were not taken.
    """

    name: str
    of: str
    items: str
    one: str
    many: str
    rejected: str


TRACES: Final = Signal("traces", "Spans", "spans", "span", "spans", "rejectedSpans")
LOGS: Final = Signal("logs", "Logs", "logRecords", "log record", "log records", "rejectedLogRecords")
METRICS: Final = Signal("metrics", "Metrics", "metrics", "point", "points", "rejectedDataPoints")
SIGNALS: Final = (TRACES, LOGS, METRICS)
"""In the order in which they are written."""


class Row(NamedTuple):
    """A span, a log record or a point.

    Attributes:
        resource: Whose it is.
        scope: The id of its scope, if it came from OpenTelemetry and has one; else 0.
        item: As OpenTelemetry's JSON has it.
        metric: Of a point, the key and all else of its metric.
    """

    resource: Resource
    scope: int
    item: Item
    metric: "tuple[Hashable, Metric] | None" = None


class Metric(NamedTuple):
    """A metric without its points.

    Attributes:
        kind: The name of its data.
        about: All else of it.
        data: All of its data but the points.
    """

    kind: str
    about: Mapping[str, object]
    data: Mapping[str, object]


@dataclass(slots=True)
class _Scope:
    about: Item
    items: list[Item] = field(default_factory=list[Item])
    metrics: dict[Hashable, list[Item]] = field(default_factory=dict[Hashable, list[Item]])

    def add(self, row: Row) -> None:
        if row.metric is None:
            self.items.append(row.item)
            return
        key, metric = row.metric
        points = self.metrics.get(key)
        if points is None:
            points = self.metrics[key] = []
            self.items.append({**metric.about, metric.kind: {**metric.data, "dataPoints": points}})
        points.append(row.item)


class RequestMaker:
    """Makes the requests of one trace.

    Args:
        trace: The trace.
        origins: What of it came from OpenTelemetry.
    """

    def __init__(self, trace: Tables, origins: Origins) -> None:
        self._origins = origins
        self._of_trace = {
            "tracerd.trace": trace.trace_id,
            **{f"tracerd.trace.{key}": value for key, value in trace.attributes.items()},
        }

    def request(self, signal: Signal, rows: Iterable[Row]) -> Item:
        """A request with these rows."""
        found: dict[Resource, dict[int, _Scope]] = {}
        for row in rows:
            scopes = found.setdefault(row.resource, {})
            scope = scopes.get(row.scope)
            if scope is None:
                scope = scopes[row.scope] = _Scope(self._scope(row))
            scope.add(row)
        resources = [
            {
                **self._resource(resource),
                f"scope{signal.of}": [{**scope.about, signal.items: scope.items} for scope in scopes.values()],
            }
            for resource, scopes in found.items()
        ]
        return {f"resource{signal.of}": resources}

    def _scope(self, row: Row) -> Item:
        pid = row.resource[2]
        if pid not in self._origins.resources:
            return dict(_OWN_SCOPE)
        return _with_schema("scope", SCOPE, self._origins.scopes.get((pid, row.scope)))

    def _resource(self, resource: Resource) -> Item:
        service, process, pid = resource
        if pid in self._origins.resources:
            return _with_schema("resource", RESOURCE, self._origins.resources[pid])
        known = {
            "service.name": service or "unknown_service",
            "process.pid": pid,
            "process.title": process or None,
            **self._of_trace,
        }
        return {"resource": {"attributes": attributes({k: v for k, v in known.items() if v is not None})}}


def _with_schema(name: str, schema: Message, about: object) -> Item:
    found: Item = {}
    if message := given(schema, about):
        found[name] = message
    if url := fields(about).get("schemaUrl"):
        found["schemaUrl"] = url if isinstance(url, str) else ""
    return found


def json_of(request: Item) -> bytes:
    """A request as JSON; what no UTF-8 holds is replaced."""
    try:
        return orjson.dumps(request)
    except TypeError:  # a lone surrogate
        import json

        return json.dumps(request, ensure_ascii=False).encode(errors="replace")
