"""The scanner of brackets: it gives the elements of any document, however that is cut, and holds no more than one."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracerd.rows.elements import HEAD_BYTES, Elements, is_document

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('{}[]",:\\\n a', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('{}[]",:\\a', max_size=3), inner, max_size=3),
    max_leaves=8,
)
EVENTS = st.lists(st.dictionaries(st.text('{}[]",\\a', max_size=3), JSON, max_size=4), max_size=6)


def cut(text: bytes, size: int) -> Iterator[bytes]:
    return (text[at : at + size] for at in range(0, len(text), size))


def elements(text: bytes, size: int = 1 << 16) -> tuple[list[bytes], bool]:
    """The elements, and whether the document has its end."""
    found = Elements(cut(text, size))
    return [bytes(element) for some in found for element in some], found.is_complete


@given(EVENTS, st.dictionaries(st.text('{}[]",\\a', max_size=3), JSON, max_size=3), st.integers(1, 40), st.booleans())
def test_elements_of_json_are_those_that_json_has(
    events: list[object], beside: dict[str, object], size: int, pretty: bool
) -> None:
    indent = 1 if pretty else None
    whole = {**beside, "traceEvents": events, "after": beside}

    for document in (events, whole):
        found, is_complete = elements(json.dumps(document, indent=indent).encode(), size)
        assert [json.loads(element) for element in found] == events
        assert is_complete


E1, E2 = b'{"ph":"X","name":"}],["}', b'{"args":{"a":[1,{"b":2}]},"ph":"i"}'


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1 << 16])
@pytest.mark.parametrize(
    ("text", "found", "is_complete"),
    [
        pytest.param(b"[%s,%s]" % (E1, E2), [E1, E2], True, id="array"),
        pytest.param(b"[%s,%s" % (E1, E2), [E1, E2], True, id="no end"),
        pytest.param(b"[%s,%s,\n" % (E1, E2), [E1, E2], True, id="no end after a comma"),
        pytest.param(b"[%s,%s,]" % (E1, E2), [E1, E2], True, id="a comma before the end"),
        pytest.param(b"[%s\n%s\n" % (E1, E2), [E1, E2], True, id="no commas"),
        pytest.param(b"[%s,%s" % (E1, E2[:-1]), [E1], False, id="cut within an object"),
        pytest.param(b"[%s,%s" % (E1, E2[:7]), [E1], False, id="cut within a string"),
        pytest.param(b"[%s] junk [" % E1, [E1], True, id="more after the end"),
        pytest.param(b"\xef\xbb\xbf [%s]" % E1, [E1], True, id="byte order mark"),
        pytest.param(b'[{"x":nan,"y":-inf},%s]' % E1, [b'{"x":nan,"y":-inf}', E1], True, id="bare words"),
        pytest.param(b'[{"x":"a\tb\nc"},%s]' % E1, [b'{"x":"a\tb\nc"}', E1], True, id="control characters"),
        pytest.param(b'[{"x":"\\\\"},{"x":"\\""}]', [b'{"x":"\\\\"}', b'{"x":"\\""}'], True, id="escapes"),
        pytest.param(b'[1,%s,"a]",null,[2]]' % E1, [b"1", E1, b'"a]"', b"null", b"[2]"], True, id="no objects"),
        pytest.param(b"[%s},%s]" % (E1, E2), [E1, b"}", E2], True, id="a bracket too many"),
        pytest.param(b"[]", [], True, id="empty array"),
        pytest.param(b'{"a":"}","b":{"traceEvents":[1]},"traceEvents":[%s],"c":1}' % E1, [E1], True, id="object"),
        pytest.param(b'{"traceEvents":[%s],"traceEvents":[%s]}' % (E1, E2), [E1, E2], True, id="two arrays"),
        pytest.param(b'{"a":nan,"traceEvents":[%s],}' % E1, [E1], True, id="a bare word beside"),
        pytest.param(b'{"traceEvents" : [%s' % E1, [E1], False, id="object without its end"),
        pytest.param(b'{"traceEvents":[%s],"a":{' % E1, [E1], False, id="object cut after its events"),
        pytest.param(b'{"traceEvents":7,"a":1}', [], True, id="no array"),
        pytest.param(b'{"a":1}', [], True, id="no events"),
        pytest.param(b"", [], False, id="nothing"),
        pytest.param(b"hello", [], False, id="no JSON"),
    ],
)
def test_what_others_write_is_read(text: bytes, found: list[bytes], is_complete: bool, size: int) -> None:
    assert elements(text, size) == (found, is_complete)


def test_a_document_cut_anywhere_gives_what_is_whole() -> None:
    text = b'{"a":[{}],"traceEvents":[%s,%s]}' % (E1, E2)
    first_end, second_end = text.index(E1) + len(E1), text.index(E2) + len(E2)

    for end in range(len(text)):
        whole = [E1] * (end >= first_end) + [E2] * (end >= second_end)
        assert elements(text[:end]) == (whole, False)


@pytest.mark.parametrize("event", [b'{"ph":"X","ts":%d}', b'{"ph":"X","ts":%d,"dur":nan}'])
def test_no_piece_is_taken_before_the_elements_of_the_last_one_are(event: bytes) -> None:
    """So a document of any size takes a piece and an element."""
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        for n in range(1000):
            taken += 1
            yield (b"," if n else b"[") + b",".join(event % (100 * n + m) for m in range(100))

    found = 0
    for some in Elements(pieces()):
        found += len(some)
        assert found >= 100 * (taken - 1)
        assert len(some) <= 101
    assert found == 100_000


def test_strict_and_lenient_ways_agree() -> None:
    """A bare word in each event keeps the fast way from being taken."""
    strict = b"[%s]" % b",\n".join(b'{"ts":%d,"args":{"a":{"b":["},{"]}},"x":0.0}' % n for n in range(5000))

    assert elements(strict.replace(b"0.0", b"nan"))[0] == [one.replace(b"0.0", b"nan") for one in elements(strict)[0]]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b'[{"ph":"X"}', True),
        (b"[", True),
        (b"[\n\n]", True),
        (b"[1, 2]", False),
        (b'{"traceEvents":[', True),
        (b'\xef\xbb\xbf{"otherData":{"ph":1}, "traceEvents" : [', True),
        (b'{"ph":"X","name":"traceEvents"}\n', False),
        (b'{"name":"traceEvents","args":{"traceEvents":[]},"ph":"X"}\n', False),
        (b'{"traceEvents":7}', False),
        (b'{"a":1}\n{"traceEvents":[]}', False),
        (b'{"metadata":{"a":"%s' % b"x" * 9, False),
        (b'{"metadata":{"a":"%s' % (b"x" * HEAD_BYTES), True),
        (b"hello", False),
        (b"\x00\xff", False),
        (b"", False),
    ],
)
def test_what_a_document_is(head: bytes, expected: bool) -> None:
    assert is_document(head) is expected
