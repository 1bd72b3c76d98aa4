"""What lies in the place of a log or a rejects file: links, pipes, devices, torn lines, or nothing any more."""

import base64
import itertools
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import CLOCK_PREFIX, Daemon, event, events, exported, needs_root, wait_until
from tests.store.refusals import works

_numbers = itertools.count()


@pytest.fixture
def trace_id() -> str:
    """One of its own for each test of the daemon that they share."""
    return f"odd-{next(_numbers)}"


def opened(trace_id: str) -> bytes:
    return b"OPEN %s\n" % trace_id.encode()


# ------------------------------------------------------------------ what lies in a log's place


def put_link(path: Path) -> None:
    victim = path.parent.parent / "victim"
    victim.write_text("precious")
    path.symlink_to(victim)


def put_dangling_link(path: Path) -> None:
    path.symlink_to(path.parent.parent / "made-by-us")


def put_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(os.fsencode(path))


def put_device(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))


THINGS = [
    pytest.param(put_link, id="link"),
    pytest.param(put_dangling_link, id="dangling link"),
    pytest.param(os.mkfifo, id="pipe"),
    pytest.param(put_socket, id="socket"),
    pytest.param(Path.mkdir, id="directory"),
    pytest.param(put_device, id="device", marks=needs_root),
]


@pytest.mark.parametrize("put", THINGS)
def test_log_that_is_no_file_is_never_written_and_its_events_count_as_lost(
    shared_daemon: Daemon, trace_id: str, put: Callable[[Path], object]
) -> None:
    path = shared_daemon.dir / f"{trace_id}.jsonl"
    put(path)
    before = path.lstat().st_mode, path.lstat().st_ino
    replies = shared_daemon.session(opened(trace_id) + events(range(3)) + b"FLUSH\n").splitlines()
    assert replies[0].startswith(b"ERROR 2: 3 events lost from here on: ")
    assert replies[1:] == [b"OK 0 0 3"]
    assert (path.lstat().st_mode, path.lstat().st_ino) == before
    victim = shared_daemon.dir.parent / "victim"
    assert not victim.exists() or victim.read_text() == "precious"
    assert not (shared_daemon.dir.parent / "made-by-us").exists()
    assert works(shared_daemon)


@pytest.mark.parametrize("put", THINGS)
def test_rejects_file_that_is_no_file_is_never_written_and_the_events_are_kept(
    shared_daemon: Daemon, trace_id: str, put: Callable[[Path], object]
) -> None:
    path = shared_daemon.dir / f"{trace_id}.rejected"
    put(path)
    before = path.lstat().st_mode, path.lstat().st_ino
    replies = shared_daemon.session(opened(trace_id) + b"bad\n" + event(1) + b"FLUSH\n").splitlines()
    assert replies[1:] == [b"OK 1 1 0"]
    assert (path.lstat().st_mode, path.lstat().st_ino) == before
    victim = shared_daemon.dir.parent / "victim"
    assert not victim.exists() or victim.read_text() == "precious"
    assert not (shared_daemon.dir.parent / "made-by-us").exists()
    assert shared_daemon.numbers(trace_id) == [1]
    assert works(shared_daemon)


@pytest.mark.parametrize("put", THINGS)
@pytest.mark.parametrize("suffix", [".jsonl", ".rejected"])
def test_export_beside_what_is_no_file_ends(
    shared_daemon: Daemon, trace_id: str, tmp_path: Path, put: Callable[[Path], object], suffix: str
) -> None:
    put((shared_daemon.dir / trace_id).with_suffix(suffix))
    out = tmp_path / "out.json"
    last = shared_daemon.session(opened(trace_id) + event(1) + b"EMIT_TEF %s\nFLUSH\n" % bytes(out)).splitlines()[-1]
    assert last.startswith(b"OK ")
    if suffix == ".rejected":
        assert exported(out) == [1]
    assert works(shared_daemon)


# ------------------------------------------------------------------ torn tails

TAILS = [
    pytest.param(event(1).rstrip(), [1], b"", id="whole event"),
    pytest.param(event(1)[:-4], [], event(1)[:-4], id="half an event"),
    pytest.param(b'{"ph":"i","ts":nan}', [], b'{"ph":"i","ts":nan}', id="what would be repaired"),
    pytest.param(b"\0" * 100, [], b"\0" * 100, id="zeros"),
    pytest.param(b"[1]", [], b"[1]", id="no object"),
    pytest.param(event(1)[:-3].ljust(200_000, b"x"), [], None, id="long"),
]


@pytest.mark.parametrize(("tail", "kept", "moved"), TAILS)
@pytest.mark.parametrize("first", [b"", event(0)], ids=["alone", "after a whole line"])
def test_torn_tail_is_mended_when_the_log_is_opened(
    shared_daemon: Daemon, trace_id: str, first: bytes, tail: bytes, kept: list[int], moved: bytes | None
) -> None:
    path = shared_daemon.dir / f"{trace_id}.jsonl"
    path.write_bytes(first + tail)
    assert shared_daemon.session(opened(trace_id) + event(2) + b"FLUSH\n") == b"OK 1 0 0\n"
    assert shared_daemon.numbers(trace_id) == [0] * bool(first) + kept + [2]
    refused = [entry for entry in shared_daemon.rejects(trace_id) if "base64" in entry]
    if moved == b"":
        assert refused == []
    else:
        (entry,) = refused
        assert tail.startswith(base64.b64decode(str(entry["base64"])))
        assert moved is None or base64.b64decode(str(entry["base64"])) == moved
        assert (entry["line"], entry["client_pid"]) == (0, 0)


@pytest.mark.parametrize("put", THINGS)
def test_torn_tail_is_cut_even_if_its_rejects_file_is_no_file(
    shared_daemon: Daemon, trace_id: str, put: Callable[[Path], object]
) -> None:
    (shared_daemon.dir / f"{trace_id}.jsonl").write_bytes(event(0) + b'{"ph":"i","na')
    put(shared_daemon.dir / f"{trace_id}.rejected")
    with shared_daemon.connect() as client:
        client.send(opened(trace_id) + event(1))
        assert client.flush() == (1, 0, 0)
        client.send(event(2))
        assert client.flush() == (2, 0, 0)
    assert shared_daemon.numbers(trace_id) == [0, 1, 2]


def test_log_removed_while_it_is_written_is_begun_anew(daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with daemon.connect() as client:
        client.send(b"OPEN removed\nEMIT_TEF_AT_EXIT %s\n" % bytes(out) + event(1))
        client.flush()
        (daemon.dir / "removed.jsonl").unlink()

        def written_again() -> bool:
            client.send(event(2))
            client.flush()
            return (daemon.dir / "removed.jsonl").exists()

        wait_until(written_again, "a new log")
        said = "removed.jsonl was removed or renamed while in use"
        wait_until(lambda: said in daemon.stderr(), "the daemon to say so, by a thread of its own")
        client.send(event(3))
        client.flush()
        assert daemon.log("removed").startswith(CLOCK_PREFIX)
        assert daemon.numbers("removed")[-1] == 3
        assert 1 not in daemon.numbers("removed")
