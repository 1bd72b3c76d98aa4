"""Random requests of OpenTelemetry's protocol, made of its own messages, and how two of them are compared."""

import random
from collections.abc import Iterator
from typing import Any, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tracerd.otlp import protobuf

Json = dict[str, Any]

PROFILES = ("keyStrindex", "stringValueStrindex")
"""Fields that only profiles use."""

NOON_NS = 1_700_000_000_000_000_000
TEXTS = ("", "a", "http.method", "GET /", 'quo"te\\', "\u00fc\u4e16\U0001f600", "line\nbreak", "x" * 300)
OWN_NAMES = ("kind", "status", "trace_id", "span_id", "level", "otlp", "error", "message", "service")
"""Names that mean something in the args of a log."""

NEEDED = {
    "startTimeUnixNano", "endTimeUnixNano", "timeUnixNano", "observedTimeUnixNano", "traceId", "spanId",
    "parentSpanId", "name", "resource", "key",
}  # fmt: skip
"""Fields that are always set, so that an item has a place and an identity."""

_BITS = {3: 64, 4: 64, 5: 32, 6: 64, 7: 32, 13: 32, 16: 64, 17: 32, 18: 64}
_SIGNED = (3, 5, 16, 17, 18)
_DEPTH = 4


class Maker:
    """Makes random requests; the same ones for the same seed."""

    def __init__(self, seed: int, first_ns: int = NOON_NS) -> None:
        self.random = random.Random(seed)
        self._first_ns = first_ns
        self._ids = seed << 32

    def request(self, signal: str) -> Message:
        """A request with all kinds of fields."""
        message = protobuf.request_type(signal)()
        self._fill(message, 0)
        return message

    def _fill(self, message: Message, depth: int) -> None:
        chance = self.random
        oneofs = {
            oneof.name: chance.choice([field.json_name for field in oneof.fields if field.json_name not in PROFILES])
            for oneof in message.DESCRIPTOR.oneofs
        }
        nested = message.DESCRIPTOR.name == "AnyValue"
        for field in message.DESCRIPTOR.fields:
            name = field.json_name
            oneof = field.containing_oneof
            if name in PROFILES or (oneof is not None and oneofs[oneof.name] != name):
                continue
            if nested and depth > _DEPTH and field.message_type is not None:
                continue
            if name not in NEEDED and chance.random() < 0.25:
                continue
            self._set(message, field, depth + nested)

    def _set(self, message: Message, field: Any, depth: int) -> None:
        chance = self.random
        if field.message_type is not None and field.is_repeated:
            keys: set[str] = set()
            for _ in range(chance.randrange(4)):
                item = getattr(message, field.name).add()
                self._fill(item, depth)
                if field.message_type.name == "KeyValue":
                    while item.key in keys:
                        item.key += "'"
                    keys.add(item.key)
        elif field.message_type is not None:
            inner = getattr(message, field.name)
            inner.SetInParent()
            self._fill(inner, depth)
        elif field.is_repeated:
            getattr(message, field.name).extend(self._scalar(field) for _ in range(chance.randrange(5)))
        else:
            setattr(message, field.name, self._scalar(field))

    def _scalar(self, field: Any) -> object:
        chance = self.random
        name = field.json_name
        if name.endswith("TimeUnixNano") or name == "timeUnixNano":
            return self._first_ns + chance.randrange(10**12)
        if name in ("traceId", "spanId", "parentSpanId"):
            self._ids += 1
            return self._ids.to_bytes(16 if name == "traceId" else 8, "big")
        if field.type == FieldDescriptor.TYPE_STRING:
            return chance.choice((*TEXTS, *OWN_NAMES, f"text {chance.random()}"))
        if field.type == FieldDescriptor.TYPE_BYTES:
            return chance.randbytes(chance.randrange(9))
        if field.type == FieldDescriptor.TYPE_BOOL:
            return chance.random() < 0.5
        if field.enum_type is not None:
            return chance.choice([value.number for value in field.enum_type.values])
        if field.type == FieldDescriptor.TYPE_DOUBLE:
            doubles = (0.0, 1.0, -0.5, 1e22, 5e-324, 2.0**53, 1.7e308, float("inf"), float("-inf"), float("nan"))
            return chance.choice((*doubles, chance.gauss(0, 1e6)))
        bits = _BITS[field.type]
        lowest, highest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if field.type in _SIGNED else (0, 2**bits - 1)
        return chance.choice([0, 1, 7, lowest, highest, chance.randint(lowest, highest)])


def items(signal: str, request: Message) -> Iterator[str]:
    """Each span, record or point of a request, with all that it belongs to, in a form that can be compared."""
    plain = protobuf.decoded(type(request), request.SerializeToString())
    of = signal.removesuffix("s").removesuffix("ace") if signal == "traces" else signal
    of = {"tr": "Spans", "logs": "Logs", "metrics": "Metrics"}[of]
    for resource in cast("list[Json]", plain.get(f"resource{of}", [])):
        for scope in resource.get(f"scope{of}", []):
            around = [
                (resource.get("resource", {}), resource.get("schemaUrl", "")),
                (scope.get("scope", {}), scope.get("schemaUrl", "")),
            ]
            for item in scope.get({"Spans": "spans", "Logs": "logRecords", "Metrics": "metrics"}[of], []):
                for one in _points(item) if of == "Metrics" else [item]:
                    yield repr(canonical([around, one]))


def _points(metric: Json) -> Iterator[Json]:
    for kind in ("gauge", "sum", "histogram", "exponentialHistogram", "summary"):
        if kind in metric:
            data = metric[kind]
            for point in data.get("dataPoints", []):
                yield {**metric, kind: {**data, "dataPoints": [point]}}


_UNORDERED = ("attributes", "filteredAttributes", "metadata", "events", "kvlistValue")


def canonical(value: object, holder: str = "") -> object:
    """Attributes and events in an order, and nothing that is empty, which protobuf does not tell from nothing."""
    if isinstance(value, dict):
        pairs = {key: canonical(item, holder if key == "values" else key) for key, item in cast("Json", value).items()}
        return tuple(sorted((key, item) for key, item in pairs.items() if item not in ((), None)))
    if isinstance(value, list):
        some = [canonical(item) for item in cast("list[object]", value)]
        return ("list", *(sorted(some, key=repr) if holder in _UNORDERED else some)) if some else ()
    if isinstance(value, tuple):
        return tuple(canonical(item) for item in cast("tuple[object, ...]", value))
    return value
