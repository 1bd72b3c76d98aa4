"""What is kept of logs: the rows are those of a fresh reading, whatever has become of the log meanwhile."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.harness import short_dir
from tests.web.conftest import PROCESS, clock, log, point, span, text
from tracerd.core.own_prefixes import BEGIN_PREFIX
from tracerd.rows.names import Id
from tracerd.traces.stored import StoredTrace, stored_trace
from tracerd.web.cache import IDLE_S, Cache
from tracerd.web.log_rows import LogRows, RowsOfLogs, Selection
from tracerd.web.work import Work

EVENTS = Selection("events", (("service",), "time", "error", "pid"))
POINTS = Selection("points", ("name", "labels", "value", "time"))

WORK = Work(60)


def stored(path: Path) -> StoredTrace:
    found = stored_trace(path)
    assert found is not None
    return found


def known(rows: LogRows) -> tuple[list[tuple[object, ...]], dict[Id, str]]:
    return rows.rows, dict(rows.processes)


def mark(number: int) -> bytes:
    args = {"id": f"{number:016x}", "name": "long", "process": "worker"}
    return BEGIN_PREFIX + json.dumps({"pid": 7, "tid": 7, "ts": number, "args": args})[1:].encode() + b"\n"


PIECES = {
    "clock": text(clock(1_700_000_000_000_000)),
    "name": text(PROCESS),
    "another name": text({**PROCESS, "args": {"name": "renamed"}}),
    "events": text(span("step", 5, 3, service="shop"), log("no", 9, "error")),
    "points": text(point("queue", 7, 1, "host=a"), point("queue", 8, 2)),
    "mark": mark(1),
    "its end": b'{"ph":"X","name":"ends","pid":7,"tid":7,"ts":1,"dur":2,"args":{},"begin":"0000000000000001"}\n',
    "torn": b'{"ph":"i","name":"torn","pid":1,"ts":3',
    "no JSON": b"no JSON\n",
    "many": text(*(span("many", at, 1, service=f"s{at % 3}", text="x" * 40) for at in range(600))),
}


@settings(max_examples=40)
@example([["many", "its end"], ["mark"]])
@given(st.lists(st.lists(st.sampled_from(sorted(PIECES)), max_size=4), min_size=1, max_size=4))
def test_a_log_that_grows_has_the_rows_of_a_fresh_reading(growths: list[list[str]]) -> None:
    kept = RowsOfLogs()
    with short_dir() as home:
        path = home / "t.jsonl"
        for growth in growths:
            with path.open("ab") as file:
                file.write(b"".join(PIECES[name] for name in growth))
            for question in (EVENTS, POINTS):
                assert known(kept.of(stored(path), question, WORK)) == known(
                    RowsOfLogs().of(stored(path), question, WORK)
                )


def many(service: str) -> bytes:
    return text(
        clock(1_700_000_000_000_000), *(span("many", at, 1, service=service, text="x" * 40) for at in range(900))
    )


def test_of_a_log_that_has_grown_only_what_is_new_is_read(tmp_path: Path) -> None:
    path, kept = tmp_path / "t.jsonl", RowsOfLogs()
    path.write_bytes(many("old"))
    before = kept.of(stored(path), EVENTS, WORK)
    assert kept.of(stored(path), EVENTS, WORK) is before

    path.write_bytes(path.read_bytes().replace(b'"old"', b'"odd"', 1) + text(span("one more", 1, 1, service="new")))
    services = [row[0] for row in kept.of(stored(path), EVENTS, WORK).rows]

    assert services == [*["old"] * 900, "new"]


@pytest.mark.parametrize("content", [many("other"), many("oth") + b"\n", text(span("short", 1, 1)), b""])
def test_a_log_that_is_another_one_is_read_anew(tmp_path: Path, content: bytes) -> None:
    path, kept = tmp_path / "t.jsonl", RowsOfLogs()
    path.write_bytes(many("old"))
    kept.of(stored(path), EVENTS, WORK)
    path.write_bytes(content)

    assert known(kept.of(stored(path), EVENTS, WORK)) == known(RowsOfLogs().of(stored(path), EVENTS, WORK))


def array(lines: bytes) -> bytes:
    return b'{"traceEvents":[' + lines[:-1].replace(b"\n", b",") + b"]}"


def compressed(lines: bytes) -> bytes:
    return gzip.compress(lines)


@pytest.mark.parametrize("pack", [array, compressed])
def test_a_document_that_is_called_like_a_log_has_rows(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path, kept = tmp_path / "t.jsonl", RowsOfLogs()
    path.write_bytes(pack(text(span("one", 1, 1, service="shop"))))

    assert [row[0] for row in kept.of(stored(path), EVENTS, WORK).rows] == ["shop"]


def test_a_log_that_is_gone_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(many("old"))
    found = stored(path)
    os.unlink(path)

    with pytest.raises(FileNotFoundError):
        RowsOfLogs().of(found, EVENTS, WORK)


# ---------------------------------------------------------------- the cache itself


def test_a_full_cache_keeps_what_is_used() -> None:
    now = 0.0
    cache: Cache[str] = Cache(10, lambda: now)
    for key in "abcd":
        cache.put(key, key, 3)
    assert [cache.take(key) for key in "abcd"] == ["a", "b", "c", None], "the last one found no room"
    for key in "abc":
        cache.put(key, key, 3)
    now = IDLE_S + 1
    cache.put("b", "b", 3)
    cache.put("e", "e", 4)
    cache.put("huge", "huge", 11)

    assert cache.weight == 10
    assert [cache.take(key) for key in ("a", "b", "c", "e", "huge")] == [None, "b", "c", "e", None]
    assert cache.weight == 0
