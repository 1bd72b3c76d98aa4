"""OpenTelemetry's requests as protobuf, to and from its JSON. Needs the extra `otlp`.

protobuf's own mapping to JSON writes ids in base64, which OpenTelemetry's does not, and takes many times as long.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

TRACES, LOGS, METRICS = "traces", "logs", "metrics"

_IDS: Final = ("traceId", "spanId", "parentSpanId")
_MESSAGE, _BYTES, _DOUBLE, _BIG = 11, 12, 1, (3, 4, 6, 16, 18)
"""Numbers of types in the descriptors of protobuf; the last are those of 64 bits."""

_SPECIAL: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def request_type(signal: str) -> "type[Message]":
    """The class of the requests of a signal.

    Raises:
        ImportError: opentelemetry-proto is not installed.
    """
    if signal == TRACES:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        return ExportTraceServiceRequest
    if signal == LOGS:
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

        return ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    return ExportMetricsServiceRequest


def response_type(signal: str) -> "type[Message]":
    """The class of the responses of a signal; raises as `request_type`."""
    if signal == TRACES:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

        return ExportTraceServiceResponse
    if signal == LOGS:
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

        return ExportLogsServiceResponse
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

    return ExportMetricsServiceResponse


def encoded(signal: str, request: dict[str, object]) -> bytes:
    """A request, well-formed in OpenTelemetry's JSON, as protobuf; raises as `request_type`."""
    message = request_type(signal)()
    try:
        _fill(message, request)
    except UnicodeEncodeError:  # a lone surrogate
        message.Clear()
        _fill(message, json.loads(json.dumps(request, ensure_ascii=False).encode(errors="replace")))
    return message.SerializeToString()


def decoded(kind: "type[Message]", body: bytes) -> dict[str, object]:
    """A message of protobuf as OpenTelemetry's JSON.

    Raises:
        ValueError: It is none.
    """
    from google.protobuf.message import DecodeError

    message = kind()
    try:
        message.ParseFromString(body)
    except (DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    return _json(message)


@cache
def _fields(descriptor: "Descriptor") -> "dict[str, FieldDescriptor]":
    return {field.json_name: field for field in descriptor.fields}


def _fill(message: "Message", values: dict[str, Any]) -> None:
    known = _fields(message.DESCRIPTOR)
    for name, value in values.items():
        field = known.get(name)
        if field is None:
            continue
        if field.type == _MESSAGE:
            if field.is_repeated:
                items = getattr(message, field.name)
                for item in value:
                    _fill(items.add(), item)
            else:
                inner = getattr(message, field.name)
                inner.SetInParent()
                _fill(inner, value)
        elif field.is_repeated:
            getattr(message, field.name).extend(map(_from_json(name, field.type), value))
        else:
            setattr(message, field.name, _from_json(name, field.type)(value))


@cache
def _from_json(name: str, kind: int) -> Callable[[Any], Any]:
    if kind == _BYTES:
        return bytes.fromhex if name in _IDS else b64decode
    return int if kind in _BIG else float if kind == _DOUBLE else _same


def _json(message: "Message") -> dict[str, object]:
    return {field.json_name: _value(field, value) for field, value in message.ListFields()}


def _value(field: "FieldDescriptor", value: Any) -> object:
    if field.type == _MESSAGE:
        return list(map(_json, value)) if field.is_repeated else _json(value)
    make = _to_json(field.json_name, field.type)
    return list(map(make, value)) if field.is_repeated else make(value)


@cache
def _to_json(name: str, kind: int) -> Callable[[Any], Any]:
    if kind == _BYTES:
        return bytes.hex if name in _IDS else lambda value: b64encode(value).decode()
    return str if kind in _BIG else _double if kind == _DOUBLE else _same


def _double(value: float) -> float | str:
    return _SPECIAL.get(str(value), value)


def _same(value: object) -> object:
    return value
