"""While a log cannot be written its events wait in memory, in order; what finds no room is lost, counted and marked."""

import base64
import contextlib
import fcntl
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import termios
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from tests.harness import Client, Daemon, event, events, exported, running_daemon, short_dir, tracerd, wait_until
from tracerd.core.limits import DEFAULT_MAX_LINE_BYTES, DEFAULT_MAX_UNFINISHED_BYTES
from tracerd.core.pending import MAX_BYTES, MAX_TRACE_BYTES
from tracerd.core.tef import OWN_PREFIXES

UNSHARE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]


def may_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    command = [*UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


needs_mount = pytest.mark.skipif(not may_mount(), reason="not possible here: to mount a small disk (unshare --mount)")


class SmallDisk(Daemon):
    """A daemon whose logs lie on a real, small disk of its own, which the test can fill and free."""

    def __init__(self, home: Path, mib: int = 4, *options: str) -> None:
        self.size = mib * 1024 * 1024
        where = home / "logs"
        where.mkdir(mode=0o700)
        mount = f"mount -t tmpfs -o size={self.size},mode=700 tmpfs {where}"
        super().__init__(home, *options, before=[*UNSHARE, "sh", "-c", f'{mount} && exec "$@"', "sh"])
        self.dir = Path(f"/proc/{self.process.pid}/root{self.dir}")  # only the daemon and its children see the mount

    def fill(self) -> None:
        """Leave no room for another byte."""
        with (self.dir / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while ballast.write(bytes(4096)):
                pass

    def free(self) -> None:
        """Make room again."""
        (self.dir / "ballast").unlink()

    def sent(self, trace_id: str) -> list[bytes]:
        """The lines of the log that clients have sent."""
        return [line for line in self.log(trace_id).splitlines(keepends=True) if not line.startswith(OWN_PREFIXES)]

    def has(self, trace_id: str, count: int) -> bool:
        return (self.dir / f"{trace_id}.jsonl").exists() and len(self.sent(trace_id)) == count


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    with short_dir() as home, SmallDisk(home) as running:
        yield running


def peak_mb(daemon: Daemon) -> float:
    """The most memory that the daemon has had."""
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) * 1024 / 1e6


def waiting(client: Client, trace_id: str) -> object:
    traces = cast("dict[str, dict[str, object]]", client.status()["traces"])  # as docs/protocol.md says
    return traces[trace_id]["waiting"]


@needs_mount
def test_events_are_stored_without_proc(tmp_path: Path) -> None:
    hidden = [*UNSHARE, "sh", "-c", 'mount -t tmpfs tmpfs /proc && exec "$@"', "sh"]
    with short_dir() as home, Daemon(home, before=hidden) as daemon:
        out = tmp_path / "out.json"
        assert daemon.session(b"OPEN t\n" + event(1) + b"EMIT_TEF %s\nFLUSH\nSTATUS\n" % bytes(out)).startswith(
            b"OK 1 0 0"
        )
        clock = json.loads(daemon.log("t").splitlines()[0])["args"]
        assert set(clock) == {"monotonic_us", "boottime_us", "realtime_us"}
        assert json.loads(out.read_bytes())["metadata"]["clock"] == clock
        assert daemon.numbers("t") == [1]


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
        disk.process.terminate()
        assert disk.process.wait(30) == 0


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
def test_what_still_waits_at_the_stop_is_said_to_be_lost(disk: SmallDisk, tmp_path: Path) -> None:
    with disk.connect() as client:
        client.send(b"OPEN t\nEMIT_TEF_AT_EXIT %s\n" % bytes(tmp_path / "t.json") + event(0))
        client.flush()
        disk.fill()
        client.send(events(range(1, 1000)))
        stored, _, _ = client.flush()
        log = disk.log("t")
        disk.process.terminate()
    assert disk.process.wait(30) == 0
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


def test_the_directory_is_made_anew_and_locked_when_somebody_has_removed_it(daemon: Daemon) -> None:
    with daemon.connect() as client:
        client.send(b"OPEN old\n" + event(1))
        assert client.flush() == (1, 0, 0)
        shutil.rmtree(daemon.dir)
        client.send(b"OPEN new\n" + event(2))
        assert client.flush() == (2, 0, 0)
    assert daemon.numbers("new") == [2]
    assert daemon.dir.stat().st_mode & 0o777 == 0o700
    second = tracerd("serve", "--socket", daemon.socket.parent / "other", "-d", daemon.dir)
    assert second.returncode == 1
    assert b"the directory" in second.stderr


def test_a_directory_that_somebody_else_has_made_anew_is_locked_too(daemon: Daemon) -> None:
    shutil.rmtree(daemon.dir)
    daemon.dir.mkdir(mode=0o700)
    with daemon.connect() as client:
        client.send(b"OPEN t\n" + event(1))
        assert client.flush() == (1, 0, 0)
    second = tracerd("serve", "--socket", daemon.socket.parent / "other", "-d", daemon.dir)
    assert second.returncode == 1
    assert b"the directory" in second.stderr


def test_events_wait_while_another_daemon_has_the_directory(daemon: Daemon) -> None:
    """Two would write one log: the second undoes what the first has written."""
    shutil.rmtree(daemon.dir)
    daemon.dir.mkdir(mode=0o700)
    with short_dir() as home, daemon.connect() as client:
        (home / "logs").symlink_to(daemon.dir)
        with Daemon(home) as other:
            client.send(b"OPEN t\n" + event(1))
            assert client.flush() == (0, 0, 0)
            reason = f"is in use by the tracerd with pid {other.process.pid}"
            wait_until(lambda: reason in daemon.stderr(), "the reason to be said")
            assert not list(daemon.dir.glob("*.jsonl"))
        wait_until(lambda: client.flush() == (1, 0, 0), "the event to be written")
    assert daemon.numbers("t") == [1]


def test_events_wait_while_the_directory_cannot_be_made_anew(daemon: Daemon) -> None:
    shutil.rmtree(daemon.dir)
    daemon.dir.symlink_to("nowhere")
    with daemon.connect() as client:
        client.send(b"OPEN t\n" + events(range(3)))
        assert client.flush() == (0, 0, 0)
        daemon.dir.unlink()
        wait_until(lambda: client.flush() == (3, 0, 0), "the directory to be made")
    assert daemon.numbers("t") == [0, 1, 2]


def test_a_log_that_is_renamed_is_begun_anew(daemon: Daemon) -> None:
    with daemon.connect() as client:
        client.send(b"OPEN t\n" + event(0))
        client.flush()
        (daemon.dir / "t.jsonl").rename(daemon.dir.parent / "moved")
        numbers = iter(range(1, 1_000_000))

        def begun_anew() -> bool:
            client.send(event(next(numbers)))
            client.flush()
            return (daemon.dir / "t.jsonl").exists()

        wait_until(begun_anew, "the log to be begun anew")
    lines = (daemon.dir.parent / "moved").read_bytes().splitlines()
    assert [json.loads(line)["ts"] for line in lines[1:]] + daemon.numbers("t") == list(range(next(numbers)))
    assert daemon.log("t").startswith(OWN_PREFIXES[0])


def all_read(sock: socket.socket) -> bool:
    """Whether the other side has read all that was written here."""
    return fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)) == bytes(4)


def test_unfinished_lines_have_a_limit_together() -> None:
    mib = 1024 * 1024
    with running_daemon("--max-unfinished-bytes", str(8 * mib)) as daemon, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(daemon.connect()) for _ in range(8)]
        for number, client in enumerate(clients):
            client.send(b'OPEN t\n{"ph":"i","ts":%d,"name":"' % number + b"x" * (mib - 1000 * (8 - number)))
            wait_until(partial(all_read, client.socket), "the daemon to have read it")
        longest = clients[-1]
        with daemon.connect() as client:
            client.send(b'OPEN t\n{"ph":"i","name":"' + b"x" * 100_000)
            assert longest.line() == (
                b"ERROR 2: the unfinished lines of all clients take more than %d bytes" % (8 * mib)
            )
            client.send(b'"}\n')
            assert client.flush() == (1, 0, 0)
        longest.send(b'"}\n' + event(100))
        assert longest.flush() == (1, 1, 0)
        for client in clients[:-1]:
            client.send(b'"}\n')
            assert client.flush() == (1, 0, 0)
        # Room that was given back can be taken again.
        longest.send(b'{"ph":"i","name":"' + b"x" * (7 * mib) + b'"}\n')
        assert longest.flush() == (2, 1, 0)


def test_a_hundred_unfinished_lines_of_16_mib_are_no_danger() -> None:
    line = b'OPEN t\n{"ph":"i","name":"' + b"x" * (DEFAULT_MAX_LINE_BYTES - 100)
    with running_daemon() as daemon, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(daemon.connect()) for _ in range(100)]
        for client in clients:
            client.send(line)
        totals = [0, 0]
        for client in clients:
            client.send(b'"}\n')
            stored, refused, lost = client.flush()
            assert (stored + refused, lost) == (1, 0)
            totals[refused] += 1
        most = DEFAULT_MAX_UNFINISHED_BYTES // DEFAULT_MAX_LINE_BYTES
        assert most - 1 <= totals[0] <= most + 1
        assert peak_mb(daemon) < 1.6 * DEFAULT_MAX_UNFINISHED_BYTES / 1e6
        assert len([line for line in daemon.stderr().splitlines() if "WARNING" in line]) <= totals[1]


needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@needs_strace
@pytest.mark.parametrize(("mode", "before_ok", "at_end"), [("never", 0, 0), ("close", 0, 1), ("always", 1, 1)])
def test_fsync(mode: str, before_ok: int, at_end: int, tmp_path: Path) -> None:
    """`always`: the log was brought to the disk, and its name too, before the OK was sent."""
    calls = tmp_path / "calls"

    strace = ["strace", "-f", "-y", "-o", calls, "-e", "trace=fsync,sendto", "--"]
    with short_dir() as home:
        with Daemon(home, "--fsync", mode, before=strace) as daemon, daemon.connect() as client:
            client.send(b"OPEN t\n" + event(1))
            assert client.flush() == (1, 0, 0)
            client.send(b"bad\n")
            client.finish()
            wait_until(lambda: len(daemon.rejects("t")) == 2, "the record at the end of the trace")
            daemon.session(b"DIE\n")  # a signal would be for strace
            daemon.process.wait()
            log, directory = f"<{daemon.dir}/t.jsonl>", f"<{daemon.dir}>"
        before, _, after = calls.read_text().partition("OK 1 0 0")
        assert [before.count(f"{log})"), before.count(f"{directory})")] == [before_ok, before_ok]
        assert [(before + after).count(f"{log})"), (before + after).count(f"{directory})")] == [at_end, at_end]
