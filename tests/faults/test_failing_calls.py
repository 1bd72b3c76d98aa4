"""System calls that fail for one trace, as on a network file system or over a quota: other traces see nothing of it."""

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.harness import Daemon, event, exported, short_dir, wait_until

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")

CALLS = {
    "close": errno.EDQUOT,
    "flock": errno.ENOLCK,
    "fstat": errno.EIO,
    "fsync": errno.EIO,
    "ftruncate": errno.EIO,
    "lstat": errno.ESTALE,
    "open": errno.EMFILE,
    "pread": errno.EIO,
    "read": errno.EIO,
    "rename": errno.EDQUOT,
    "stat": errno.EIO,
    "unlink": errno.EROFS,
    "write": errno.EDQUOT,
}
"""The calls that the daemon makes for a trace, and how each can fail."""


@dataclass
class Faulty:
    """A daemon; calls for paths that hold `victim` fail as `fail` says."""

    daemon: Daemon
    control: Path
    neighbours: list[int] = field(default_factory=list[int])

    def fail(self, call: str, first: int = 1, many: int = 1_000_000) -> None:
        """From now on the `first` of these calls fails, and those after it."""
        self.control.write_text(f"{call} {CALLS[call]} {first} {many}")

    def neighbour(self, out: Path) -> None:
        """Another trace is written, acknowledged, ended and exported; traces that ended before it have ended, too."""
        self.neighbours.append(len(self.neighbours))
        with self.daemon.connect() as client:
            client.send(b"OPEN neighbour\nEMIT_TEF_AT_EXIT %s\n" % bytes(out) + event(self.neighbours[-1]))
            assert client.flush() == (1, 0, 0)
        wait_until(out.exists, "the neighbour's export")
        assert exported(out) == self.neighbours
        out.unlink()


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    directory = tmp_path_factory.mktemp("failing")
    library, control = directory / "failing_calls.so", directory / "control"
    source = Path(__file__).with_name("failing_calls.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    environ = os.environ | {"LD_PRELOAD": str(library), "FAILING_CALLS": str(control)}
    with short_dir() as home, Daemon(home, "--fsync", "always", "--max-age", "1d", env=environ) as daemon:
        yield Faulty(daemon, control)


@pytest.mark.parametrize(("first", "many"), [(1, 1), (2, 1), (1, 1_000_000)])
@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_fails_is_the_fault_of_its_trace(
    faulty: Faulty, tmp_path: Path, call: str, first: int, many: int
) -> None:
    trace_id = f"victim-{call}-{first}-{many}"
    out = tmp_path / "victim" / "out.json"
    out.parent.mkdir()
    out.write_bytes(b"old")
    torn = faulty.daemon.dir / f"{trace_id}.jsonl"
    torn.write_bytes(event(0) + b'{"half')
    faulty.fail(call, first, many)
    with faulty.daemon.connect() as client:
        client.send(b"OPEN %s\nbad\n" % trace_id.encode() + event(1) + b"EMIT_TEF %s\n" % bytes(out) + event(2))
        stored, refused, lost = client.flush()
        assert (refused, lost) == (1, 0)
        whole = [line for line in faulty.daemon.log(trace_id).splitlines(keepends=True) if line.endswith(b"\n")]
        assert all(event(number) in whole for number in range(1, stored + 1)), "acknowledged and not in the log"
    faulty.neighbour(tmp_path / "neighbour.json")
    faulty.control.unlink()
    with faulty.daemon.connect() as client:  # the fault has passed: all is written
        client.send(b"OPEN %s\n" % trace_id.encode() + event(3))
        wait_until(lambda: client.flush() == (1, 0, 0), "what waited to be written")
    assert faulty.daemon.numbers(trace_id) == [0, 1, 2, 3]
    assert out.read_bytes() == b"old" or json.loads(out.read_bytes())
    assert faulty.daemon.process.poll() is None
    assert "Traceback" not in faulty.daemon.stderr(), faulty.daemon.stderr()


def test_a_close_that_fails_is_reported_as_data_lost(faulty: Faulty, tmp_path: Path) -> None:
    faulty.fail("close")
    faulty.daemon.session(b"OPEN victim-reported\n" + event(1))
    faulty.neighbour(tmp_path / "neighbour.json")
    faulty.control.unlink()
    reason = f"victim-reported.jsonl: data lost: it may not be on the disk: {os.strerror(errno.EDQUOT)}"
    assert reason in faulty.daemon.stderr()
