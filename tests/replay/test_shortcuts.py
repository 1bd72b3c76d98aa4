"""What takes usual spans and plain tracks in one loop changes no finding."""

import random

import pytest

from tests.replay.replay_cases import ROWS
from tests.rows.random_traces import deep_log, random_log
from tracerd.replay import trace, usual_spans
from tracerd.replay.kinds import Finding, Findings
from tracerd.replay.player import Player
from tracerd.replay.usual_spans import UsualSpans

SEEDS = 300


def found_in(log: bytes) -> list[Finding]:
    findings = Findings()
    player = Player(findings)
    if log:
        player.feed(log)
    player.finish()
    return sorted(findings.kept())


def takes_none(_self: UsualSpans, _run: object, start: int, _line_no: int) -> int:
    return start


def is_not(_track: object, _windows: object) -> bool:
    return False


def check(logs: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """The findings are those of the whole replay; from the second event of a process on, spans may be usual."""
    monkeypatch.setattr(trace, "SAMPLES", 1)
    monkeypatch.setattr(usual_spans, "SAMPLES", 1)
    found = [found_in(log) for log in logs]
    monkeypatch.setattr(UsualSpans, "take", takes_none)
    monkeypatch.setattr(trace, "is_plain", is_not)
    for log, findings in zip(logs, found, strict=True):
        assert findings == found_in(log), log


def test_random_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    check([random_log(seed) for seed in range(SEEDS)], monkeypatch)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_ten_thousand_random_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    check([random_log(seed) for seed in range(10_000)], monkeypatch)


def test_traces_with_each_kind_of_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    check(["".join(f"{line}\n" for line in lines).encode() for _name, lines, _found in ROWS], monkeypatch)


def test_a_begin_that_the_span_around_it_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    log = b"".join(b'{"ph":"%s","name":"s","ts":%d,"dur":%d,"pid":1,"tid":1}\n' % row for row in CUT)
    assert [finding.line_no for finding in found_in(log)] == [2]
    check([log], monkeypatch)


CUT = [(b"X", 0, 10), (b"B", 1, 0), (b"X", 20, 5)]


def test_deep_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    check([deep_log(depth, phase) for depth in (511, 512, 513, 600) for phase in "XB"], monkeypatch)


def test_plain_tracks_are_not_played(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(trace, "SliceStack", fail)
    lines = [b'{"ph":"%s","name":"s","ts":%d,"dur":%d,"pid":1,"tid":1}\n' % row for row in PLAIN]
    random.Random(1).shuffle(lines)
    assert not found_in(b"".join(lines))


PLAIN = [
    (b"X", 0, 10),
    (b"B", 1, 0),
    (b"X", 2, 2),
    (b"E", 5, 0),
    (b"X", 6, 4),
    (b"i", 10, 0),
    (b"B", 12, 0),
    (b"E", 13, 0),
    (b"X", 14, 0),
    (b"X", 15, 1),
    (b"X", 20, 10),
    (b"B", 25, 0),
    (b"E", 30, 0),
]
