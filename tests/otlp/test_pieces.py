"""Requests in pieces: nothing is lost or told twice, and what cannot be read spoils no neighbour."""

from collections import Counter
from typing import Any

import orjson
import pytest

from tests.exporters.otlp_messages import Maker, items
from tracerd.otlp import protobuf
from tracerd.otlp.pieces import pieces
from tracerd.otlp.wire import field, number_field, read_fields

SIGNALS = ("traces", "logs", "metrics")


def request(*spans: object) -> bytes:
    return orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [*spans]}]}]})


def names(body: bytes, *, is_protobuf: bool = False) -> tuple[list[str], int]:
    """The names of all spans, and how many could not be read."""
    found: list[str] = []
    unreadable = 0
    for piece in pieces("traces", body, is_protobuf=is_protobuf):
        unreadable += piece.unreadable
        resources: Any = piece.request.get("resourceSpans", [])
        found += [
            span.get("name", "")
            for resource in resources
            for scope in resource.get("scopeSpans", [])
            for span in scope["spans"]
        ]
    return found, unreadable


@pytest.mark.parametrize("limit", [1, 300, 10**9])
@pytest.mark.parametrize("is_protobuf", [False, True], ids=["json", "protobuf"])
@pytest.mark.parametrize("signal", SIGNALS)
def test_the_pieces_are_the_request(signal: str, is_protobuf: bool, limit: int) -> None:
    maker = Maker(5)
    kind = protobuf.request_type(signal)
    for _ in range(10):
        message = maker.request(signal)
        body = message.SerializeToString()
        if not is_protobuf:
            body = orjson.dumps(protobuf.decoded(kind, body))
        found = [*pieces(signal, body, is_protobuf=is_protobuf, limit=limit)]
        went = Counter(
            item for piece in found for item in items(signal, kind.FromString(protobuf.encoded(signal, piece.request)))
        )
        assert went == Counter(items(signal, message))
        assert limit > 1 or all(len(orjson.dumps(piece.request)) < 20_000 for piece in found)
        assert limit < 10**9 or len(found) <= 1


def test_a_piece_has_so_many_bytes() -> None:
    body = request(*({"name": "x" * 100} for _ in range(50)))
    found = [*pieces("traces", body, is_protobuf=False, limit=1000)]
    assert [len(orjson.dumps(piece.request)) < 1200 for piece in found] == [True] * 6
    assert sum(str(piece.request).count("name") for piece in found) == 50


UNREADABLE: list[tuple[bytes, tuple[list[str], int]]] = [
    (request({"name": "a"}, "x", 1, None, {"name": "b"}), (["a", "b"], 3)),
    (request({"name": "a"}, {"name": "?"}).replace(b"?", b"\xff"), (["a"], 1)),
    (request({"name": "a"}, {"name": 1}).replace(b"1", b"1e999"), (["a"], 1)),
    (b'{"resourceSpans":[7,{"scopeSpans":[7,{"spans":7},{"spans":[{"name":"a"}]}]}]}', (["a"], 3)),
    (b'{"resourceSpans":[{"resource":"\xff","scopeSpans":[{"spans":[{}]}]},{"scopeSpans":null}]}', ([], 1)),
    (b"{}", ([], 0)),
    (b'{"resourceSpans":null,"more":1}', ([], 0)),
]


@pytest.mark.parametrize(
    ("body", "found"),
    UNREADABLE,
    ids=["no objects", "bad UTF-8", "no double", "no lists", "bad resource", "empty", "null"],
)
def test_what_cannot_be_read_spoils_no_neighbour(body: bytes, found: tuple[list[str], int]) -> None:
    assert names(body) == found


def message(*spans: bytes) -> bytes:
    """A request of protobuf with these spans."""
    return field(1, field(2, b"".join(field(2, span) for span in spans)))


def test_of_protobuf_neither() -> None:
    good = [field(5, b"a%d" % at) for at in range(20)]
    bad = field(5, b"\xff")
    assert names(message(*good[:7], bad, *good[7:], bad), is_protobuf=True) == ([f"a{at}" for at in range(20)], 2)
    assert names(message(bad), is_protobuf=True) == ([], 1)


@pytest.mark.parametrize(
    ("body", "is_protobuf", "why"),
    [
        (b"{", False, "no JSON"),
        (b"", False, "no JSON"),
        (b'{"resourceSpans":[}', False, "no JSON"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", False, "no JSON"),
        (b"[1]", False, "no object"),
        (b'{"resourceSpans":{}}', False, "list resourceSpans"),
        (b"\xff\xff", True, "cut off"),
        (b"\xff" * 11, True, "more than 64 bits"),
        (b"\x0a\x05ab", True, "cut off"),
        (b"\x0b", True, "kind 3"),
        (b"\x02\x00", True, "number 0"),
        (message(field(5, b"a")) + b"\x0a\x03\x12\x01\x0b", True, "kind 3"),
    ],
)
def test_a_body_that_is_none_is_refused_before_anything_is_done(body: bytes, is_protobuf: bool, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        pieces("traces", body, is_protobuf=is_protobuf)


def test_fields_as_protobuf_writes_them() -> None:
    written = number_field(1, 2**63) + field(2, b"ab") + b"\x19" + b"\0" * 8 + b"\x25" + b"\0" * 4
    assert [(one.number, one.kind, len(one.value)) for one in read_fields(memoryview(written))] == [
        (1, 0, 10), (2, 2, 2), (3, 1, 8), (4, 5, 4)
    ]  # fmt: skip
    assert b"".join(one.whole for one in read_fields(memoryview(written))) == written
