"""While a disk is full events wait in memory, in order; what finds no room is lost, counted and marked."""

import base64
import contextlib
import json
import resource
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.daemon.small_disk import SmallDisk, needs_mount, peak_mb, waiting
from tests.harness import CLOCK_PREFIX, PATIENCE_S, event, events, exported, running_daemon, short_dir, wait_until
from tracerd.core.limits import DEFAULT_MAX_LINE_BYTES
from tracerd.core.pending import MAX_BYTES, MAX_TRACE_BYTES


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    with short_dir() as home, SmallDisk(home) as running:
        yield running


@needs_mount
def test_events_wait_for_a_full_disk_and_are_written_in_order(disk: SmallDisk) -> None:
    with disk.connect() as client, disk.connect() as other:
        client.send(b"OPEN t\n" + events(range(10)))
        assert client.flush() == (10, 0, 0)
        disk.fill()
        client.send(events(range(10, 5000)) + b"FLUSH\n")
        assert client.line() == (
            b"ERROR 13: events from here on wait in memory until the log can be written: No space left on device"
        )
        stored, refused, lost = map(int, client.line().split()[1:])
        assert (refused, lost) == (0, 0)
        assert disk.numbers("t") == list(range(stored)), "an acknowledged event is not in the file, or a line is torn"
        other.send(b"OPEN t\n" + events(range(5000, 5100)))
        assert other.flush() == (0, 0, 0)
        assert waiting(other, "t") == 5100 - stored

        disk.free()
        wait_until(lambda: disk.has("t", 5100), "the events to be written")
        assert disk.numbers("t") == list(range(5100))
        assert (client.flush(), other.flush()) == ((5000, 0, 0), (100, 0, 0))
        assert waiting(client, "t") == 0
        client.send(event(5100))
        assert client.flush() == (5001, 0, 0)


@needs_mount
def test_a_disk_that_is_full_again_and_again_is_said_once_a_minute(disk: SmallDisk) -> None:
    with disk.connect() as client:
        for times in range(1, 4):
            disk.fill()
            client.send(b"OPEN t\n" + events(range(200)))
            client.flush()
            disk.free()
            wait_until(partial(disk.has, "t", 200 * times), "the events to be written")
        assert client.flush() == (600, 0, 0)
    said = [line for line in disk.stderr().splitlines() if "WARNING" in line]
    assert ["cannot be written" in said[0], "is written again" in said[1], len(said)] == [True, True, 2]


@needs_mount
def test_no_event_comes_behind_a_torn_line_that_cannot_be_kept_yet(disk: SmallDisk) -> None:
    torn = b'{"ph":"i","na'
    (disk.dir / "t.jsonl").write_bytes(event(0) + torn)
    disk.fill()
    with disk.connect() as client:
        client.send(b"OPEN t\n" + event(1))
        assert client.flush() == (0, 0, 0)
        client.send(event(2))
        assert client.flush() == (0, 0, 0)
        assert disk.log("t") == event(0) + torn
        disk.free()
        wait_until(lambda: disk.has("t", 3), "the events to be written")
        assert disk.numbers("t") == [0, 1, 2]
    wait_until(lambda: len(disk.rejects("t")) == 2, "the totals")
    kept, record = disk.rejects("t")
    assert base64.b64decode(str(kept["base64"])) == torn
    assert record == {"repaired": 0, "refused": 1, "lost": 0}


@needs_mount
def test_what_finds_no_room_is_lost_counted_and_marked_where_it_is_missing() -> None:
    padded = [b'{"ph":"i","name":"%s","ts":%d,"pid":7,"tid":8}\n' % (b"x" * 900, number) for number in range(24_000)]
    with short_dir() as home, SmallDisk(home, 32) as disk, disk.connect() as client:
        client.send(b"OPEN t\n" + event(-1))
        assert client.flush() == (1, 0, 0)
        disk.fill()
        for start in range(0, len(padded), 1000):
            client.send(b"".join(padded[start : start + 1000]))
        stored, refused, lost = client.flush()
        assert refused == 0
        kept = len(padded) + 1 - lost
        assert MAX_TRACE_BYTES * 0.98 < sum(map(len, padded[: kept - 1])) <= MAX_TRACE_BYTES
        assert waiting(client, "t") == kept - stored
        said = [line for line in disk.stderr().splitlines() if "WARNING" in line]
        assert len(said) == 1, "one line a minute for a trace"
        assert "trace t: the log cannot be written: No space left on device" in said[0]

        disk.free()
        wait_until(lambda: disk.has("t", kept), "what waited to be written")
        wait_until(lambda: b"events lost" in disk.log("t"), "the mark")
        client.send(event(-2))
        assert client.flush() == (kept + 1, 0, lost)
        lines = disk.log("t").splitlines(keepends=True)
        assert lines[2 : kept + 1] == padded[: kept - 1], "what waited comes first, in order"
        mark = json.loads(lines[kept + 1])
        assert (mark["name"], mark["cat"], mark["ph"]) == (f"tracerd: {lost} events lost", "tracerd", "i")
        assert (mark["pid"], mark["tid"], mark["args"]) == (7, 8, {"events": lost})
        assert lines[kept + 2 :] == [event(-2)]
        client.finish()
        wait_until(lambda: bool(disk.rejects("t")), "the totals")
        assert disk.rejects("t") == [{"repaired": 0, "refused": 0, "lost": lost}]


@needs_mount
def test_all_traces_together_have_a_limit() -> None:
    line = b'{"ph":"i","name":"%s"}\n' % (b"x" * 60_000)
    with short_dir() as home, SmallDisk(home) as disk, contextlib.ExitStack() as stack:
        disk.fill()
        kept = 0
        for number in range(6):
            client = stack.enter_context(disk.connect())
            client.send(b"OPEN t%d\n" % number)
            for _ in range(200):  # 12 MB
                client.send(line)
            stored, _, lost = client.flush()
            assert stored == 0
            kept += 200 - lost
            assert (lost > 0) == (number == 5)
        assert MAX_BYTES * 0.99 < kept * len(line) <= MAX_BYTES
        assert peak_mb(disk) < 2 * MAX_BYTES / 1e6
        longest = b'{"ph":"i","name":"%s"}\n' % (b"x" * (DEFAULT_MAX_LINE_BYTES - 100))
        for number in range(10):  # each finds no room
            client = stack.enter_context(disk.connect())
            client.send(b"OPEN long%d\n" % number + longest)
            assert client.flush() == (0, 0, 1)
        assert peak_mb(disk) < 3 * MAX_BYTES / 1e6
        disk.fill()
        disk.process.send_signal(signal.SIGTERM)
        assert disk.process.wait(PATIENCE_S) == 0


@needs_mount
def test_a_trace_ends_and_is_exported_when_what_waits_has_been_written(disk: SmallDisk, tmp_path: Path) -> None:
    at_exit, early = tmp_path / "exit.json", tmp_path / "early.json"
    disk.fill()
    replies = disk.session(
        b"OPEN t\nEMIT_TEF_AT_EXIT %s\n" % bytes(at_exit) + events(range(100)) + b"EMIT_TEF %s\nFLUSH\n" % bytes(early)
    ).splitlines()
    assert replies[1] == (
        b"ERROR 103: EMIT_TEF: written, but incomplete: the log cannot be written: No space left on device"
    )
    assert json.loads(early.read_bytes())["metadata"]["complete"] is False
    disk.free()
    wait_until(at_exit.exists, "the export at exit")
    assert exported(at_exit) == list(range(100))
    assert disk.rejects("t") == []


@needs_mount
def test_an_export_holds_what_waited_as_soon_as_there_is_room(disk: SmallDisk, tmp_path: Path) -> None:
    """It does not wait for the next retry, nor is it written without what waits."""
    with disk.connect() as client:
        client.send(b"OPEN t\n" + events(range(10)))
        assert client.flush() == (10, 0, 0)
        for turn in range(5):  # a retry may come in between, but not each time
            disk.fill()
            before = 10 + 1000 * turn
            client.send(events(range(before, before + 1000)))
            client.flush()
            assert waiting(client, "t")
            disk.free()
            client.send(b"EMIT_TEF %s\n" % bytes(tmp_path / "t.json"))
            assert client.flush() == (before + 1000, 0, 0)
            assert exported(tmp_path / "t.json") == list(range(before + 1000))


@needs_mount
def test_a_trace_that_begins_on_a_full_disk_begins_with_its_clock(disk: SmallDisk) -> None:
    disk.fill()
    with disk.connect() as client:
        client.send(b"OPEN t\n" + events(range(10)))
        assert client.flush() == (0, 0, 0)
        disk.free()
        wait_until(lambda: disk.has("t", 10), "the events to be written")
    lines = disk.log("t").splitlines(keepends=True)
    assert [line.startswith(CLOCK_PREFIX) for line in lines] == [True] + [False] * 10


@needs_mount
def test_what_still_waits_at_the_stop_is_said_to_be_lost(disk: SmallDisk, tmp_path: Path) -> None:
    with disk.connect() as client:
        client.send(b"OPEN t\nEMIT_TEF_AT_EXIT %s\n" % bytes(tmp_path / "t.json") + event(0))
        client.flush()
        disk.fill()
        client.send(events(range(1, 1000)))
        stored, _, _ = client.flush()
        log = disk.log("t")
        disk.process.send_signal(signal.SIGTERM)
    assert disk.process.wait(PATIENCE_S) == 0
    assert f"data lost: trace t: {1000 - stored} events that waited: No space left on device" in disk.stderr()
    assert log.endswith(b"\n")
    assert exported(tmp_path / "t.json") == list(range(stored))
    assert json.loads((tmp_path / "t.json").read_bytes())["metadata"]["complete"] is False


def test_a_quota_that_is_raised() -> None:
    """A limit of the kernel that is not the disk's: the write that reaches it is cut short, and undone."""
    with running_daemon() as daemon, daemon.connect() as client:
        limits = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        client.send(b"OPEN t\n" + events(range(10_000)))
        stored, refused, lost = client.flush()
        assert (refused, lost) == (0, 0)
        assert daemon.numbers("t") == list(range(stored))
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, limits)
        wait_until(lambda: len(daemon.numbers_so_far("t")) == 10_000, "the rest")
        assert daemon.numbers("t") == list(range(10_000))
