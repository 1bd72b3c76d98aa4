"""Begin marks in the real Perfetto: what ended is as without them, and only what never ended is seen as begun.

A span as B and E would break in each of these ways; an X and a mark beside it do not.
"""

import random
import re
from pathlib import Path

import pytest

from tests.perfetto.judge import Judge, Row
from tracerd.store.snapshot import snapshot
from tracerd.trace_json.export import export_to_file

MARK = '{"ph":"M","name":"tracerd_begin","pid":%d,"tid":%d,"ts":%d,"args":{"id":"%016x","name":"%s","cat":"c"}}\n'
SPAN = '{"ph":"X","name":"%s","cat":"c","pid":%d,"tid":%d,"ts":%d,"dur":%d%s}\n'
BY = ',"begin":"%016x"'

SLICES = (
    "select name, ts, dur, depth from slice where category is null or category != 'unfinished' order by ts, depth, id"
)
UNFINISHED = "select name, ts, dur from slice where category = 'unfinished' order by ts"


def mark(number: int, name: str, ts: int, pid: int = 7) -> str:
    return MARK % (pid, pid, ts, number, name)


def span(name: str, ts: int, dur: int, number: int | None = None, pid: int = 7) -> str:
    return SPAN % (name, pid, pid, ts, dur, "" if number is None else BY % number)


def end(name: str, ts: int, phase: str = "E", pid: int = 7) -> str:
    named = f'"name":"{name}",' if name else ""
    return f'{{"ph":"{phase}",{named}"pid":{pid},"tid":{pid},"ts":{ts}}}\n'


def shown(log: str, perfetto: Judge, tmp_path: Path) -> tuple[list[Row], list[Row], dict[str, int]]:
    """The slices of an export, those that never ended, in ns, and what Perfetto counts as problems."""
    path = tmp_path / "t.jsonl"
    path.write_text(log)
    target = tmp_path / "t.json"
    export_to_file(snapshot(path, "t"), str(target))
    [slices, unfinished], problems = perfetto.examine(target, SLICES, UNFINISHED)
    return slices, unfinished, problems


ENDED = {
    "a: of no length, behind an earlier one": [
        mark(1, "first", 10), span("first", 10, 5, 1), mark(2, "short", 15), span("short", 15, 0, 2),
        mark(3, "later", 20), span("later", 20, 5, 3),
    ],
    "b: the child begins in its parent's microsecond": [
        mark(1, "parent", 10), span("child", 10, 5), span("parent", 10, 20, 1),
    ],
    "e: the pid is used again": [
        mark(1, "one", 10), span("one", 10, 5, 1), mark(2, "two", 20), span("two", 20, 5, 2),
    ],
}  # fmt: skip

BEGUN = {
    "c: nameless ends too many inside": (
        [mark(1, "exec", 10), end("in", 12, "B"), end("", 14), end("", 15), end("", 16)],
        [["in", 12000, 2000, 0]],
        [["exec", 10000, -1]],
    ),
    "d: a begin and an end of its name inside": (
        [mark(1, "cc", 10), end("cc", 12, "B"), end("cc", 14), end("cc", 15)],
        [["cc", 12000, 2000, 0]],
        [["cc", 10000, -1]],
    ),
    "e: the pid is used again after a kill": (
        [mark(1, "killed", 10), mark(2, "next", 20), span("inside", 22, 3), span("next", 20, 10, 2)],
        [["next", 20000, 10000, 0], ["inside", 22000, 3000, 1]],
        [["killed", 10000, -1]],
    ),
}


@pytest.mark.parametrize("lines", [pytest.param(lines, id=name) for name, lines in ENDED.items()])
def test_what_ended_is_as_without_marks(lines: list[str], perfetto: Judge, tmp_path: Path) -> None:
    plain = "".join(re.sub(',"begin":"[0-9a-f]+"', "", line) for line in lines if "tracerd_begin" not in line)

    expected, *_ = shown(plain, perfetto, tmp_path)

    assert len(expected) == sum('"ph":"X"' in line for line in lines)
    assert shown("".join(lines), perfetto, tmp_path) == (expected, [], {})


@pytest.mark.parametrize(("lines", "ended", "begun"), [pytest.param(*case, id=name) for name, case in BEGUN.items()])
def test_what_never_ended_is_seen_as_begun_and_stays_so(
    lines: list[str], ended: list[Row], begun: list[Row], perfetto: Judge, tmp_path: Path
) -> None:
    slices, unfinished, _ = shown("".join(lines), perfetto, tmp_path)

    assert (slices, unfinished) == (ended, begun)


def test_spans_at_random_are_the_same_with_and_without_marks(perfetto: Judge, tmp_path: Path) -> None:
    chance = random.Random(1)
    plain: list[str] = []
    marked: list[str] = []
    begun = 0
    for number in range(600):
        pid = chance.randrange(1, 6)
        ts, dur = chance.randrange(1000), chance.choice((0, 1, 5, 50))
        has_mark, ends = chance.random() < 0.7, chance.random() < 0.95
        begun += has_mark and not ends
        marked += [mark(number, f"n{number}", ts, pid)] * has_mark
        plain += [span(f"n{number}", ts, dur, pid=pid)] * ends
        marked += [span(f"n{number}", ts, dur, number if has_mark else None, pid)] * ends

    expected, nothing, problems = shown("".join(plain), perfetto, tmp_path)
    slices, unfinished, problems_with_marks = shown("".join(marked), perfetto, tmp_path)

    assert nothing == []
    assert begun == len(unfinished) > 10
    assert slices == expected
    assert problems_with_marks == problems  # spans that overlap, as spans at random do
