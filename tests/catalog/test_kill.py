"""A command that is killed at any call for the cache leaves one that answers as none would; and several at once."""

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import forks
from tests.catalog.answers import answer, fresh_answer
from tests.catalog.logs import log
from tests.faults.proc import state_of
from tests.harness import PATIENCE_S, wait_until

WRITING = ("openat", "pwrite64", "ftruncate", "unlink")
"""The calls that change a file, or make one; between two of them a kill leaves the same files."""

KILLED = -9

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    returncode: int
    stdout: bytes
    stderr: bytes


class CacheHome:
    """Logs and a cache.

    Args:
        home: Where they are.
        warm: Whether some logs were read before.

    Attributes:
        calls: How often the last command that was traced made which call.
    """

    def __init__(self, home: Path, *, warm: bool) -> None:
        self.home = home
        self.logs = home / "logs"
        self.cache = home / "cache" / "tracerd" / "catalog.sqlite"
        self._saved = home / "saved"
        self._warm = warm
        self.logs.mkdir()
        for number in range(3):
            (self.logs / f"t{number}.jsonl").write_bytes(log(number))
        if warm:
            answer(self.logs, self.cache)
            shutil.copytree(self.cache.parent, self._saved)
            with (self.logs / "t0.jsonl").open("ab") as file:
                file.write(log(10))
            (self.logs / "t1.jsonl").unlink()
            (self.logs / "t3.jsonl").write_bytes(log(11))
        self.expected = fresh_answer(self.logs, home)

    def reset(self) -> None:
        """The cache as it was."""
        shutil.rmtree(self.cache.parent, ignore_errors=True)
        if self._warm:
            shutil.copytree(self._saved, self.cache.parent)
        else:
            self.cache.parent.mkdir(parents=True)

    def command(self) -> list[str]:
        return ["list", "-d", str(self.logs), "--sort", "time", "--json"]

    def environ(self) -> dict[str, str]:
        return os.environ | {"XDG_CACHE_HOME": str(self.home / "cache")}

    def start(self) -> "subprocess.Popen[bytes]":
        """The command as a process of its own."""
        command = [sys.executable, "-m", "tracerd", *self.command()]
        return subprocess.Popen(command, env=self.environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def traced(self, *options: str) -> Done:
        """Run it under strace, which sees the calls for the cache only."""
        output = self.home / "stdout", self.home / "stderr"
        with output[0].open("wb") as stdout, output[1].open("wb") as stderr:
            command = forks.start(self.command(), stdout, stderr, environ=self.environ(), held=True)
        wait_until(lambda: state_of(command.pid) == "T", "the command to wait for strace")
        files = [f"{self.cache}{suffix}" for suffix in ("", "-wal", "-shm", "-journal", ".lock")]
        filters = [word for file in files for word in ("-P", file)]
        strace = ["strace", "-f", "-o", str(self.home / "calls"), *filters, *options, "-p", str(command.pid)]
        with subprocess.Popen(strace, stderr=subprocess.PIPE) as tracer:
            assert tracer.stderr is not None
            assert b"attached" in tracer.stderr.readline()
            command.send_signal(signal.SIGCONT)
            code = command.wait(PATIENCE_S)
            assert tracer.wait(PATIENCE_S) == 0
        self.calls = Counter(
            line.split(maxsplit=1)[1].partition("(")[0]
            for line in (self.home / "calls").read_text().splitlines()
            if "(" in line
        )
        return Done(code, *(path.read_bytes() for path in output))


@pytest.fixture(scope="module", params=["cold", "warm"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> CacheHome:
    return CacheHome(tmp_path_factory.mktemp("place"), warm=request.param == "warm")


def kill_at_each(place: CacheHome, calls: tuple[str, ...]) -> None:
    place.reset()
    assert place.traced().returncode == 0
    counted = place.calls
    assert counted["pwrite64"] > 5
    for call in calls or tuple(counted):
        for number in range(1, counted[call] + 1):
            place.reset()
            done = place.traced("-e", f"inject={call}:signal=KILL:when={number}")
            assert done.returncode == KILLED, (call, number, done.stderr)
            assert answer(place.logs, place.cache) == place.expected, (call, number)
            assert answer(place.logs, place.cache) == place.expected, (call, number)


@needs_strace
def test_killed_at_each_call_that_writes(place: CacheHome) -> None:
    kill_at_each(place, WRITING)


@needs_strace
@pytest.mark.long
def test_killed_at_each_call(place: CacheHome) -> None:
    kill_at_each(place, ())


@needs_strace
@pytest.mark.parametrize("place", ["cold"], indirect=True)
@pytest.mark.parametrize("call", ["openat", "pwrite64", "fdatasync", "ftruncate", "unlink", "pread64", "fcntl", "mmap"])
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_a_call_that_fails_is_no_error_of_the_command(place: CacheHome, call: str, error: str) -> None:
    place.reset()
    whole = place.traced().stdout
    assert whole
    for first in (1, 3):
        place.reset()
        done = place.traced("-e", f"inject={call}:error={error}:when={first}+")

        assert done == Done(0, whole, b"")
        assert answer(place.logs, place.cache) == place.expected


@pytest.mark.parametrize("place", ["warm"], indirect=True)
def test_several_at_once(place: CacheHome) -> None:
    whole, _ = place.start().communicate()
    for damage in (None, b"", b"garbage" * 1000):
        place.reset()
        if damage is not None:
            place.cache.write_bytes(damage)
        commands = [place.start() for _ in range(4)]

        assert [command.communicate() for command in commands] == [(whole, b"")] * 4
        assert answer(place.logs, place.cache) == place.expected
