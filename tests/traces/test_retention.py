"""The limits of age and sum: which traces go, and when."""

import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from tests.commands import invoke
from tests.harness import Daemon, event, events, exported, short_dir, wait_until
from tracerd.daemon.housekeeping import SHARE, Housekeeping
from tracerd.trace_id import TraceId
from tracerd.traces.retention import NO_LIMITS, Limits, surplus
from tracerd.traces.stored import StoredTrace

DAY_S = 86400
NOW_S = 1000.0


# ------------------------------------------------------------------ the decision


def trace(name: str, age_s: float, size: int = 10) -> StoredTrace:
    return StoredTrace(name, f"/{name}.jsonl", True, size, size, NOW_S - age_s)


TRACES = [trace("c", 3), trace("a", 10), trace("b", 5)]


@pytest.mark.parametrize(
    ("limits", "in_use", "gone"),
    [
        (NO_LIMITS, "", ""),
        (Limits(max_age_s=10), "", ""),
        (Limits(max_age_s=9.9), "", "a"),
        (Limits(max_age_s=4), "", "ab"),
        (Limits(max_age_s=-math.inf), "", "abc"),
        (Limits(max_total_bytes=30), "", ""),
        (Limits(max_total_bytes=29), "", "a"),
        (Limits(max_total_bytes=10), "", "ab"),
        (Limits(max_total_bytes=9), "", "abc"),
        (Limits(max_total_bytes=20), "a", "b"),
        (Limits(max_total_bytes=9), "b", "ac"),
        (Limits(max_age_s=4), "a", "b"),
        (Limits(max_age_s=7, max_total_bytes=10), "", "ab"),
        (Limits(max_age_s=1, keep=1), "", "ab"),
        (Limits(max_age_s=-math.inf, keep=3), "", ""),
        (Limits(max_total_bytes=0, keep=2), "", "a"),
    ],
)
def test_the_oldest_go_first_and_those_in_use_count_but_stay(limits: Limits, in_use: str, gone: str) -> None:
    used = [each for each in TRACES if each.trace_id in in_use]
    assert "".join(each.trace_id for each in surplus(TRACES, limits, NOW_S, used)) == gone


def test_limits_are_true_if_there_are_any() -> None:
    assert not NO_LIMITS
    assert Limits(max_age_s=1).can_expire
    assert Limits(max_total_bytes=1)
    assert not Limits(max_total_bytes=1).can_expire


@given(
    traces=st.lists(
        st.builds(
            StoredTrace,
            st.text("ab", max_size=2),
            st.uuids().map(str),
            st.just(True),
            st.just(0),
            st.integers(0, 9),
            st.floats(0, 9),
        ),
        max_size=9,
    ),
    max_age_s=st.floats(0, 9) | st.just(math.inf),
    max_total_bytes=st.integers(0, 40) | st.just(math.inf),
    keep=st.integers(0, 3),
    data=st.data(),
)
def test_what_stays_is_within_the_limits_or_must_stay(
    traces: list[StoredTrace], max_age_s: float, max_total_bytes: float, keep: int, data: st.DataObject
) -> None:
    in_use = data.draw(st.sets(st.sampled_from(traces))) if traces else set[StoredTrace]()
    gone = surplus(traces, Limits(max_age_s, max_total_bytes, keep), 9.0, in_use)
    stay = [each for each in traces if each not in gone]

    assert not in_use.intersection(gone)
    assert len(stay) >= min(keep, len(traces))
    newest = sorted(traces, key=lambda each: (each.last_write_s, each.trace_id))[max(0, len(traces) - keep) :]
    may_go = [each for each in stay if each not in newest and each not in in_use]
    assert all(9.0 - each.last_write_s <= max_age_s for each in may_go)
    assert sum(each.size for each in stay) <= max_total_bytes or not may_go
    assert [each.last_write_s for each in gone] == sorted(each.last_write_s for each in gone)
    assert all(one.last_write_s <= other.last_write_s for one in gone for other in may_go)


# ------------------------------------------------------------------ the daemon: age and sum


@pytest.fixture
def home() -> Iterator[Path]:
    """A place for a daemon, with logs in it that are 10, 20 and 30 days old."""
    with short_dir() as path:
        (path / "logs").mkdir(mode=0o700)
        for age_d in (10, 20, 30):
            put(path / "logs", f"old-{age_d}", age_d)
        yield path


def put(directory: Path, trace_id: str, age_d: float, size: int = 1000) -> None:
    written_s = time.time() - age_d * DAY_S
    for suffix, content in ((".jsonl", b"x" * (size - 100)), (".rejected", b"x" * 100)):
        (directory / f"{trace_id}{suffix}").write_bytes(content)
        os.utime(directory / f"{trace_id}{suffix}", (written_s, written_s))


def stored(home: Path) -> list[str]:
    return sorted(path.stem for path in (home / "logs").glob("*.jsonl"))


def rejected(home: Path) -> list[str]:
    return sorted(path.stem for path in (home / "logs").glob("*.rejected"))


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ([], [10, 20, 30]),
        (["--max-age", "25d"], [10, 20]),
        (["--max-age", "1h", "--max-age", "2w"], [10]),
        (["--max-total-size", "2.5kB"], [10, 20]),
        (["--max-total-size", "1B", "--max-total-size", "1.5KiB"], [10]),
        (["--max-age", "25d", "--max-total-size", "1kB"], [10]),
        (["--max-age", "99w", "--max-total-size", "1GB"], [10, 20, 30]),
    ],
)
def test_limits_hold_from_the_start(home: Path, options: list[str], left: list[int]) -> None:
    expected = [f"old-{age_d}" for age_d in left]
    with Daemon(home, *options) as daemon:
        wait_until(lambda: stored(home) == rejected(home) == expected, "the old traces to go")
        wait_until(lambda: daemon.stderr().count("removed the trace old-") == 3 - len(left), "the daemon to say so")
    assert stored(home) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--max-age", "30"],
            "'--max-age': '30' is no duration: write a number and s, m, h, d or w, such as 12h or 7d",
        ),
        (["--max-age", ""], "'--max-age': '' is no duration: "),
        (["--max-age", "0s"], "'--max-age': '0s' is nothing: it must be more"),
        (["--max-total-size", "2"], "'--max-total-size': '2' is no size: write a number and B, kB, MB, GB, TB, KiB, "),
        (["--max-total-size", "2Gb/s"], "'--max-total-size': '2Gb/s' is no size: "),
        (["--max-trace-size", "-1GB"], "'--max-trace-size': '-1GB' is no size: "),
        (["--max-trace-size", "1e9B"], "'--max-trace-size': '1e9B' is no size: "),
        (["--max-trace-size", "0GB"], "'--max-trace-size': '0GB' is nothing: it must be more"),
    ],
)
def test_a_limit_that_is_none_is_told_and_no_daemon_starts(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = invoke("serve", "--socket", tmp_path / "s", "-d", tmp_path / "logs", *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().splitlines()[-1].startswith(f"Error: Invalid value for {message}")
    assert not (tmp_path / "logs").exists()


def test_the_oldest_closed_trace_goes_when_another_has_ended(home: Path) -> None:
    """An open trace counts and stays, old as it may be; each end is looked at."""
    with Daemon(home, "--max-total-size", "3kB") as daemon, daemon.connect() as client:
        client.send(b"OPEN open\n" + event(1))
        client.flush()
        os.utime(daemon.dir / "open.jsonl", (0, 0))
        daemon.session(b"OPEN first\n" + events(range(1000000, 1000030)))
        wait_until(lambda: stored(home) == ["first", "old-10", "open"], "the oldest two to go")
        daemon.session(b"OPEN second\n" + events(range(1000000, 1000045)))
        wait_until(lambda: stored(home) == ["open", "second"], "the next oldest to go")
        client.send(event(2))
        assert client.flush() == (2, 0, 0)
    assert daemon.numbers("open") == [1, 2]
    assert "cannot remove" not in daemon.stderr()


async def test_a_check_that_waited_is_soon_followed_by_the_next(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a check waits for the disk and for its turn, and the directory grows meanwhile."""
    waits_s = 0.1
    removed: list[TraceId] = []
    pauses_s: list[float] = []

    def enforce_slowly(_: Path, __: Limits) -> list[TraceId]:
        time.sleep(waits_s)  # as a disk that is busy; nothing is awaited
        housekeeping.check_again()
        return [TraceId("t")]

    def on_removed(trace_id: TraceId) -> None:
        removed.append(trace_id)
        if len(removed) == 2:
            scope.cancel()

    async def pause(duration_s: float) -> None:
        pauses_s.append(duration_s)
        await trio.lowlevel.checkpoint()

    monkeypatch.setattr("tracerd.daemon.housekeeping.enforce", enforce_slowly)
    monkeypatch.setattr("tracerd.daemon.housekeeping.trio.sleep", pause)
    housekeeping = Housekeeping(home, Limits(max_total_bytes=1), on_removed)
    with trio.CancelScope() as scope:
        await housekeeping.loop()
    assert len(removed) == 2
    assert pauses_s[0] < SHARE * waits_s


def test_a_removed_traces_exports_at_exit_are_forgotten(home: Path) -> None:
    """Else the next client of that name would replace the file by an empty one."""
    out = home / "out.json"
    with Daemon(home, "--max-total-size", "1B") as daemon:
        daemon.session(b"OPEN t\nEMIT_TEF_AT_EXIT %s\n" % bytes(out) + event(7))
        wait_until(lambda: not stored(home) and "removed the trace t," in daemon.stderr(), "the trace to go")
        daemon.session(b"OPEN next\n" + event(8))  # which goes when the daemon has heard of the first one
        wait_until(lambda: "removed the trace next," in daemon.stderr(), "the next trace to go")
        daemon.session(b"OPEN t\n")
    assert exported(out) == [7]


def test_a_file_that_cannot_be_removed_stops_nothing(home: Path) -> None:
    """Somebody else holds the oldest: the others go, and the daemon works on."""
    import fcntl

    with (home / "logs/old-30.jsonl").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        with Daemon(home, "--max-age", "5d") as daemon:
            wait_until(lambda: stored(home) == ["old-30"], "the others to go")
            assert daemon.session(b"OPEN new\n" + event(1) + b"FLUSH\n") == b"OK 1 0 0\n"
    assert stored(home) == ["new", "old-30"]


def test_into_file_is_no_part_of_the_directory(home: Path) -> None:
    log = home / "elsewhere.jsonl"
    with Daemon(home, "--max-total-size", "1B", "--into-file", str(log)) as daemon:
        daemon.session(event(1))
        wait_until(lambda: not stored(home), "the directory to be empty")
        daemon.session(event(2))
    assert log.read_bytes().count(b"\n") == 3
