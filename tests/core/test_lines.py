"""The two guarantees, shown by tables and by what any input at all leads to.

The oracle is json.loads of the standard library, made strict, never the code under test.
"""

import json
import math
import re
from collections.abc import Callable
from itertools import accumulate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracerd.core.json_text import is_too_deep
from tracerd.core.lines import MAX_REPAIRED_BYTES, BadLine, check_line, check_run
from tracerd.core.tef import HEAD, SEPARATOR, perfetto_text, tail
from tracerd.trace_json.perfetto import export_line, export_run

DEEPEST = b'{"a":' + b"[" * 255 + b"]" * 255 + b"}"
TOO_DEEP = b'{"a":' + b"[" * 256 + b"]" * 256 + b"}"
WIDE_AND_DEEPEST = DEEPEST.replace(b'"a"', b'"b":[],"a"')
LARGEST = b'{"a":' + b"1" + b"0" * 308 + b"}"
LONG_TEXT = b'{"a":"' + b"7" * 400 + b" 1e999 " + b"[{" * 300 + b'"}'

# ------------------------------------------------------------------ oracles


def strict(line: bytes) -> object:
    """What a strict reader makes of a line.

    Raises:
        ValueError: It is not JSON of our kind.
    """
    return json.loads(line.decode(), parse_constant=_refuse, parse_float=_double, parse_int=_double)


def _refuse(word: str) -> object:
    raise ValueError(word)


def _double(number: str) -> str:
    if math.isinf(float(number)):
        raise ValueError(number)
    return f"number {number}"  # every digit takes part in comparisons


def depth(line: bytes) -> int:
    outside = re.sub(rb'"[^"\\]*(?:\\.[^"\\]*)*"', b"", line)
    steps = [1 if byte in b"[{" else -1 for byte in outside if byte in b"[]{}"]
    return max(accumulate(steps), default=0)


def is_strict_object(line: bytes) -> bool:
    try:
        return isinstance(strict(line), dict) and depth(line) <= 256
    except (ValueError, RecursionError):
        return False


def has_surrogate_escape(line: bytes) -> bool:
    return bool(re.search(rb"(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F][0-9a-fA-F]{2}", line))


def all_pairs(line: bytes) -> str:
    """What a line says, every repeated key and every digit included."""
    pairs: object = json.loads(
        line, object_pairs_hook=list, parse_constant=lambda _: None, parse_float=str, parse_int=str
    )
    return json.dumps(pairs, ensure_ascii=False)


def is_good_event(line: bytes) -> bool:
    """The rules of trace.json, over json.loads and every value of a repeated key."""

    def values_by_key(pairs: list[tuple[str, object]]) -> dict[str, list[object]]:
        return {key: [value for name, value in pairs if name == key] for key, _ in pairs}

    event: dict[str, list[object]] = json.loads(line, object_pairs_hook=values_by_key)
    phases = event.get("ph", [])
    if not phases or not all(isinstance(phase, str) and phase for phase in phases):
        return False
    first = str(phases[-1])[0]
    needed = {"M": set[str](), "X": {"ts", "dur"}}.get(first, {"ts"})
    times = [value for key in ("ts", "dur", "tts", "tdur") for value in event.get(key, [])]
    return needed <= event.keys() and all(map(_is_finite_number, times))


def _is_finite_number(value: object) -> bool:
    if isinstance(value, str):
        try:
            value = json.loads(value) if value[:1] in set("-0123456789") and value[-1:].isdigit() else None
        except ValueError:
            return False
    return type(value) in (int, float) and math.isfinite(float(str(value)))


# ------------------------------------------------------------------ tables

GOOD = [
    b"{}",
    b'{"":0}',
    b'{"a":[1,-0,0.5,1E5,1e-5,-1.5e+5,true,false,null,"",{},[]]}',
    b'{ "a" : 1 ,\t"b":[ 2 ] }',
    b'{"a":1,"a":2}',
    b'{"a":123456789012345678901234567890,"b":0.12345678901234567890123}',
    b'{"a":1e-999,"b":1e308,"c":[1e+07,1e007,0e0000]}',
    b'{"a":1.5e-07,"id":"5e123","b":"-5E1234","c":"4bf92f3577e34da6"}',
    b'{"a":"nan, inf, NaN: [-Infinity]"}',
    b'{"a":"\\" nan \\\\"}',
    b'{"a":"\\\\ud83d"}',
    b'{"a":"C:\\\\udp\\\\u"}',
    b'{"a":"\\u00e9\\uE000\\n\\/\x7f"}',
    '{"é":"\u2028\U0001f600\uffff"}'.encode(),
    LARGEST,
    LONG_TEXT,
    DEEPEST,
    WIDE_AND_DEEPEST,
]

REPAIRED = [
    (b'{"a":nan}', b'{"a":null}'),
    (b'{"a":[nan,-nan,inf,-inf,NaN,-NaN,Infinity,-Infinity]}', b'{"a":[' + b"null," * 7 + b"null]}"),
    (b'{"a": -inf }', b'{"a": null }'),
    (b'{"nan":nan,"b":"\\\\\\"inf","c":inf}', b'{"nan":null,"b":"\\\\\\"inf","c":null}'),
    (b'{"a":"\xff","\xc3":1}', '{"a":"\ufffd","\ufffd":1}'.encode()),
    (b'{"a":"\xe2\x82"}', '{"a":"\ufffd"}'.encode()),
    (b'{"a":"\xed\xa0\x80"}', '{"a":"\ufffd\ufffd\ufffd"}'.encode()),
    (b'{"a":"\\ud83d\\ude00"}', '{"a":"\U0001f600"}'.encode()),
    (b'{"\\uD83D\\uDE00":"\\\\\\ud83d\\ude00"}', '{"\U0001f600":"\\\\\U0001f600"}'.encode()),
    (b'{"a":"\\uD83D\\uDE00"}', '{"a":"\U0001f600"}'.encode()),
    (b'{"a":"\\ud83d"}', '{"a":"\ufffd"}'.encode()),
    (b'{"a":"\\ude00\\ud83d"}', '{"a":"\ufffd\ufffd"}'.encode()),
    (b'{"a":"\\ud83d\\ud83d\\ude00"}', '{"a":"\ufffd\U0001f600"}'.encode()),
    (b'{"a":"\\ud83d\\u0041\\\\ude00"}', '{"a":"\ufffd\\u0041\\\\ude00"}'.encode()),
    (DEEPEST.replace(b"[]", b"[nan]"), DEEPEST.replace(b"[]", b"[null]")),
]

REFUSED = [
    (b"", "not JSON: the line ends too early"),
    (b"hello", "not JSON: invalid character at byte 0"),
    (b'{"a":1', "not JSON: the line ends too early"),
    (b'{"a":"1', "not JSON: the line ends too early"),
    (b'{"a":"1\\', "not JSON: the line ends too early"),
    (b'{"a":1,}', "not JSON: trailing comma in object at byte 7"),
    (b'{"a":[1,]}', "not JSON: trailing comma in array at byte 8"),
    (b'{"a":1}}', "not JSON: trailing characters at byte 8"),
    (b'{"a":1},{"b":2}', "not JSON: trailing characters at byte 8"),
    (b'{"a":1}{"b":2}', "not JSON: trailing characters at byte 8"),
    (b'{"a":""b""}', "not JSON: expected ',' or '}' at byte 7"),
    (b"{a:1}", "not JSON: object keys must be strings at byte 1"),
    (b"{'a':1}", "not JSON: object keys must be strings at byte 1"),
    (b"{nan:1}", "not JSON: object keys must be strings at byte 2"),
    (b'{"b":nan,"a":nanx}', "not JSON: expected ',' or '}' at byte 16"),
    (b'{"a":1nan}', "not JSON: expected ',' or '}' at byte 7"),
    (b'{"a":nan5}', "not JSON: expected ',' or '}' at byte 8"),
    (b'{"a":nan.5}', "not JSON: expected ',' or '}' at byte 8"),
    (b'{"a":- nan}', "not JSON: invalid character at byte 6"),
    (b'{"a":+inf}', "not JSON: invalid character at byte 5"),
    (b'{"a":NAN}', "not JSON: invalid character at byte 5"),
    (b'{"a":01}', "not JSON: invalid number at byte 6"),
    (b'{"a":1.}', "not JSON: invalid number at byte 7"),
    (b'{"a":-}', "not JSON: invalid character at byte 6"),
    (b'{"a":"\\x"}', "not JSON: invalid escaped character at byte 7"),
    (b'{"a":"\\u12"}', "not JSON: invalid character in unicode escape at byte 11"),
    (b'{"a":"\t"}', "not JSON: invalid character at byte 6"),
    (b'{"a":"\x01"}', "not JSON: control character at byte 6: write \\u0001, in a string"),
    (b'{"a":"\0\0"}', "not JSON: control character at byte 6: write \\u0000, in a string"),
    (b'{"a":\xc3\xa9}', "not JSON: invalid character at byte 5"),
    (b"\xef\xbb\xbf{}", "not JSON: invalid character at byte 0"),
    (b'{"a":\n1}', "a newline inside the line"),
    (b" {}", "blanks around the object"),
    (b"{}\r", "blanks around the object"),
    (b"[{}]", "not a JSON object"),
    (b'"a"', "not a JSON object"),
    (b"1", "not a JSON object"),
    (b"nan", "not a JSON object"),
    (TOO_DEEP, "nested deeper than 256 levels"),
    (b'{"a":' * 100_000, "nested deeper than 256 levels"),
    (b'{"a":1e999}', "number 1e999 does not fit a double"),
    (b'{"a":[-1.5E+0400]}', "number -1.5E+0400 does not fit a double"),
    (b'{"a":\t1e308,"b":nan,"c":2e308}', "number 2e308 does not fit a double"),
    (LARGEST.replace(b"1", b"2"), "number 200000000000000000000000000000000000... does not fit a double"),
    (b'{"a":' + b"9" * 5000 + b"}", "number 999999999999999999999999999999999999... does not fit a double"),
]

GOOD_EVENTS = [
    b'{"ph":"X","ts":1,"dur":2}',
    b'{"pid":14646,"cat":"","tid": 0,"dur": 4869.62,"ts": 7.63,"name":"wait","ph":"X","args": {"i":0}}',
    b'{"ph":"XXX","ts":-1,"dur":0}',
    b'{"ph":"X","ts":"1","dur":"-1.5e3"}',
    b'{"ph":"M"}',
    b'{"ph":"M","ts":0,"name":"process_name","args":{"name":"a"}}',
    b'{"ph":"Metadata"}',
    b'{"ph":"?","ts":1e-999}',
    b'{"ph":"B","ts":9223372036854775808,"tts":0.5,"tdur":"1"}',
    b'{"ph":"X","ts":1,"ts":2,"dur":1}',
    b'{"ph":"X","ph":"M"}',
    b'{"\\u0070h":"\\u0058","ts":"\\u0031","dur":1}',
    b'{"ph":"i","ts":1,"args":{"ts":null,"dur":null,"ph":0}}',
]

BAD_EVENTS = [
    (b"{}", "ph is missing"),
    (b'{"ph":"","ts":1}', 'ph must be a non-empty string, not ""'),
    (b'{"ph":1,"ts":1}', "ph must be a non-empty string, not 1"),
    (b'{"ph":null,"ph":"i","ts":1}', "ph must be a non-empty string, not null"),
    (b'{"ph":"i"}', "ts is missing"),
    (b'{"ph":"M","ph":"X","ts":1}', "dur is missing, which ph X needs"),
    (b'{"ph":"X","ts":1}', "dur is missing, which ph X needs"),
    (b'{"ph":"XXX","ts":1}', "dur is missing, which ph X needs"),
    (b'{"ph":"i","ts":true}', "ts must be a finite number, not true"),
    (b'{"ph":"M","ts":null}', "ts must be a finite number, not null"),
    (b'{"ph":"i","ts":nan}', "ts must be a finite number, not null"),
    (b'{"ph":"i","ts":1,"dur":"soon"}', 'dur must be a finite number, not "soon"'),
    (b'{"ph":"i","ts":1,"tts":{}}', "tts must be a finite number, not an object"),
    (b'{"ph":"i","ts":1,"tdur":[1]}', "tdur must be a finite number, not an array"),
    (b'{"ph":"i","ts":null,"ts":1}', "ts must be a finite number, not null"),
    (b'{"ph":"i","ts":1,"\\u0074s":null}', "ts must be a finite number, not null"),
    (b'{"ph":"i","ts":1e999}', "number 1e999 does not fit a double"),
    (b'{"ph":"i","ts":1,"args":{"a":1e999}}', "number 1e999 does not fit a double"),
    *(
        (b'{"ph":"i","ts":"%b"}' % text, f'ts must be a finite number, not "{text.decode()}"')
        for text in (
            b"",
            b" 1",
            b"1_0",
            b"nan",
            b"1e999",
            b"01",
            b"1.",
            b"+1",
            b".5",
            b"0x1",
            b"\\u0661",
            b"1\\n",
        )
    ),
]


@pytest.mark.parametrize("line", GOOD)
def test_strict_object_is_kept_as_it_came(line: bytes) -> None:
    assert check_line(line) is line


@pytest.mark.parametrize("line", [line for line in GOOD if line not in (LARGEST, LONG_TEXT)])
def test_usual_line_passes_the_fast_check(line: bytes) -> None:
    expected = None if b"1e308" in line else 3
    assert check_run((line + b"\n") * 3) == expected


@pytest.mark.parametrize(("line", "repaired"), REPAIRED)
def test_line_is_repaired(line: bytes, repaired: bytes) -> None:
    assert check_line(line) == repaired
    assert check_line(repaired) is repaired
    assert check_run(line + b"\n") is None


@pytest.mark.parametrize(("line", "reason"), REFUSED)
def test_line_is_refused_with_a_reason(line: bytes, reason: str) -> None:
    assert check_line(line) == BadLine(reason)
    assert check_run(line + b"\n") is None
    assert check_run(b"{}\n" + line + b"\n{}\n") is None


@pytest.mark.parametrize("line", GOOD_EVENTS)
def test_good_event_is_exported(line: bytes) -> None:
    assert is_good_event(line)
    assert export_line(line) is line


@pytest.mark.parametrize(("line", "reason"), BAD_EVENTS)
def test_bad_event_is_left_out_with_a_reason(line: bytes, reason: str) -> None:
    assert export_line(line) == BadLine(reason)
    assert export_run(line + b"\n") is None


@pytest.mark.parametrize(("line", "reason"), REFUSED)
def test_what_a_log_refuses_is_not_exported(line: bytes, reason: str) -> None:
    assert export_line(line) == BadLine(reason)


def test_exported_event_is_repaired() -> None:
    assert export_line(b'{"ph":"i","ts":1,"v":nan}') == b'{"ph":"i","ts":1,"v":null}'


def test_fast_export_takes_the_events_of_usual_clients() -> None:
    block = b"".join(line + b"\n" for line in GOOD_EVENTS[:2] + GOOD_EVENTS[4:6])
    assert export_run(block) == 4


@pytest.mark.parametrize("check", [check_run, export_run])
@pytest.mark.parametrize(
    "block",
    [
        b'{"ph":"M","a":\n1}{"ph":"M"}\n',
        b'{"ph":"M"}{"ph":"M"\n}\n',
        b'{"ph":"M","a":{}\n,"b":{}}{"ph":"M"}\n',
        b'{"ph":"M","a":\n{}}{"ph":"M"}\n',
        b'{"ph":"M"}\n\n{"ph":"M"}\n',
        b'\n{"ph":"M"}\n',
        b'{"ph":"M"} \n{"ph":"M"}\n',
        b'{"ph":"M"}\n {"ph":"M"}\n',
        b'{"ph":"M"}\r\n{"ph":"M"}\n',
        b'{"ph":"M"},\n{"ph":"M"}\n',
        b'{"ph":"M"}\n{"ph":"M","a":{}}',
    ],
)
def test_objects_must_sit_one_on_a_line(check: Callable[[bytes], int | None], block: bytes) -> None:
    assert check(block) is None


def test_empty_block_has_no_events() -> None:
    assert check_run(b"") == export_run(b"") == 0


def test_nesting_is_not_measured_by_counting_brackets() -> None:
    line = b'{"a":[' + b"[]," * 1000 + b"[]]}"
    assert check_line(line) is line


NESTS = st.recursive(
    st.sampled_from([b"[]", b"{}", b'"[[["', b'"]\\\\"', b'"\\"}"']),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: b"[" + b",".join(items) + b"]"),
        st.tuples(st.integers(1, 140), inner).map(lambda pair: b"[" * pair[0] + pair[1] + b"]" * pair[0]),
    ),
)


@given(NESTS)
def test_depth_is_exact(text: bytes) -> None:
    assert is_too_deep(text) == (depth(text) > 256)


# ------------------------------------------------------------------ any input

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


@given(st.one_of(st.binary(), blocks(), LINES))
def test_no_bytes_raise(data: bytes) -> None:
    for entry in (check_run, check_line, export_run, export_line, perfetto_text):
        entry(data)


@given(LINES)
@example(b'{"a":"\\ud83d\\\\ude00","b":"\\\\\\ude00","c":-nan}')
def test_what_is_kept_is_strict_and_stable(line: bytes) -> None:
    kept = check_line(line)
    if isinstance(kept, BadLine):
        assert kept.reason.isprintable()
        return
    assert is_strict_object(kept)
    assert not has_surrogate_escape(kept)
    assert b"\n" not in kept
    assert check_line(kept) is kept
    assert (kept is line) == (kept == line)


@given(mutated())
def test_strict_objects_and_no_others_are_kept_unchanged(line: bytes) -> None:
    framed = line.startswith(b"{") and line.endswith(b"}")
    expected = framed and is_strict_object(line) and not has_surrogate_escape(line)
    assert (check_line(line) is line) == expected


@given(OBJECTS)
def test_repair_changes_only_what_must_change(line: bytes) -> None:
    # json.loads reads the bare words that it knows, so the others are made known to it.
    known = re.sub(rb'("(?:[^"\\]|\\.)*")|-?(?:nan|inf|NaN|Infinity)', lambda m: m[1] or b"NaN", line)
    repaired = check_line(line)
    if isinstance(repaired, bytes):
        whole = all_pairs(known).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        assert all_pairs(repaired) == whole


@given(blocks())
def test_fast_checks_accept_only_what_the_exact_ones_keep(block: bytes) -> None:
    if not block.endswith(b"\n"):
        assert check_run(block) is None or not block
        return
    lines = block.removesuffix(b"\n").split(b"\n")
    if (count := check_run(block)) is not None:
        assert count == len(lines)
        assert all(is_strict_object(line) and check_line(line) is line for line in lines)
    if (count := export_run(block)) is not None:
        assert count == len(lines)
        assert check_run(block) == count
        assert all(is_good_event(line) and export_line(line) is line for line in lines)


@given(st.one_of(OBJECTS, EVENTS, LINES))
def test_good_events_and_no_others_are_exported(line: bytes) -> None:
    checked = check_line(line)
    exported = export_line(line)
    if isinstance(checked, BadLine) or is_good_event(checked):
        assert exported == checked
    else:
        assert isinstance(exported, BadLine)
        assert exported.reason.isprintable()


# ------------------------------------------------------------------ Perfetto's text

REWRITTEN = [
    (rb'{"a":"C:\\dir\\"}', rb'{"a":"C:\\dir\u005c"}'),
    (rb'{"\\":"\\\\","b":"\\\""}', rb'{"\u005c":"\\\u005c","b":"\\\""}'),
    (rb'{"a":"\\u00e9\\\u00e9\\\\u00e9"}', rb'{"a":"\\u00e9\\' + "é".encode() + rb'\\\\u00e9"}'),
    (rb'{"\u0074s":"\u0031"}', rb'{"ts":"1"}'),
    (
        rb'{"a":"\u0022\u005C\u0000\u001f\u007f\u2028\u200e\ufeff\n\/"}',
        rb'{"a":"\u0022\u005C\u0000\u001f\u007f\u2028\u200e\ufeff\n\/"}',
    ),
]


@pytest.mark.parametrize(("text", "rewritten"), REWRITTEN)
def test_escapes_are_rewritten_for_perfetto(text: bytes, rewritten: bytes) -> None:
    assert perfetto_text(text) == rewritten


@given(st.lists(st.sampled_from(["\\\\", '\\"', "\\u005c", "\\u00e9", "\\n", "u00e9", "a"])).map("".join))
def test_escapes_are_rewritten_one_after_the_other(text: str) -> None:
    def readable(escape: re.Match[str]) -> str:
        if escape[0] == '\\\\"':
            return '\\u005c"'
        return "é" if escape[0] == "\\u00e9" else escape[0]

    wire = f'{{"a":"{text}"}}'
    assert perfetto_text(wire.encode()).decode() == re.sub(r'\\(?:\\"?|u....|.)', readable, wire)


def test_text_without_backslash_is_not_copied() -> None:
    text = '{"a":"é"}\n'.encode()
    assert perfetto_text(text) is text


@given(st.lists(OBJECTS.map(check_line).filter(lambda line: isinstance(line, bytes))))
def test_rewriting_keeps_the_meaning(lines: list[bytes]) -> None:
    block = b"".join(line + b"\n" for line in lines)
    rewritten = perfetto_text(block)
    assert [json.loads(line) for line in rewritten.splitlines()] == [json.loads(line) for line in lines]
    assert not re.search(rb'(?<!\\)(?:\\\\)+"', rewritten)
    assert perfetto_text(rewritten) == rewritten
    assert check_run(rewritten) in (len(lines), None)


def test_frame_makes_one_document() -> None:
    end = tail({"trace_id": "é\ud800\\", "events": 2})
    document = HEAD + SEPARATOR.join([b'{"ph":"M"}', b'{"ph":"M"}']) + end
    assert json.loads(document)["metadata"] == {"trace_id": "é?\\", "events": 2}
    assert end.endswith(b"}}")
    assert b'\\\\"' not in end


# ------------------------------------------------------------------ time

MILLION = 1_000_000

LONG = {
    "torn escapes": b'{"a":"' + b"\\" * MILLION,
    "torn quotes": b'{"a":"' + b'\\"' * (MILLION // 2),
    "escaped backslashes": b'{"a":"' + b"\\\\" * (MILLION // 2) + b'"}',
    "surrogates": b'{"a":"' + b"\\ud83d" * (MILLION // 6) + b'"}',
    "escapes": b'{"a":"' + b"\\u0041" * (MILLION // 6) + b'"}',
    "hexadecimal": b'{"a":"' + b"5e123" * (MILLION // 5) + b'"}',
    "brackets": b"[" * MILLION,
    "objects": b'{"a":' * (MILLION // 5),
    "flat arrays": b'{"a":[' + b"[]," * (MILLION // 3) + b"nan]}",
    "bare words": b'{"a":[' + b"nan," * (MILLION // 4) + b"1]}",
    "strings": b'{"a":[' + b'"",' * (MILLION // 3) + b"nan]}",
    "large numbers": b'{"a":[' + b"1e308," * (MILLION // 6) + b"1]}",
    "decimals": b'{"a":0.' + b"0" * MILLION + b"1}",
    "digits": b'{"a":' + b"1" * MILLION + b"}",
    "exponent": b'{"a":1e' + b"0" * MILLION + b"1}",
    "quotes": b'"' * MILLION,
    "minus signs": b"-" * MILLION,
    "not UTF-8": b"\xff" * MILLION,
    "lines": b"{}\n" * (MILLION // 3),
}


@pytest.mark.parametrize("entry", [check_run, check_line, export_run, export_line, perfetto_text])
@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
@pytest.mark.timeout(60)
def test_time_is_linear(entry: Callable[[bytes], object], text: bytes) -> None:
    # All take less than a second; a quadratic step would take many minutes for a megabyte, and end at the timeout.
    entry(text)


# ------------------------------------------------------------------ lines too long to be repaired


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b'"C:\\\\udd00"', None),
        (b'"\xc3\xa4"', None),
        (b"nan", "not JSON: "),
        (b'"\\ud83d\\ude00"', "a surrogate escape in a line longer than 1048576 bytes: write UTF-8"),
        (b'"\xff"', "invalid UTF-8 at byte 1048589 in a line longer than 1048576 bytes"),
    ],
)
def test_a_long_line_is_taken_or_refused_as_it_is(value: bytes, expected: str | None) -> None:
    line = b'{"a":"' + b"x" * MAX_REPAIRED_BYTES + b'","b":' + value + b"}"
    checked = check_line(line)
    if expected is None:
        assert checked is line
    else:
        assert isinstance(checked, BadLine)
        assert checked.reason.startswith(expected)


# ------------------------------------------------------------------ what only Perfetto minds


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"ph":"C","ts":1,"args":{"a":1.50,"b":null}}', b'{"ph":"C","ts":1,"args":{"a":1.50}}'),
        (b'{"ph":"C", "ts":1, "args":{"a":nan,"b":"+10.5"}}', b'{"ph":"C","ts":1,"args":{"b":"+10.5"}}'),
        (b'{"ph":"C","ts":1,"args":{"a":null}}', BadLine("every value of the counter is null")),
        (b'{"ph":"C","ts":1,"args":{}}', b'{"ph":"C","ts":1,"args":{}}'),
        (b'{"ph":"C","ts":1}', b'{"ph":"C","ts":1}'),
        (b'{"ph":"i","ts":1,"args":{"a":null}}', b'{"ph":"i","ts":1,"args":{"a":null}}'),
        (b'{"ph":"i","ts":1,"args":{"a":1e-999}}', b'{"ph":"i","ts":1,"args":{"a":1e-999}}'),
        (b'{"ph":"i","ts":1,"args":{"a":1e+308}}', b'{"ph":"i","ts":1,"args":{"a":1e+308}}'),
        (b'{"ph":"i","ts":"0e309"}', BadLine('ts must be a finite number, not "0e309"')),
        (
            b'{"ph":"i","ts":1,"args":{"a":0e309}}',
            BadLine("number 0e309 is written with more digits than Perfetto reads"),
        ),
        (
            b'{"ph":"i","ts":1,"args":{"a":0.' + b"1" * 63 + b"}}",
            b'{"ph":"i","ts":1,"args":{"a":0.' + b"1" * 63 + b"}}",
        ),
        (
            b'{"ph":"i","ts":1,"args":{"a":0.' + b"1" * 64 + b"}}",
            BadLine(f"number 0.{'1' * 34}... is written with more digits than Perfetto reads"),
        ),
        (
            b'{"ph":"P","ts":1}',
            BadLine("ph P, a sample of a CPU profile, can make Perfetto give up the whole trace"),
        ),
    ],
)
def test_what_perfetto_misreads_does_not_reach_it(line: bytes, expected: bytes | BadLine) -> None:
    assert export_line(line) == expected
    if expected != line:
        assert export_run(line + b"\n") is None
