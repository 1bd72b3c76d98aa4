"""A trace.json as Perfetto reads it: escapes that it takes, the frame, and what it would misread."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.random_lines import OBJECTS
from tracerd.core import lines as core_lines
from tracerd.core.lines import BadLine, check_line, check_run
from tracerd.trace_json import perfetto
from tracerd.trace_json.perfetto import export_line, export_run
from tracerd.trace_json.tef import HEAD, SEPARATOR, perfetto_text, tail

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
@pytest.mark.parametrize("with_extension", [True, False])
def test_what_perfetto_misreads_does_not_reach_it(
    line: bytes, expected: bytes | BadLine, with_extension: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_extension:
        monkeypatch.setattr(perfetto, "plain_elements", None)
        monkeypatch.setattr(core_lines, "plain_lines", None)
    assert export_line(line) == expected
    if expected != line:
        assert export_run(line + b"\n") is None
