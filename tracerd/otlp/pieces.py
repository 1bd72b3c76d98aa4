"""Requests of OpenTelemetry's protocol in pieces, so that a large one never stands in memory as objects.

A piece is a request of its own, with the resource and the scope that its items belong to. An item that cannot be read
is left out and counted; the others are not affected.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Final, NamedTuple, cast

import msgspec

from tracerd.otlp.wire import field, read_fields

PARTS: Final = {
    "traces": ("resourceSpans", ("scopeSpans", "instrumentationLibrarySpans"), "spans"),
    "logs": ("resourceLogs", ("scopeLogs", "instrumentationLibraryLogs"), "logRecords"),
    "metrics": ("resourceMetrics", ("scopeMetrics", "instrumentationLibraryMetrics"), "metrics"),
}
"""By signal: the keys of the resources, of their scopes, and of the items of a scope."""

PIECE_BYTES: Final = 2 * 1024 * 1024
"""Of the items of a piece, as they were sent. As objects they take ten times as much."""

Json = dict[str, object]
_Raws = dict[str, msgspec.Raw]

_RESOURCES, _SCOPES, _ITEMS = 1, 2, 2
"""Numbers of these fields in the messages of all three signals."""

_FAILURES: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Piece(NamedTuple):
    """A part of a request.

    Attributes:
        request: It, as OpenTelemetry's JSON.
        unreadable: How many items were left out.
    """

    request: Json
    unreadable: int


def pieces(signal: str, body: bytes | bytearray, *, is_protobuf: bool, limit: int = PIECE_BYTES) -> Iterator[Piece]:
    """The pieces of a request, in its order.

    Args:
        signal: `traces`, `logs` or `metrics`.
        body: The body, inflated.
        is_protobuf: Whether it is protobuf, which needs the extra `otlp`; else it is JSON.
        limit: How many bytes the items of a piece may have.

    Raises:
        ValueError: It is neither; before the first piece.
        ImportError: The extra is not installed.
    """
    if is_protobuf:
        for _ in _of_protobuf(body):  # a fault is found before anything is done
            pass
        return _pieces(signal, _of_protobuf(body), limit, _protobuf_pieces)
    return _pieces(signal, _of_json(signal, _resources(signal, body)), limit, _json_pieces)


class _Scope(NamedTuple):
    """A scope without its items, and its resource without scopes, in the form of the request."""

    resource: object
    key: str
    about: object


class _Item(NamedTuple):
    """An item as it was sent; None in place of what cannot be read."""

    scope: _Scope
    raw: msgspec.Raw | memoryview | None


_UNREADABLE: Final = _Item(_Scope({}, "", {}), None)


def _pieces(
    signal: str, items: Iterable[_Item], limit: int, make: Callable[[str, list[_Item]], Iterable[Piece]]
) -> Iterator[Piece]:
    some: list[_Item] = []
    size = 0
    for item in items:
        length = 0 if item.raw is None else len(memoryview(item.raw))
        if some and size + length > limit:
            yield from make(signal, some)
            some, size = [], 0
        some.append(item)
        size += length
    if some:
        yield from make(signal, some)


def _by_scope(items: list[_Item]) -> Iterator[tuple[_Scope, list[_Item]]]:
    for _, group in groupby(items, lambda item: id(item.scope)):
        some = [*group]
        yield some[0].scope, some


# ---------------------------------------------------------- JSON


def _resources(signal: str, body: bytes | bytearray) -> list[msgspec.Raw]:
    key = PARTS[signal][0]
    try:
        return _list(msgspec.json.decode(body, type=_Raws).get(key))
    except msgspec.ValidationError:
        raise ValueError(f"it is no object of JSON with a list {key}") from None
    except _FAILURES as error:
        raise ValueError(f"it is no JSON: {error}") from None


def _of_json(signal: str, resources: list[msgspec.Raw]) -> Iterator[_Item]:
    _, scope_keys, items_key = PARTS[signal]
    for raw_resource in resources:
        try:
            resource = msgspec.json.decode(raw_resource, type=_Raws)
            scopes = [(key, raw) for key in scope_keys for raw in _list(resource.pop(key, None))]
            about_resource = _values(resource)
        except _FAILURES:
            yield _UNREADABLE
            continue
        for key, raw_scope in scopes:
            try:
                inner = msgspec.json.decode(raw_scope, type=_Raws)
                items = _list(inner.pop(items_key, None))
                scope = _Scope(about_resource, key, _values(inner))
            except _FAILURES:
                yield _UNREADABLE
                continue
            for item in items:
                yield _Item(scope, item)


def _list(raw: msgspec.Raw | None) -> list[msgspec.Raw]:
    return [] if raw is None else msgspec.json.decode(raw, type=list[msgspec.Raw] | None) or []


def _values(fields: _Raws) -> Json:
    return {name: msgspec.json.decode(raw) for name, raw in fields.items()}


def _json_pieces(signal: str, items: list[_Item]) -> Iterator[Piece]:
    resources_key, _, items_key = PARTS[signal]
    resources: list[Json] = []
    unreadable = 0
    for scope, group in _by_scope(items):
        some = [value for item in group if (value := _object(item.raw)) is not None]
        unreadable += len(group) - len(some)
        if some:
            inner = {**cast("Json", scope.about), items_key: some}
            resources.append({**cast("Json", scope.resource), scope.key: [inner]})
    yield Piece({resources_key: resources}, unreadable)


def _object(raw: msgspec.Raw | memoryview | None) -> Json | None:
    try:
        return None if raw is None else msgspec.json.decode(raw, type=Json)
    except _FAILURES:
        return None


# ---------------------------------------------------------- protobuf


def _of_protobuf(body: bytes | bytearray) -> Iterator[_Item]:
    try:
        for resource in _split(memoryview(body), _RESOURCES)[0]:
            scopes, about_resource = _split(resource, _SCOPES)
            for one in scopes:
                about = b"".join(found.whole for found in read_fields(one) if not found.is_message(_ITEMS))
                scope = _Scope(about_resource, "", about)
                for found in read_fields(one):
                    if found.is_message(_ITEMS):
                        yield _Item(scope, found.value)
    except ValueError as error:
        raise ValueError(f"it is no protobuf of this kind: {error}") from None


def _split(message: memoryview, number: int) -> tuple[list[memoryview], bytes]:
    """The messages in a field, and all else as it was sent."""
    found = [*read_fields(message)]
    inner = [one.value for one in found if one.is_message(number)]
    return inner, b"".join(one.whole for one in found if not one.is_message(number))


def _protobuf_pieces(signal: str, items: list[_Item]) -> Iterator[Piece]:
    """One piece; if something in it cannot be read, those of its halves."""
    from tracerd.otlp.protobuf import decoded, request_type

    try:
        yield Piece(decoded(request_type(signal), b"".join(_resource(*one) for one in _by_scope(items))), 0)
        return
    except ValueError:
        half = len(items) // 2
    if half:
        yield from _protobuf_pieces(signal, items[:half])
        yield from _protobuf_pieces(signal, items[half:])
    else:
        yield Piece({}, 1)


def _resource(scope: _Scope, items: list[_Item]) -> bytes:
    inner = b"".join(field(_ITEMS, cast("memoryview", item.raw)) for item in items)
    about, around = cast("bytes", scope.about), cast("bytes", scope.resource)
    return field(_RESOURCES, around + field(_SCOPES, about + inner))
