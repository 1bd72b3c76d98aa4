"""A daemon whose logs lie on a small disk of its own."""

import contextlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import cast

import pytest

from tests.harness import Client, Daemon
from tracerd.core.own_prefixes import OWN_PREFIXES

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


def peak_mb(daemon: Daemon) -> float:
    """The most memory that the daemon has had."""
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) * 1024 / 1e6


def waiting(client: Client, trace_id: str) -> object:
    traces = cast("dict[str, dict[str, object]]", client.status()["traces"])  # as docs/protocol.md says
    return traces[trace_id]["waiting"]
