"""The fold of a log: wherever it stops and goes on, and as every other reader counts."""

import random
from collections import Counter
from typing import Any

import msgspec
import pytest

from tests.catalog.logs import ATTRIBUTES, CLOCK, ENDED, LOG, MARK, log
from tracerd.catalog.summary import Fold, State, Summary
from tracerd.rows.names import ProcessNames
from tracerd.rows.table import Table
from tracerd.trace_json.begin_marks import resolved


def summary(text: bytes) -> Summary:
    fold = Fold()
    fold.feed(text)
    return fold.summary()


def stored(state: State) -> State:
    """A state, through its bytes."""
    return msgspec.json.decode(msgspec.json.encode(state), type=State)


@pytest.mark.parametrize("seed", range(300))
def test_a_fold_that_stops_anywhere_gives_what_one_without_a_stop_gives(seed: int) -> None:
    rng, text = random.Random(seed), log(seed)
    lines = text.splitlines(keepends=True)
    fold = Fold()

    while lines:
        count = rng.randint(1, len(lines))
        fold.feed(b"".join(lines[:count]))
        del lines[:count]
        if rng.random() < 0.5:
            fold = Fold(stored(fold.state()))

    assert fold.summary() == summary(text)
    assert fold.offset == len(text)


def rows(text: bytes, relation: str, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of a log, as `query` has them."""
    table = Table(relation, columns, "t", ProcessNames(), in_order=False)
    return list(table.rows(resolved([text])))


@pytest.mark.parametrize("seed", range(300))
def test_it_counts_as_query_does(seed: int) -> None:
    text = log(seed)
    found = summary(text)

    events = rows(text, "events", "error", "time", "ts_us", "ph", "cat")
    assert found.errors == sum(error for error, *_ in events)
    begun = [ph for *_, ph, _ in events if ph in ("X", "B", "b")]
    assert found.spans == len(begun)
    assert found.logs == Counter(level for (level,) in rows(text, "logs", "level"))
    known = [time for _, time, ts, *_ in events if time is not None and 0 <= ts < 2**62]
    if b"tracerd_begin" not in text:  # whose times count when they are written
        assert found.time == (min(known) if known else None)


def test_each_part_of_a_summary() -> None:
    text = (
        CLOCK % (100, 1_795_000_000_000_000)
        + ATTRIBUTES % (1, 1, 1)
        + b'{"ph":"X","name":"a","pid":1,"tid":1,"ts":200,"dur":1000}\n'
        + b'{"ph":"B","name":"b","pid":2,"tid":1,"ts":150}\n'
        + b'{"ph":"E","name":"b","pid":2,"tid":1,"ts":160,"args":{"exit_code":1}}\n'
        + LOG % (300, b"warn")
        + LOG % (301, b"error")
        + MARK % (3, 170, 7, 3)
        + MARK % (3, 170, 8, 3)
        + ENDED % (3, 170, 8)
    )

    assert summary(text) == Summary(
        time=1_794_999_999_999_905,
        end_time=1_795_000_000_001_100,
        dur_us=1195,
        start_s=1_795_000_000.0,
        events=9,
        spans=6,
        errors=2,
        logs={"warning": 1, "error": 1},
        processes=3,
        attributes={"session": "s1", "tags": ["a", "b1"], "n": 1},
    )


def test_without_a_clock_only_a_ts_since_1970_is_a_time() -> None:
    line = b'{"ph":"X","name":"a","pid":1,"tid":1,"ts":%d,"dur":50}\n'

    assert summary(line % 100 + line % 400) == Summary(dur_us=350, events=2, spans=2, processes=1)
    since_1970 = summary(line % (1_795 * 10**12) + line % 100)
    assert (since_1970.time, since_1970.dur_us) == (1_795 * 10**12, 50)
