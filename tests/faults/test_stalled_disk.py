"""A disk that does not answer: a frozen file system, on which every write waits. Nothing is lost; all wait with it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.faults.proc import state_of
from tests.harness import PATIENCE_S, Daemon, event, short_dir, wait_until

STALL_S = 1.0


@contextmanager
def mounted(*arguments: str | Path) -> Generator[None]:
    """A mount that is gone at the end; arguments as for mount(8), the last is where."""
    subprocess.run(["mount", *map(str, arguments)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(arguments[-1])], check=False)


@contextmanager
def disk(home: Path) -> Generator[Path]:
    """A file system of its own, in a file."""
    image, where = home / "image", home / "disk"
    with image.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    where.mkdir()
    with mounted("-o", "loop", image, where):
        yield where


@contextmanager
def frozen(where: Path) -> Generator[None]:
    """Whatever is written to this file system waits."""
    subprocess.run(["fsfreeze", "--freeze", where], check=True)
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "--unfreeze", where], check=True)


@pytest.fixture
def own_disk() -> Iterator[Path]:
    """A disk that this test may freeze."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("mkfs.ext4", "mount", "fsfreeze"))):
        pytest.skip("only root can mount and freeze a file system, with e2fsprogs")
    with short_dir() as home, ExitStack() as stack:
        try:
            where = stack.enter_context(disk(home))
        except subprocess.CalledProcessError as error:
            pytest.skip(f"not possible here: a loop device cannot be mounted: {error.stderr!r}")
        yield where


def test_one_log_on_a_stalled_disk_makes_all_wait_and_loses_nothing(daemon: Daemon, own_disk: Path) -> None:
    with ExitStack() as stack:
        (own_disk / "log").touch(0o600)
        stalled_log = daemon.dir / "stalled.jsonl"
        stalled_log.touch(0o600)
        stack.enter_context(mounted("--bind", own_disk / "log", stalled_log))
        stalled, other = stack.enter_context(daemon.connect()), stack.enter_context(daemon.connect())
        for client, name in ((stalled, b"stalled"), (other, b"other")):
            client.send(b"OPEN %s\n" % name + event(1))
            assert client.flush() == (1, 0, 0)

        began_s = time.monotonic()
        with frozen(own_disk):
            stalled.send(event(2) + b"FLUSH\n")
            wait_until(lambda: state_of(daemon.process.pid) == "D", "the write to wait")
            # Others connect and write, as long as their sockets take it; nobody is turned away.
            other.send(event(2) + b"FLUSH\n")
            late = stack.enter_context(daemon.connect())
            late.send(b"OPEN late\n" + event(1) + b"FLUSH\n")
            for client in (stalled, other, late):
                client.socket.settimeout(STALL_S / 3)
                with pytest.raises(TimeoutError):
                    client.socket.recv(1)
                client.socket.settimeout(PATIENCE_S)
        answers = [client.line() for client in (stalled, other, late)]
        waited_s = time.monotonic() - began_s
        assert answers == [b"OK 2 0 0", b"OK 2 0 0", b"OK 1 0 0"]
        sys.stderr.write(f"disk stalled for {STALL_S} s: a client of another log waited for {waited_s:.2f} s\n")
        daemon.stop()
        assert [daemon.numbers(name) for name in ("stalled", "other", "late")] == [[1, 2], [1, 2], [1]]
