"""Attributes: plain JSON in a log, objects with a key for their type in OpenTelemetry's JSON.

Plain JSON has no bytes and no infinite numbers. Both are texts there, and stand beside in an object of types, of the
same shape as the attributes: `{"digest": "bytes", "list": {"2": "double"}}`.
"""

import json
import math
from base64 import b64decode
from binascii import Error
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

_LIMIT: Final = 2**63
INT64: Final = range(-_LIMIT, _LIMIT)

_BYTES, _DOUBLE = "bytes", "double"
_SPECIAL: Final = ("NaN", "Infinity", "-Infinity")
"""Doubles that are no numbers of JSON, as protobuf writes them in JSON."""

MAX_DEPTH: Final = 30
"""protobuf reads 100 messages inside each other: a value inside of one takes three, and the request five."""

AnyValue = dict[str, object]


def objects(value: object) -> list[dict[str, object]]:
    """The objects of an array; nothing if it is none."""
    if not isinstance(value, list):
        return []
    return [cast("dict[str, object]", item) for item in cast("list[object]", value) if isinstance(item, dict)]


def fields(value: object) -> dict[str, object]:
    """An object; empty if it is none."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


# ---------------------------------------------------------- from OpenTelemetry


def plain_attributes(value: object, depth: int = 0) -> tuple[dict[str, object], dict[str, object]]:
    """Attributes by their keys, and the types of those that plain JSON does not have. Of a repeated key the last."""
    found: dict[str, object] = {}
    types: dict[str, object] = {}
    for pair in objects(value):
        key = pair.get("key", "")
        if isinstance(key, str):
            found[key], kind = plain(pair.get("value"), depth)
            types.pop(key, None)
            if kind:
                types[key] = kind
    return found, types


def plain(value: object, depth: int = 0) -> tuple[object, object]:
    """What an AnyValue holds, and its type if plain JSON does not have it.

    None if it holds nothing, what it should not, or is nested deeper than protobuf reads.
    """
    holder = fields(value)
    if depth > MAX_DEPTH or not holder:
        return None, None
    kind, inner = next(iter(holder.items()))
    match kind:
        case "stringValue" if isinstance(inner, str):
            return inner, None
        case "boolValue" if isinstance(inner, bool):
            return inner, None
        case "intValue":
            return integer(inner), None
        case "doubleValue":
            number = double(inner)
            return number, _DOUBLE if isinstance(number, str) else None
        case "bytesValue" if isinstance(inner, str):
            return inner, _BYTES
        case "arrayValue":
            some = [plain(item, depth + 1) for item in objects(fields(inner).get("values"))]
            types = {str(at): kind for at, (_, kind) in enumerate(some) if kind}
            return [item for item, _ in some], types or None
        case "kvlistValue":
            pairs, types = plain_attributes(fields(inner).get("values"), depth + 1)
            return pairs, types or None
        case _:
            return None, None


def integer(value: object, allowed: range = INT64) -> int | None:
    """An integer, which may be written as a text of digits; None if it is none of these."""
    if isinstance(value, str) and len(value) <= len(str(INT64.start)):
        try:
            value = int(value)
        except ValueError:
            return None
    return value if isinstance(value, int) and not isinstance(value, bool) and value in allowed else None


def double(value: object) -> float | str | None:
    """A double, or the text for what is no number of JSON; None if it is neither."""
    if isinstance(value, str):
        if value in _SPECIAL:
            return value
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


# ---------------------------------------------------------- to OpenTelemetry


def attributes(values: Mapping[str, object], types: object = None) -> list[AnyValue]:
    """Attributes as OpenTelemetry has them."""
    if not types:
        return [{"key": key, "value": any_value(value)} for key, value in values.items()]
    kinds = fields(types)
    return [{"key": key, "value": any_value(value, kinds.get(key))} for key, value in values.items()]


def any_value(value: object, kind: object = None, depth: int = 0) -> AnyValue:
    """A value as OpenTelemetry has it.

    An integer beyond 64 bits is a double, and what lies deeper than protobuf reads is a text of JSON.
    """
    make = _MAKERS.get(type(value))  # a `match` takes three times as long
    return {} if make is None else make(value, kind, depth)


def _of_text(value: str, kind: object, _depth: int) -> AnyValue:
    if kind == _BYTES and _is_base64(value):
        return {"bytesValue": value}
    if kind == _DOUBLE and value in _SPECIAL:
        return {"doubleValue": value}
    return {"stringValue": value}


def _of_int(value: int, _kind: object, _depth: int) -> AnyValue:
    if -_LIMIT <= value < _LIMIT:
        return {"intValue": str(value)}
    number = double(value)
    return {"doubleValue": number if number is not None else "Infinity" if value > 0 else "-Infinity"}


def _of_list(value: list[object], kind: object, depth: int) -> AnyValue:
    if depth >= MAX_DEPTH:
        return {"stringValue": json.dumps(value)}
    kinds = fields(kind)
    some = [any_value(item, kinds.get(str(at)), depth + 1) for at, item in enumerate(value)]
    return {"arrayValue": {"values": some}}


def _of_object(value: dict[str, object], kind: object, depth: int) -> AnyValue:
    if depth >= MAX_DEPTH:
        return {"stringValue": json.dumps(value)}
    kinds = fields(kind)
    some = [{"key": key, "value": any_value(item, kinds.get(key), depth + 1)} for key, item in value.items()]
    return {"kvlistValue": {"values": some}}


_MAKERS: Final[dict[type, Callable[[Any, object, int], AnyValue]]] = {
    str: _of_text,
    bool: lambda value, _kind, _depth: {"boolValue": value},
    int: _of_int,
    float: lambda value, _kind, _depth: {"doubleValue": double(value)},
    list: _of_list,
    dict: _of_object,
}


def _is_base64(text: str) -> bool:
    try:
        b64decode(text, validate=True)
    except (Error, ValueError):
        return False
    return True
