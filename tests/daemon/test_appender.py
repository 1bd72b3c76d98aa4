"""A log's directory and file may go, and come back, while they are written; and what `--fsync` brings to the disk."""

import json
import shutil
from pathlib import Path

import pytest

from tests.daemon.small_disk import UNSHARE, needs_mount
from tests.harness import Daemon, event, events, short_dir, tracerd, wait_until
from tracerd.core.own_prefixes import OWN_PREFIXES


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


needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def synced(calls: str) -> list[str]:
    """The files that were brought to the disk, by the output of strace: a call may stand in two lines of it."""
    begun: dict[str, str] = {}
    found: list[str] = []
    for line in calls.splitlines():
        pid, _, call = line.partition(" ")
        if "fsync(" in call:
            begun[pid] = call.partition("<")[2].partition(">")[0]
        if ("fsync(" in call and "<unfinished" not in call) or "fsync resumed" in call:
            found.append(begun.pop(pid))
    return found


@needs_strace
def test_every_log_is_on_the_disk_before_an_ok(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    strace = ["strace", "-f", "-y", "-o", calls, "-e", "trace=fsync,sendto", "--"]
    with short_dir() as home:
        with Daemon(home, "--fsync", "always", before=strace) as daemon, daemon.connect() as client:
            client.send(b"OPEN one\n" + event(1) + b"OPEN two\n" + event(2) + b"OPEN three\n" + event(3))
            assert client.flush() == (3, 0, 0)
            daemon.session(b"DIE\n")  # a signal would be for strace
            daemon.process.wait()
            logs = [f"{daemon.dir}/{name}.jsonl" for name in ("one", "two", "three")]
        before = synced(calls.read_text().partition("OK 3 0 0")[0])
        assert [before.count(log) for log in logs] == [1, 1, 1]


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
            log, directory = f"{daemon.dir}/t.jsonl", str(daemon.dir)
        text = calls.read_text()
        before, whole = synced(text.partition("OK 1 0 0")[0]), synced(text)
        assert [before.count(log), before.count(directory)] == [before_ok, before_ok]
        assert [whole.count(log), whole.count(directory)] == [at_end, at_end]
