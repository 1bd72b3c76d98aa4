"""A recording is what the replay of `check` makes of a trace, however fast it was read."""

import random
from pathlib import Path

import pytest

from tests.perfetto.own_cases import CAPTURES
from tests.rows.exact_recording import described, lines_of, read_exactly
from tests.rows.random_traces import deep_log, random_log
from tracerd.replay import windows
from tracerd.rows import exact
from tracerd.rows.recording import read
from tracerd.rows.source import Source

SEEDS = 300


def check(log: bytes, what: object) -> None:
    expected = read_exactly(log)
    lined = read([log] if log else [], keeps_lines=True)
    assert lines_of(lined) == lines_of(expected), f"{what}: {log!r}"
    assert described(lined) == described(expected), f"{what}: {log!r}"
    assert described(read([log] if log else [])) == described(expected), f"{what}: {log!r}"


def test_random_traces_are_read_as_the_replay_plays_them() -> None:
    for seed in range(SEEDS):
        check(random_log(seed), seed)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_ten_thousand_random_traces_are_read_as_the_replay_plays_them() -> None:
    for seed in range(10_000):
        check(random_log(seed), seed)


@pytest.mark.parametrize("path", sorted(filter(Path.is_file, CAPTURES.rglob("*.*"))), ids=lambda path: path.name)
def test_captures_are_read_as_the_replay_plays_them(path: Path) -> None:
    log = b"".join(Source(path.name, path, path.stat().st_size, None).blocks())

    check(log, path)


@pytest.mark.parametrize("phase", ["X", "B"])
@pytest.mark.parametrize("depth", [511, 512, 513, 600])
def test_what_is_too_deep_is_read_as_the_replay_plays_it(depth: int, phase: str) -> None:
    check(deep_log(depth, phase), depth)


def test_blocks_do_not_matter() -> None:
    for seed in range(100):
        lines = random_log(seed).splitlines(keepends=True)
        assert described(read(lines)) == described(read([b"".join(lines)]))


def test_ordinary_tracks_need_no_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(exact, "play", fail)
    lines = [b'{"ph":"%s","name":"s","ts":%d,"dur":%d,"pid":1,"tid":1}\n' % row for row in ORDINARY]
    random.Random(1).shuffle(lines)
    spans = read([b"".join(lines)]).tracks[0]
    assert list(spans.parent) == [-1, 0, 1, 0, -1]
    assert list(spans.dur) == [10_000, 4_000, 2_000, 4_000, -1]


ORDINARY = [
    (b"X", 0, 10),
    (b"B", 1, 0),
    (b"X", 2, 2),
    (b"E", 5, 0),
    (b"X", 6, 4),
    (b"E", 10, 0),
    (b"B", 12, 0),
]


@pytest.mark.parametrize("window", [1, 2, 3, 7])
def test_windows_do_not_matter(monkeypatch: pytest.MonkeyPatch, window: int) -> None:
    logs = [random_log(seed) for seed in range(100)]
    expected = [described(read([log])) for log in logs]
    monkeypatch.setattr(windows, "WINDOW", window)
    monkeypatch.setattr("tracerd.replay.track.WINDOW", window)
    assert [described(read([log])) for log in logs] == expected
