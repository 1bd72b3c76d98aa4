"""Random lines and blocks, as near to the edge of what is good as real clients come."""

import re

from hypothesis import strategies as st

from tests.core.lines import GOOD

# Pieces of JSON and of what real clients write instead, so that random lines come close to the edge.
PIECES = st.sampled_from(
    [bytes([byte]) for byte in b'{}[]":,\\/ \t\r0159.-+eEuntfdD\x00\x1f\x7f\xc3\xe2\xff']
    + [
        b"nan",
        b"-inf",
        b"NaN",
        b"Infinity",
        b"null",
        b"true",
        b"1e999",
        b"1e5",
        b"-0.5",
        b"1E+0309",
        b"9" * 310,
    ]
    + [b"\\\\", b'\\"', b"\\n", b"\\u0041", b"\\ud83d", b"\\uDE00", b"\\ud83d\\ude00", b"\xc3\xa9"]
    + [b'"ph"', b'"ts"', b'"dur"', b'"X"', b'"M"', b'"1"', b'""', b"[" * 254, b"]" * 254, b'{"a":', b"[]"]
)
NUMBERS = st.sampled_from(["0", "-1", "1.5", "1e5", "1e999", "-1E+400", "1e-999", "7" * 309, "7" * 308, "1e099"])
BARE_WORDS = st.sampled_from(["nan", "-nan", "inf", "-inf", "NaN", "-NaN", "Infinity", "-Infinity"])
ESCAPES = ["\\\\", '\\"', "\\n", "\\u00e9", "\\u005C", "\\u0022", "\\u2028", "\\u0000", "\\ud83d", "\\ude00"]
STRINGS = st.lists(st.sampled_from([*ESCAPES, "a", "é", "u0041", "nan", "5e123", "{", "]", ", "])).map(
    lambda parts: '"' + "".join(parts) + '"'
)
SCALARS = st.one_of(NUMBERS, STRINGS, BARE_WORDS, st.sampled_from(["true", "null", "[]", "{}"]))
KEYS = st.one_of(st.sampled_from(['"ph"', '"ts"', '"dur"', '"tts"', '"tdur"', '"\\u0074s"', '"args"']), STRINGS)
TIMES = st.one_of(NUMBERS, st.sampled_from(['"1"', '"1e999"', '" 1"', '"1_0"', '"\\u0031"', "null", "true", "nan"]))
PHASES = st.sampled_from(['"X"', '"M"', '"B"', '"i"', '"XXX"', '"?"', '""', '"\\u0058"', "1", "null"])


def objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.one_of(
        st.tuples(KEYS, values),
        st.tuples(st.just('"ph"'), PHASES),
        st.tuples(st.sampled_from(['"ts"', '"dur"', '"tts"']), TIMES),
    )
    return st.lists(pairs, max_size=5).map(lambda items: "{" + ",".join(f"{k}:{v}" for k, v in items) + "}")


def arrays(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, max_size=3).map(lambda items: "[" + ", ".join(items) + "]")


VALUES = st.recursive(SCALARS, lambda values: st.one_of(objects(values), arrays(values)), max_leaves=6)
OBJECTS = objects(VALUES).map(str.encode)


def event(phase: bytes, rest: bytes) -> bytes:
    return b'{"ph":"%b","ts":1,"dur":2.5%b' % (phase, rest.replace(b"{", b"," if rest != b"{}" else b"", 1))


EVENTS = st.builds(event, st.sampled_from([b"X", b"M", b"B", b"i", b"?"]), OBJECTS)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A line that is, or nearly is, an object."""
    line = bytearray(draw(st.one_of(OBJECTS, EVENTS, st.sampled_from(GOOD))))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(line)))
        line[start : start + draw(st.integers(0, 3))] = draw(st.one_of(PIECES, st.just(b"")))
    return bytes(line.replace(b"\n", b""))


LINES = st.one_of(
    mutated(),
    st.lists(PIECES).map(b"".join),
    st.lists(PIECES).map(lambda pieces: b'{"a":' + b"".join(pieces) + b"}"),
    st.binary().map(lambda line: line.replace(b"\n", b"")),
)
ENDS = st.sampled_from([b"\n", b"\n", b"\n", b"\n", b"\r\n", b"\n\n", b" \n", b"\n ", b"", b",\n", b"\t\n"])


@st.composite
def blocks(draw: st.DrawFn) -> bytes:
    """Lines joined well and badly, with newlines where none belong."""
    lines = draw(st.lists(st.one_of(EVENTS, OBJECTS, st.sampled_from([b'{"ph":"M"}', b"{}"]), LINES), max_size=5))
    block = b"".join(line + draw(ENDS) for line in lines)
    if draw(st.booleans()) and (places := [match.end() for match in re.finditer(rb"[{}\[\]:,]", block)]):
        place = draw(st.sampled_from(places))
        block = block[:place] + b"\n" + block[place:]
    return block
