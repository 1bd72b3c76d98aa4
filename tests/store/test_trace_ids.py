"""A trace id names a log, or makes no file at all."""

import json
from pathlib import Path

import pytest

from tests.harness import Daemon, event, exported
from tests.store.refusals import settled_tree

BAD_IDS = [
    b"../x",
    b"..",
    b".",
    b"/etc/x",
    b"a/b",
    b"/",
    b"a\0b",
    b"a b",
    b"a\tb",
    b"x" * 201,
    b"x" * 300,
    "ü".encode() * 101,
    b".hidden",
    b"-x",
    b"a\x07b",
    b"a\x1b[31mb",
    b"a\x7fb",
    "a\N{RIGHT-TO-LEFT OVERRIDE}b".encode(),
    "a\N{NO-BREAK SPACE}b".encode(),
    "a\N{LINE SEPARATOR}b".encode(),
    b"\xff",
    b"a\xed\xa0\x80b",
    b"",
]


@pytest.mark.parametrize("trace_id", BAD_IDS)
def test_bad_trace_id_makes_no_file_and_the_events_that_follow_are_refused(
    shared_daemon: Daemon, trace_id: bytes
) -> None:
    number = BAD_IDS.index(trace_id)
    home, name = shared_daemon.dir.parent, f"bad-{number}"
    before = settled_tree(home)
    replies = shared_daemon.session(
        b"OPEN %s-before\n" % name.encode()
        + event(1)
        + b"OPEN %s\n" % trace_id
        + event(2)
        + b"OPEN %s-after\n" % name.encode()
        + event(3)
        + b"FLUSH\n"
    )
    about_id, about_event, ok = replies.splitlines()
    assert about_id.startswith(b"ERROR 3: OPEN: a trace id must ")
    assert about_event == b"ERROR 4: OPEN a trace first, by its id"
    assert ok == b"OK 2 1 0"
    assert shared_daemon.numbers(f"{name}-before") == [1]
    assert shared_daemon.numbers(f"{name}-after") == [3]
    assert settled_tree(home) - before == {f"logs/{name}-before.jsonl", f"logs/{name}-after.jsonl"}


ODD_IDS = [
    "x" * 200,
    "ü" * 100,
    "a.b",
    "a..b",
    "a'b\"c",
    "日本語",
    "$(touch x)".replace(" ", "-"),
    "*",
    "a\\b",
    "~",
    "0",
    "é́",
]


@pytest.mark.parametrize("trace_id", ODD_IDS)
def test_odd_trace_id_is_the_name_of_a_log(shared_daemon: Daemon, tmp_path: Path, trace_id: str) -> None:
    out = tmp_path / "out.json"
    raw = trace_id.encode()
    assert shared_daemon.session(b"OPEN  %s \t\r\nbad\n%sEMIT_TEF %s\nFLUSH\n" % (raw, event(5), bytes(out))).endswith(
        b"OK 1 1 0\n"
    )
    assert shared_daemon.numbers(trace_id) == [5]
    assert exported(out) == [5]
    assert json.loads(out.read_bytes())["metadata"]["trace_id"] == trace_id
    assert shared_daemon.rejects(trace_id)[0]["reason"]
