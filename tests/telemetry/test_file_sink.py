"""Lines are whole: from any number of threads and processes, of any length, and when the disk is full."""

import errno
import fcntl
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tracerd.telemetry import CollectionPolicy, Event, FileSink, TelemetryContext, TelemetryError

WRITER = """
import sys, threading
from tracerd.telemetry import CollectionPolicy, FileSink, TelemetryContext

path, number, threads, events, largest = sys.argv[1], int(sys.argv[2]), *map(int, sys.argv[3:])
telemetry = TelemetryContext(
    "t", "1", salt="s", sink=FileSink(path, timeout_s=600), policy=CollectionPolicy.ENABLED, machine_id=lambda _: "id"
)
def write(thread):
    for event in range(events):
        filling = chr(97 + thread % 26) * (2048 << (thread + event) % (largest.bit_length() - 11))
        telemetry.record_strict("x", {"who": f"{number}.{thread}.{event}", "filling": filling})
running = [threading.Thread(target=write, args=(thread,)) for thread in range(threads)]
[thread.start() for thread in running]
[thread.join() for thread in running]
"""


def event(filling: str = "") -> Event:
    return Event("x", "t", "1", "id", "2026-04-22T12:00:00Z", {"filling": filling})


@pytest.mark.parametrize(
    ("processes", "threads", "events", "largest"),
    [
        pytest.param(1, 64, 1, 2048, id="64 threads of 2 KiB"),
        pytest.param(8, 16, 2, 256 << 10, id="8 processes of 16 threads to 256 KiB"),
        pytest.param(64, 64, 1, 1 << 20, id="64 processes of 64 threads to 1 MiB", marks=pytest.mark.long),
    ],
)
@pytest.mark.timeout(600)
def test_every_line_is_whole(tmp_path: Path, processes: int, threads: int, events: int, largest: int) -> None:
    path = tmp_path / "a" / "b" / "events.jsonl"
    sizes = map(str, (threads, events, largest))
    command = [sys.executable, "-c", WRITER, str(path)]
    (*sizes_list,) = sizes
    running = [subprocess.Popen([*command, str(number), *sizes_list]) for number in range(processes)]
    assert [writer.wait() for writer in running] == [0] * processes

    seen: set[str] = set()
    with path.open() as file:
        for line in file:
            attrs = json.loads(line)["attrs"]
            assert set(attrs["filling"]) == {attrs["filling"][0]}
            seen.add(attrs["who"])
    assert len(seen) == processes * threads * events


def test_the_file_and_its_directories_are_for_the_user_only(tmp_path: Path) -> None:
    path = tmp_path / "a" / "events.jsonl"
    FileSink(path).emit(event())

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_line_that_does_not_fit_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """As on a full disk: the first part of the line could be written, the rest could not."""
    path = tmp_path / "events.jsonl"
    sink = FileSink(path)
    sink.emit(event())
    before = path.read_bytes()
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from tests.telemetry.test_file_sink import *\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    FileSink(sys.argv[1]).emit(event('a' * 5000))\n"
        "except TelemetryError as error:\n    print(error.code, error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)

    assert ran.stdout == f"tracerd.telemetry.io cannot write {path}: {os.strerror(errno.EFBIG)}\n"
    assert path.read_bytes() == before


def test_what_a_killed_writer_left_spoils_no_line_but_its_own(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"schema":1,"na')
    FileSink(path).emit(event())

    torn, whole = path.read_text().splitlines()
    assert torn == '{"schema":1,"na'
    assert json.loads(whole)["name"] == "x"


def test_a_lock_that_another_process_keeps_is_an_error_after_the_time(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(TelemetryError, match="another process has locked it"):
            FileSink(path, timeout_s=0.01).emit(event())
    FileSink(path).emit(event())


def test_a_child_of_a_fork_has_its_own_turn(tmp_path: Path) -> None:
    """Another thread had its turn when the process was forked; in the child it does not exist."""
    sink = FileSink(tmp_path / "events.jsonl", timeout_s=1)
    with sink._turn:  # pyright: ignore[reportPrivateUsage]
        child = os.fork()
        if not child:
            status = 1
            try:
                sink.emit(event())
                status = 0
            finally:  # the child must end here, whatever happens
                os._exit(status)
        _, status = os.waitpid(child, 0)
    assert status == 0


@pytest.mark.parametrize("kind", ["link", "directory", "fifo", "file in the way", "device"])
def test_what_is_no_file_of_ours_is_refused_and_left_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "events.jsonl"
    if kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/null")
    else:
        path.write_text("")
        path = path / "events.jsonl"

    with pytest.raises(TelemetryError, match="cannot write") as caught:
        FileSink(path).emit(event())
    assert caught.value.code == "tracerd.telemetry.io"
    assert not (tmp_path / "elsewhere").exists()


def test_without_descriptors_a_record_is_counted(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "events.jsonl")
    telemetry = TelemetryContext("t", "1", salt="s", sink=sink, policy=CollectionPolicy.ENABLED)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        assert not telemetry.record("x")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert telemetry.record("x")
    assert telemetry.failures == 1
