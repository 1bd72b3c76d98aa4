"""Bytes to messages: whatever arrives, however it is cut, nothing raises and no good line is lost."""

import json
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracerd.core import lines
from tracerd.core.messages import (
    Die,
    DieWhenIdle,
    EmitTef,
    EmitTefAtExit,
    Events,
    Flush,
    Message,
    Open,
    Refused,
    Status,
)
from tracerd.core.own_prefixes import OWN_PREFIXES
from tracerd.core.protocol import KEPT_BYTES, MessageReader, encode_error, encode_ok
from tracerd.trace_id import TraceId

I = b'{"ph":"i"}\n'  # noqa: E741 (an instant, the shortest event)
C = b'{"ph":"C"}\n'

MESSAGES: list[tuple[bytes, list[Message]]] = [
    (b"OPEN tr-1\n", [Open(TraceId("tr-1"))]),
    (b"OPEN   tr-1  \r\n", [Open(TraceId("tr-1"))]),
    (b"OPEN \xc3\xa4\n", [Open(TraceId("ä"))]),
    (I + C, [Events(I + C, 2)]),
    (I.strip() + b"\r\n" + C, [Events(I + C, 2)]),
    (b" \t" + I, [Events(I, 1)]),
    (b"\n \n\r\n" + I, [Events(I, 1, first_line=4)]),
    (b'{"a":nan}\n', [Events(b'{"a":null}\n', 1, repaired=1)]),
    (I + b'{"a":-inf}\n' + C, [Events(I + b'{"a":null}\n' + C, 3, repaired=1)]),
    ('{"a":"\u2028\u0085"}\n'.encode(), [Events('{"a":"\u2028\u0085"}\n'.encode(), 1)]),
    (I + b"EMIT_TEF /a b \n" + C, [Events(I, 1), EmitTef("/a b ", 2), Events(C, 1, first_line=3)]),
    (b"EMIT_TEF /\xff\r\n", [EmitTef("/\udcff", 1)]),
    (b"EMIT_TEF_AT_EXIT /t.json\n", [EmitTefAtExit("/t.json", 1)]),
    (b"FLUSH\nSTATUS\nDIE\nDIE_WHEN_IDLE\n", [Flush(), Status(), Die(), DieWhenIdle()]),
    (b"  FLUSH \r\n", [Flush()]),
]


@pytest.mark.parametrize(("wire", "messages"), MESSAGES)
def test_messages_are_decoded(wire: bytes, messages: list[Message]) -> None:
    assert MessageReader().feed(wire) == messages


class Refusal(NamedTuple):
    """A line that is refused, and how."""

    wire: bytes
    line_no: int
    reason: str
    is_command: bool


REFUSALS = [
    Refusal(b"OPEN ../x\n", 1, "OPEN: a trace id must not contain '/'", True),
    Refusal(b"OPEN\n", 1, "OPEN: a trace id must not be empty", True),
    Refusal(b"OPEN \xff\n", 1, "OPEN: a trace id must be valid UTF-8", True),
    Refusal(b"OPEN a b\n", 1, "OPEN: a trace id must not contain blanks", True),
    Refusal(b"EMIT_TEF t.json\n", 1, "EMIT_TEF: give an absolute path after one blank, without NUL", True),
    Refusal(b"EMIT_TEF  /t.json\n", 1, "EMIT_TEF: give an absolute path after one blank, without NUL", True),
    Refusal(b"EMIT_TEF /a\0b\n", 1, "EMIT_TEF: give an absolute path after one blank, without NUL", True),
    Refusal(b"EMIT_TEF_AT_EXIT\n", 1, "EMIT_TEF_AT_EXIT: give an absolute path after one blank, without NUL", True),
    Refusal(b"\nHELLO\n", 2, "neither an event, which is one JSON object on one line, nor a command", False),
    Refusal(b"flush\n", 1, "neither an event, which is one JSON object on one line, nor a command", False),
    Refusal(b"[1]\n", 1, "neither an event, which is one JSON object on one line, nor a command", False),
]


@pytest.mark.parametrize("case", REFUSALS)
def test_a_bad_line_is_a_value_with_its_number_and_a_reason(case: Refusal) -> None:
    (refused,) = MessageReader().feed(case.wire)
    assert isinstance(refused, Refused)
    assert (refused.line_no, refused.reason, refused.is_command) == (case.line_no, case.reason, case.is_command)


def test_a_bad_line_among_many_costs_its_neighbours_nothing() -> None:
    lines = [b'{"n":%d}\n' % n for n in range(1000)]
    wire = [*lines]
    wire[500] = b'{"n":}\n'
    before, refused, after = MessageReader().feed(b"".join(wire))
    assert before == Events(b"".join(lines[:500]), 500)
    assert isinstance(refused, Refused)
    assert refused.line_no == 501
    assert after == Events(b"".join(lines[501:]), 499, first_line=502)


ENDS: list[tuple[bytes, list[Message]]] = [
    (b"", []),
    (b" \r", []),
    (I.rstrip(), [Events(I, 1)]),
    (b'{"a":nan}', [Events(b'{"a":null}\n', 1, repaired=1)]),
]


@pytest.mark.parametrize(("rest", "messages"), ENDS)
def test_the_last_event_may_lack_its_newline(rest: bytes, messages: list[Message]) -> None:
    reader = MessageReader()
    assert reader.feed(rest) == []
    assert reader.finish() == messages


@pytest.mark.parametrize("rest", [b'{"ph":"i', b"DIE", b"EMIT_TEF /tmp/t", b"OPEN tr-", b"{"])
def test_a_torn_last_line_is_refused(rest: bytes) -> None:
    reader = MessageReader()
    assert reader.feed(I + rest) == [Events(I, 1)]
    (refused,) = reader.finish()
    assert isinstance(refused, Refused)
    assert refused.line_no == 2
    assert refused.reason.startswith("the connection ended inside this ")
    assert refused.line == rest


def test_a_line_of_exactly_the_limit_is_taken() -> None:
    line = b'{"a":"' + b"x" * 92 + b'"}'
    assert len(line) == 100
    reader = MessageReader(max_line_bytes=100)
    assert reader.feed(line + b"\n" + I) == [Events(line + b"\n" + I, 2)]


@pytest.mark.parametrize("step", [1, 7, 64, 10_000])
def test_a_line_beyond_the_limit_is_skipped_to_its_newline(step: int) -> None:
    reader = MessageReader(max_line_bytes=100)
    wire = I + b'{"a":"' + b"x" * 1000 + b'"}\n' + C
    messages = [message for at in range(0, len(wire), step) for message in reader.feed(wire[at : at + step])]
    assert [type(message) for message in messages] == [Events, Refused, Events]
    assert messages[0] == Events(I, 1)
    assert isinstance(messages[1], Refused)
    assert messages[1].line_no == 2
    assert messages[1].reason.startswith("longer than 100 bytes")
    assert messages[2] == Events(C, 1, first_line=3)


@pytest.mark.parametrize("step", [1000, 4096, 70_000, 200_000])
@pytest.mark.parametrize("limit", [100, 80_000])
def test_what_is_kept_of_a_long_line_does_not_depend_on_cuts(step: int, limit: int) -> None:
    wire = b'{"a":"' + bytes(range(97, 123)) * 4000 + b'"}\n'
    reader = MessageReader(limit)
    messages = [message for at in range(0, len(wire), step) for message in reader.feed(wire[at : at + step])]
    (refused,) = messages
    assert isinstance(refused, Refused)
    assert refused.line == wire[:KEPT_BYTES]


def test_an_unknown_line_is_kept_in_part() -> None:
    (refused,) = MessageReader().feed(b"x" * 100_000 + b"\n")
    assert isinstance(refused, Refused)
    assert refused.line == b"x" * KEPT_BYTES


@pytest.mark.parametrize("wire", [b"OPEN\tb\n", b"OPEN\t b\r\n", b" OPEN\rb\n"])
def test_an_open_with_another_blank_is_still_an_open(wire: bytes) -> None:
    (refused,) = MessageReader().feed(wire)
    assert isinstance(refused, Refused)
    assert refused.is_command
    assert refused.line.startswith(b"OPEN")


def test_a_path_that_linux_cannot_open_is_refused() -> None:
    (taken,) = MessageReader().feed(b"EMIT_TEF /" + b"a" * 4094 + b"\n")
    assert isinstance(taken, EmitTef)
    (refused,) = MessageReader().feed(b"EMIT_TEF /" + b"a" * 4095 + b"\n")
    assert isinstance(refused, Refused)
    assert refused.is_command
    assert refused.reason == "EMIT_TEF: the path is longer than 4095 bytes"


@pytest.mark.parametrize("unit", [b"{x\n", b"x\n", b"\n", b" \r\n"], ids=repr)
def test_each_of_many_bad_lines_is_counted(unit: bytes) -> None:
    wire = unit * (65536 // len(unit))
    reader = MessageReader()
    messages = reader.feed(wire)
    assert reader.lines == wire.count(b"\n")
    assert len(messages) == (reader.lines if unit.strip() else 0)


def test_replies_are_lines() -> None:
    assert encode_ok(3, 2, 1) == b"OK 3 2 1\n"
    assert encode_error(7, "why") == b"ERROR 7: why\n"
    assert encode_error(7, "lone \udcff") == b"ERROR 7: lone \\udcff\n"


# ------------------------------------------------------------------ any bytes, cut anywhere

LINES = st.one_of(
    st.sampled_from(
        [
            I,
            C,
            b"\n",
            b" \n",
            b"OPEN a\n",
            b"OPEN /\n",
            b"FLUSH\n",
            b"EMIT_TEF /x\n",
            b"{}\n",
            b'{"a":nan}\n',
            b"{\n",
            b"}\n",
        ]
    ),
    st.binary(max_size=30),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=3).map(lambda d: json.dumps(d).encode() + b"\n"),
)
WIRES = st.lists(LINES, max_size=30).map(b"".join)


def everything(wire: bytes, cuts: list[int], max_line_bytes: int = 1000) -> tuple[bytes, list[Message], int]:
    """All events as they would stand in a log, all other messages, and the number of lines."""
    reader = MessageReader(max_line_bytes)
    messages: list[Message] = []
    edges = [0, *sorted(cut % (len(wire) + 1) for cut in cuts), len(wire)]
    for start, end in pairwise(edges):
        messages += reader.feed(wire[start:end])
    messages += reader.finish()
    log = b"".join(message.block for message in messages if isinstance(message, Events))
    return log, [message for message in messages if not isinstance(message, Events)], reader.lines


@given(wire=WIRES, cuts=st.lists(st.integers(min_value=0, max_value=2000), max_size=40))
def test_how_bytes_are_cut_changes_nothing(wire: bytes, cuts: list[int]) -> None:
    assert everything(wire, cuts) == everything(wire, [])


@given(wire=WIRES)
def test_every_line_is_accounted_for_and_the_log_is_strict(wire: bytes) -> None:
    """Each line is an event, a message, a refusal or blank; what goes to the log is one strict object a line."""
    log, others, lines = everything(wire, [])
    for line in log.splitlines(keepends=True):
        assert line.endswith(b"\n")
        assert isinstance(json.loads(line, parse_constant=pytest.fail), dict)
    blank = sum(not line.strip(b" \t\r") for line in wire.split(b"\n")[:-1])
    assert lines == log.count(b"\n") + len(others) + blank


@given(wire=WIRES, bad=st.binary(max_size=20).filter(lambda b: b"\n" not in b))
def test_a_good_line_survives_any_neighbour(wire: bytes, bad: bytes) -> None:
    log, _, _ = everything(wire + b"\n" + I + bad + b"\n" + C, [])
    assert I in log
    assert log.endswith(C)


@pytest.mark.parametrize("with_extension", [True, False])
@pytest.mark.parametrize("prefix", OWN_PREFIXES)
def test_lines_of_the_daemons_own_are_refused_from_clients(
    prefix: bytes, with_extension: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_extension:
        monkeypatch.setattr(lines, "plain_lines", None)
    prefix += b"" if prefix.endswith(b",") else b'lost",'
    own = prefix + b'"ts":1}'
    reader = MessageReader()
    good = b'{"ph":"M","name":"tracerd_begin","ts":1}\n{"a":' + own + b"}\n"  # not at the line's begin
    first, refused, blanks, repaired, last = reader.feed(
        good + own + b"\n  " + own + b"\r\n" + prefix + b'"x":nan}\n' + good
    )
    assert isinstance(first, Events)
    assert isinstance(last, Events)
    assert first.block == last.block == good
    for number, message in enumerate((refused, blanks, repaired), 3):
        assert isinstance(message, Refused)
        assert (message.line_no, "the daemon's own line" in message.reason) == (number, True)
    assert reader.feed(own) == []
    assert isinstance(reader.finish()[0], Refused), "at the end of the connection, too"
