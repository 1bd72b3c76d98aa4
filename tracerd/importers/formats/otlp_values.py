"""The attributes of OpenTelemetry's JSON, whose values are objects with a key for their type."""

from collections.abc import Iterator
from typing import Final

from tracerd.importers.fields import fields, number, objects, text

_MAX_DEPTH: Final = 20


def attributes(value: object) -> dict[str, object]:
    """Attributes by their keys."""
    return {text(pair.get("key")): value_of(pair.get("value")) for pair in objects(value)}


def value_of(value: object, depth: int = 0) -> object:
    """What an AnyValue holds; None if it is none, or nested too deep."""
    holder = fields(value)
    if depth > _MAX_DEPTH or not holder:
        return None
    kind, inner = next(iter(holder.items()))
    if kind == "intValue":
        return number(inner)
    if kind == "arrayValue":
        return [value_of(item, depth + 1) for item in objects(fields(inner).get("values"))]
    if kind == "kvlistValue":
        pairs = objects(fields(inner).get("values"))
        return {text(pair.get("key")): value_of(pair.get("value"), depth + 1) for pair in pairs}
    return inner


def items(item: dict[str, object], *keys: str) -> Iterator[dict[str, object]]:
    """The objects of the arrays under these keys, which are the names that the format has had for one thing."""
    for key in keys:
        yield from objects(item.get(key))
