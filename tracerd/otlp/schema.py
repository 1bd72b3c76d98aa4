"""The messages of OpenTelemetry's protocol as data: by the JSON name of a field, what it holds.

The source is opentelemetry-proto 1.10. What belongs to profiles only (`keyStrindex`, `stringValueStrindex`) is left
out. Resources, spans, span events, log records and metrics are without what a log has its own place for.
"""

from enum import Enum
from typing import Final, NamedTuple


class Kind(Enum):
    """What a field holds that is no message."""

    TEXT = "text"
    BOOL = "bool"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    DOUBLE = "double"
    TRACE_ID = "trace id"
    SPAN_ID = "span id"
    ATTRIBUTES = "attributes"


class Names(NamedTuple):
    """An enumeration: its names, whose indexes are its numbers, behind a common prefix."""

    prefix: str
    names: tuple[str, ...]


class Many(NamedTuple):
    """Several of a kind."""

    of: "Kind | Message"


Message = dict[str, "Kind | Names | Many | Message"]

KINDS: Final = Names("SPAN_KIND_", ("unspecified", "internal", "server", "client", "producer", "consumer"))
STATUS: Final = Names("STATUS_CODE_", ("unset", "ok", "error"))
SEVERITIES: Final = Names(
    "SEVERITY_NUMBER_",
    ("unspecified", *(f"{name}{at or ''}" for name in ("trace", "debug", "info", "warn", "error", "fatal")
                      for at in ("", 2, 3, 4))),
)  # fmt: skip
TEMPORALITIES: Final = Names("AGGREGATION_TEMPORALITY_", ("unspecified", "delta", "cumulative"))

_ATTRIBUTES: Final[Message] = {"attributes": Kind.ATTRIBUTES, "droppedAttributesCount": Kind.UINT32}

RESOURCE: Final[Message] = {
    **_ATTRIBUTES,
    "entityRefs": Many(
        {
            "schemaUrl": Kind.TEXT,
            "type": Kind.TEXT,
            "idKeys": Many(Kind.TEXT),
            "descriptionKeys": Many(Kind.TEXT),
        }
    ),
}
SCOPE: Final[Message] = {"name": Kind.TEXT, "version": Kind.TEXT, **_ATTRIBUTES}

LINK: Final[Message] = {
    "traceId": Kind.TRACE_ID,
    "spanId": Kind.SPAN_ID,
    "traceState": Kind.TEXT,
    "flags": Kind.UINT32,
    **_ATTRIBUTES,
}
SPAN: Final[Message] = {
    "traceState": Kind.TEXT,
    "flags": Kind.UINT32,
    "kind": KINDS,
    "startTimeUnixNano": Kind.UINT64,
    "endTimeUnixNano": Kind.UINT64,
    "droppedAttributesCount": Kind.UINT32,
    "droppedEventsCount": Kind.UINT32,
    "links": Many(LINK),
    "droppedLinksCount": Kind.UINT32,
}
EVENT: Final[Message] = {"timeUnixNano": Kind.UINT64, "droppedAttributesCount": Kind.UINT32}
RECORD: Final[Message] = {
    "timeUnixNano": Kind.UINT64,
    "observedTimeUnixNano": Kind.UINT64,
    "severityNumber": SEVERITIES,
    "severityText": Kind.TEXT,
    "droppedAttributesCount": Kind.UINT32,
    "flags": Kind.UINT32,
    "eventName": Kind.TEXT,
}

METRIC: Final[Message] = {"name": Kind.TEXT, "description": Kind.TEXT, "unit": Kind.TEXT, "metadata": Kind.ATTRIBUTES}
DATA: Final[Message] = {"aggregationTemporality": TEMPORALITIES, "isMonotonic": Kind.BOOL}
"""All of a metric's data but its points."""

_EXEMPLARS: Final = Many(
    {
        "filteredAttributes": Kind.ATTRIBUTES,
        "timeUnixNano": Kind.UINT64,
        "asDouble": Kind.DOUBLE,
        "asInt": Kind.INT64,
        "spanId": Kind.SPAN_ID,
        "traceId": Kind.TRACE_ID,
    }
)
_POINT: Final[Message] = {
    "attributes": Kind.ATTRIBUTES,
    "startTimeUnixNano": Kind.UINT64,
    "timeUnixNano": Kind.UINT64,
    "flags": Kind.UINT32,
}
_NUMBER: Final[Message] = {**_POINT, "asDouble": Kind.DOUBLE, "asInt": Kind.INT64, "exemplars": _EXEMPLARS}
_TOTALS: Final[Message] = {**_POINT, "count": Kind.UINT64, "sum": Kind.DOUBLE}
_HISTOGRAM: Final[Message] = {**_TOTALS, "min": Kind.DOUBLE, "max": Kind.DOUBLE, "exemplars": _EXEMPLARS}
_BUCKETS: Final[Message] = {"offset": Kind.INT32, "bucketCounts": Many(Kind.UINT64)}

POINTS: Final[dict[str, Message]] = {
    "gauge": _NUMBER,
    "sum": _NUMBER,
    "histogram": {**_HISTOGRAM, "bucketCounts": Many(Kind.UINT64), "explicitBounds": Many(Kind.DOUBLE)},
    "exponentialHistogram": {
        **_HISTOGRAM,
        "scale": Kind.INT32,
        "zeroCount": Kind.UINT64,
        "zeroThreshold": Kind.DOUBLE,
        "positive": _BUCKETS,
        "negative": _BUCKETS,
    },
    "summary": {**_TOTALS, "quantileValues": Many({"quantile": Kind.DOUBLE, "value": Kind.DOUBLE})},
}
"""The points of a metric, by the name of its data."""

PRESENT: Final = frozenset({"asDouble", "asInt", "sum", "min", "max"})
"""Fields of which 0 is another thing than nothing."""
