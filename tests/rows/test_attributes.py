"""What a trace says of itself, from the lines of any programs."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.commands import invoke
from tracerd.rows.attributes import MAX_KEYS, Attributes

SPAN = b'{"ph":"X","name":"s","pid":1,"tid":1,"ts":1,"dur":2}\n'


def line(**args: object) -> bytes:
    event = {"ph": "M", "pid": 1, "ts": 5, "name": "tracerd_trace", "args": args}
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"


def values(*blocks: bytes) -> dict[str, object]:
    attributes = Attributes()
    for block in blocks:
        attributes.feed(block)
    return attributes.values


def test_of_each_key_the_last_line_counts_and_an_absent_key_erases_nothing() -> None:
    first, second = line(name="a", session="s", tags=["x", "y"]), line(name="b", tags=["z"])

    assert values(first + second) == values(first, second) == {"name": "b", "session": "s", "tags": ["z"]}
    assert values(second + first) == {"name": "a", "tags": ["x", "y"], "session": "s"}
    assert values(first, line(name=None, tags=None)) == values(first)


ODD: list[tuple[dict[str, object], dict[str, object]]] = [
    ({"name": 7, "user": ["u"], "session": {}}, {}),
    ({"tags": "one"}, {"tags": ["one"]}),
    ({"tags": ["a", 1, None, {}]}, {"tags": ["a"]}),
    ({"retries": 3, "config": {"debug": True}}, {"retries": 3, "config": {"debug": True}}),
    ({"name": "x" * 10_000}, {}),
    ({"n": 10**40}, {"n": 1e40}),
    ({str(n): n for n in range(1000)}, {str(n): n for n in range(MAX_KEYS)}),
]


@pytest.mark.parametrize(("args", "expected"), ODD)
def test_what_is_of_another_type_or_large_is_passed_over(args: dict[str, object], expected: dict[str, object]) -> None:
    assert values(line(**args)) == expected


def test_values_that_are_nested_too_deep_to_be_printed_are_passed_over() -> None:
    deep = b'{"ph":"M","name":"tracerd_trace","args":{"a":' + b"[" * 1500 + b"]" * 1500 + b',"name":"n"}}\n'
    assert values(deep) in ({}, {"name": "n"})


@given(st.binary())
def test_any_line_is_harmless(data: bytes) -> None:
    assert values(b'{"name":"tracerd_trace",' + data + b"\n" + line(name="n")) == {"name": "n"}


@pytest.mark.parametrize(
    "other",
    [
        b'{"ph":"i","name":"tracerd_trace","ts":1,"args":{"name":"n"}}\n',
        b'{"ph":"M","name":"x","args":{"name":"tracerd_trace"}}\n',
        b'{"ph":"M","name":"tracerd_trace","args":["name"]}\n',
        b'{"ph":"M","name":"tracerd_trace"}\n',
    ],
)
def test_no_other_event_sets_an_attribute(other: bytes) -> None:
    assert values(other) == {}


def test_show_and_stats_have_them_in_their_header_and_nothing_without_them(tmp_path: Path) -> None:
    plain, named = tmp_path / "plain.jsonl", tmp_path / "named.jsonl"
    plain.write_bytes(SPAN + line(other=None))
    named.write_bytes(SPAN + line(tags=["ci", "linux"], name="night\x1b[31m\u202e", extra={"a": 1}))
    header = ["name: night\\x1b[31m\\u202e", "tags: ci, linux", 'extra: {"a":1}']

    for command in ("show", "stats"):
        without, with_ = (invoke(command, path).stdout.decode().splitlines() for path in (plain, named))
        assert with_[1:4] == header
        assert [with_[0].replace("named", "plain"), *with_[4:]] == without
    expected = {"tags": ["ci", "linux"], "name": "night\x1b[31m\u202e", "extra": {"a": 1}}
    first = invoke("show", named, "--json").stdout.splitlines()[0]
    assert json.loads(first) == {"type": "trace", "attributes": expected}
    assert b"\x1b" not in first
    assert json.loads(invoke("stats", named, "--json").stdout)["attributes"] == expected
    assert "attributes" not in json.loads(invoke("stats", plain, "--json").stdout)
    assert b'"trace"' not in invoke("show", plain, "--json").stdout
