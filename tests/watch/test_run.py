"""Logs of a directory, as they grow; the clock is the real one, and nothing waits for it."""

import json
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.watch.logs import CLOCK, T0_US, error, line, us
from tracerd.core.own_prefixes import CLOCK_PREFIX
from tracerd.errors import NoDaemonError
from tracerd.watch import run as running
from tracerd.watch.rules import DEFAULT_RULES, US, parse_rules
from tracerd.watch.run import Run
from tracerd.watch.traces import WatchedTraces

HOUR_S = 3600


def now_s() -> float:
    return time.time()


def clock(real_s: float) -> bytes:
    """A clock line by which a ts is the time after this moment."""
    return CLOCK_PREFIX + b'"args":{"monotonic_us":0,"boottime_us":0,"realtime_us":%d}}\n' % round(real_s * US)


def errors(count: int, at_s: float, origin_s: float) -> bytes:
    """Error messages of one window that ended at least two minutes before a moment; ts is the time after an origin."""
    ts = ((at_s // 60 - 2) * 60 + 1 - origin_s) * US
    event = {"ph": "i", "cat": "log", "pid": 1, "args": {"level": "error", "service": "api"}}
    return b"".join(json.dumps(event | {"ts": round(ts) + number}).encode() + b"\n" for number in range(count))


def no_daemon() -> bytes:
    raise NoDaemonError("none")


@contextmanager
def watching(
    directory: Path,
    *paths: Path,
    rules: str = DEFAULT_RULES,
    ask: Callable[[], bytes] = no_daemon,
    warn: Callable[[str], None] = print,
) -> Generator[tuple[Run, WatchedTraces]]:
    traces = WatchedTraces(*parse_rules(rules, "rules"), warn)
    run = Run(directory, paths, ask, traces)
    try:
        yield run, traces
    finally:
        run.close()


def append(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)


def reported(run: Run) -> list[str]:
    """What the next look at windows and at the directory gives."""
    run.judge_now()
    return [f"{alert.trace} {alert.state} {alert.message}" for alert in run.poll()]


def test_what_comes_is_reported_and_what_was_there_is_not(tmp_path: Path) -> None:
    now = now_s()
    origin = now - HOUR_S
    (tmp_path / "a.jsonl").write_bytes(clock(origin) + errors(10, now, origin))
    with watching(tmp_path) as (run, _):
        assert run.replay() == []
        assert reported(run) == []

        append(tmp_path / "a.jsonl", errors(1, now, origin))
        (tmp_path / "new.jsonl").write_bytes(clock(origin) + errors(21, now, origin))

        assert sorted(reported(run)) == [
            "a firing 11 errors in 60 s (more than 10)",
            "new firing 21 errors in 60 s (more than 20)",
        ]
        assert reported(run) == []


def test_an_alert_that_lasts_is_known_at_the_start(tmp_path: Path) -> None:
    now = now_s()
    origin = now - HOUR_S
    (tmp_path / "a.jsonl").write_bytes(clock(origin) + errors(60, now, origin))
    with watching(tmp_path, rules=DEFAULT_RULES.replace("> 50 critical", "> 50 critical clear 9")) as (run, _):
        [alert] = run.replay()
        assert (alert.state, alert.severity) == ("firing", "critical")
        assert "since" in alert.message
        assert not [line for line in reported(run) if "firing" in line]


class Clock:
    """Time as `run` asks for it; it stands still."""

    def __init__(self) -> None:
        self.now_us = T0_US

    def time_ns(self) -> int:
        return self.now_us * 1000

    def time(self) -> float:
        return self.now_us / US

    def monotonic(self) -> float:
        return self.now_us / US


@pytest.mark.parametrize("start_s", [0.0, 0.13, 0.3, 0.49, 0.7, 1.1])
def test_an_alert_is_reported_at_most_three_seconds_after_the_end_of_its_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_s: float
) -> None:
    now = Clock()
    monkeypatch.setattr(running, "time", now)
    (tmp_path / "a.jsonl").write_bytes(CLOCK)
    with watching(tmp_path) as (run, _):
        now.now_us = us(58 + start_s)
        run.replay()
        append(tmp_path / "a.jsonl", b"".join(error(at) for at in range(11)))
        while not (found := run.poll()):
            now.now_us += round(running.POLL_S * US)

    assert [alert.time_us for alert in found] == [us(60)]
    assert us(62) <= now.now_us <= us(63)


def test_one_log_of_several_is_watched(tmp_path: Path) -> None:
    now = now_s()
    origin = now - HOUR_S
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_bytes(clock(origin))
    with watching(tmp_path, tmp_path / "b.jsonl") as (run, _):
        run.replay()
        for name in ("a", "b"):
            append(tmp_path / f"{name}.jsonl", errors(11, now, origin))
        assert reported(run) == ["b firing 11 errors in 60 s (more than 10)"]


def test_a_log_that_was_quiet_is_forgotten_and_read_again_when_it_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "MAX_REPLAYED", 2)
    now = now_s()
    origin = now - 2 * HOUR_S
    for number in range(20):
        path = tmp_path / f"{number}.jsonl"
        path.write_bytes(clock(origin) + errors(30, now - HOUR_S, origin))
        os.utime(path, (now, now - HOUR_S + number))
    with watching(tmp_path) as (run, traces):
        assert run.replay() == []
        assert len(traces) <= 2
        assert "0" not in traces

        append(tmp_path / "0.jsonl", errors(11, now, origin))  # without the first line its time is not known

        assert reported(run) == ["0 firing 11 errors in 60 s (more than 10)"]


def test_a_log_that_was_not_written_for_a_day_is_not_read_until_it_is(tmp_path: Path) -> None:
    now = now_s()
    origin = now - 48 * HOUR_S
    path = tmp_path / "old.jsonl"
    path.write_bytes(clock(origin) + errors(10, now, origin))
    os.utime(path, (origin, origin))
    with watching(tmp_path) as (run, traces):
        run.replay()
        assert "old" not in traces
        append(path, errors(1, now, origin))
        assert reported(run) == ["old firing 11 errors in 60 s (more than 10)"]


class Recorder:
    """A daemon for a directory that can be stopped, with a process that has a connection."""

    def __init__(self, directory: Path, *pids: int) -> None:
        self.is_running = True
        self._status: dict[str, object] = {
            "directory": str(directory),
            "traces": {"a": {"clients": [{"pid": pid} for pid in pids]}},
        }

    def leave(self) -> None:
        """Let the process go."""
        self._status["traces"] = {}

    def __call__(self) -> bytes:
        if not self.is_running:
            raise NoDaemonError("none")
        return json.dumps(self._status).encode()


def test_no_alert_ends_while_there_is_no_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, daemon, warnings = Clock(), Recorder(tmp_path), list[str]()
    monkeypatch.setattr(running, "time", now)

    def at(at_s: float) -> list[str]:
        now.now_us = us(at_s)
        return reported(run)

    (tmp_path / "a.jsonl").write_bytes(CLOCK)
    with watching(tmp_path, ask=daemon, warn=warnings.append) as (run, _):
        run.replay()
        append(tmp_path / "a.jsonl", b"".join(error(at) for at in range(11)))
        assert at(62) == ["a firing 11 errors in 60 s (more than 10)"]
        assert at(100) == []
        daemon.is_running = False
        assert at(102) == []
        assert at(1000) == []
        assert warnings == ["no daemon: nothing is recorded since 08:01:40, and no alert ends until one runs"]
        daemon.is_running = True
        assert at(1010) == []
        assert at(1141) == []  # 1020 to 1080, and 1080 to 1140, are whole minutes with a daemon
        assert at(1142) == ["a resolved after 18 min"]
        assert warnings[1:] == ["a daemon runs: events are recorded again"]


def test_errors_fire_with_and_without_a_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, warnings = Clock(), list[str]()
    monkeypatch.setattr(running, "time", now)
    (tmp_path / "a.jsonl").write_bytes(CLOCK)
    with watching(tmp_path, warn=warnings.append) as (run, _):
        run.replay()
        append(tmp_path / "a.jsonl", b"".join(error(at) for at in range(11)))
        now.now_us = us(62)
        assert reported(run) == ["a firing 11 errors in 60 s (more than 10)"]
    assert warnings == ["no daemon: nothing is recorded, and no alert ends until one runs"]


def test_a_process_that_ended_while_there_was_no_daemon_has_not_vanished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = 2**22 + 1  # more than any pid of Linux
    now, daemon = Clock(), Recorder(tmp_path, gone)
    monkeypatch.setattr(running, "time", now)
    (tmp_path / "a.jsonl").write_bytes(CLOCK + line(0, "B", gone))
    found: list[str] = []
    with watching(tmp_path, ask=daemon) as (run, _):
        run.replay()
        for at_s, is_running in ((5, True), (10, False), (500, False), (505, True), (520, True), (700, True)):
            now.now_us, daemon.is_running = us(at_s), is_running
            if at_s > 400:
                daemon.leave()
            found += reported(run)
    assert found == []
