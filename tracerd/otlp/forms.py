"""Messages as a log keeps them: OpenTelemetry's JSON with attributes as plain JSON, and without empty fields.

Attributes are an object there, so that their keys give secrets away. Integers of 64 bits are texts, as in its JSON, so
that none passes through a double. What a message should not hold is left out, both ways: a log may hold anything.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, cast

from tracerd.otlp.schema import PRESENT, Kind, Many, Message, Names
from tracerd.otlp.values import attributes, double, fields, integer, objects, plain_attributes
from tracerd.trace_id import is_hex

TYPES: Final = "Types"
"""What the name of a field with types ends in."""

RESOURCE_LINE: Final = "otlp_resource"
SCOPE_LINE: Final = "otlp_scope"
METRIC_LINE: Final = "otlp_metric"
POINT_LINE: Final = "otlp_point"
"""Names of metadata events: the resource of a process, a scope, a metric without its points, and a point."""

OTLP: Final = "otlp"
"""The key in args of what of a message has no place of its own."""

SPAN_EVENT: Final = "spanEvent"
"""In it, of an event of a span: the ids of the span."""

FAILED: Final = "error"
"""The status of a span that has failed; it has an `error` in its args then, which every reader knows."""

SPAN_ARGS: Final = ("trace_id", "span_id", "parent_span_id", "kind", "status", "status_message", OTLP)
FAILED_SPAN_ARGS: Final = (*SPAN_ARGS, "error")
RECORD_ARGS: Final = ("trace_id", "span_id", "level", OTLP)
EVENT_ARGS: Final = (OTLP,)
"""Args that are no attributes. An attribute of this name lies among `attributes` in OTLP."""

_EMPTY: Final[tuple[object, ...]] = ("", "0", 0, [])

_INT32: Final = range(-(2**31), 2**31)
_UINT32: Final = range(2**32)
UINT64: Final = range(2**64)


def kept(schema: Message, message: object) -> dict[str, object]:
    """A message of OpenTelemetry's JSON as a log keeps it."""
    found: dict[str, object] = {}
    for name, value in fields(message).items():
        kind = schema.get(name)
        if kind is Kind.ATTRIBUTES:
            values, types = plain_attributes(value)
            if values:
                found[name] = values
            if types:
                found[name + TYPES] = types
        elif kind is not None:
            clean = _clean(kind, value, kept)
            if clean is not None and (clean not in _EMPTY or name in PRESENT):
                found[name] = clean
    return found


def given(schema: Message, message: object) -> dict[str, object]:
    """A message of a log as OpenTelemetry's JSON has it."""
    found: dict[str, object] = {}
    values = fields(message)
    for name, value in values.items():
        kind = schema.get(name)
        if kind is Kind.ATTRIBUTES:
            found[name] = attributes(fields(value), values.get(name + TYPES))
        elif kind is not None and (clean := _clean(kind, value, given)) is not None:
            found[name] = clean
    return found


def _clean(
    kind: Kind | Names | Many | Message, value: object, inner: Callable[[Message, object], dict[str, object]]
) -> object:
    """A value of this kind; None if it is none."""
    match kind:
        case Many(of):
            if not isinstance(value, list):
                return None
            if isinstance(of, dict):
                return [inner(of, item) for item in objects(cast("list[object]", value))]
            some = [_clean(of, item, inner) for item in cast("list[object]", value)]
            return None if None in some else some
        case dict():
            return inner(kind, cast("object", value)) if isinstance(value, dict) else None
        case Names():
            return number_of(kind, value)
        case Kind.TEXT:
            return value if isinstance(value, str) else None
        case Kind.BOOL:
            return value if isinstance(value, bool) else None
        case Kind.DOUBLE:
            return double(value)
        case Kind.TRACE_ID | Kind.SPAN_ID:
            return hex_id(value, 32 if kind is Kind.TRACE_ID else 16)
        case Kind.INT32 | Kind.UINT32:
            return integer(value, _INT32 if kind is Kind.INT32 else _UINT32)
        case _:
            number = integer(value) if kind is Kind.INT64 else integer(value, UINT64)
            return None if number is None else str(number)


def hex_id(value: object, digits: int) -> str | None:
    """An id in lower case; None if it is none."""
    lower = value.lower() if isinstance(value, str) else ""
    return lower if is_hex(lower, digits) else None


def name_of(names: Names, number: int) -> str:
    """The name of a number, in lower case; empty if it has none, and for 0, which stands for none."""
    return names.names[number] if 0 < number < len(names.names) else ""


def number_of(names: Names, value: object) -> int | None:
    """The number of a value of an enumeration, which may be its name; None if it is none."""
    if isinstance(value, str):
        name = value.removeprefix(names.prefix).lower()
        return names.names.index(name) if name in names.names else None
    return integer(value, _INT32)


def args_of(attributes: object, own: Mapping[str, object], rest: dict[str, object]) -> dict[str, object]:
    """The args of an event: attributes, `own` fields, and the rest of the message.

    Args:
        attributes: Those of OpenTelemetry's JSON.
        own: All fields of this kind of event; those that are empty are left out.
        rest: What has no place of its own.
    """
    args, types = plain_attributes(attributes)
    if not args.keys().isdisjoint((*own, OTLP)):
        rest["attributes"] = {key: args.pop(key) for key in (*own, OTLP) if key in args}
    if types:
        rest["attributes" + TYPES] = types
    args.update({key: value for key, value in own.items() if value})
    args[OTLP] = rest
    return args


def attributes_of(args: Mapping[str, object], own: Iterable[str]) -> list[dict[str, object]]:
    """The attributes of an event as OpenTelemetry has them; `own` are args that are none."""
    rest = fields(args.get(OTLP))
    values = {key: value for key, value in args.items() if key not in own}
    return attributes(values | fields(rest.get("attributes")), rest.get("attributes" + TYPES))
