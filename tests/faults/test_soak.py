"""Mixed load for a while: memory, open files and threads stay flat, and the counters tell exactly what clients sent."""

import os
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.proc import open_files, resident_mb
from tests.harness import Client, Daemon, events, exported, short_dir, wait_until
from tracerd.core.counts import Totals

SOAK_S = float(os.environ.get("TRACERD_SOAK_S", "5"))
"""How long the bounded run takes, in seconds."""

THREADS = 3
MAX_TOTAL_MB = 20
GROWTH_MB = 4.0
"""Noise of the allocator that is no growth."""


@dataclass
class Sample:
    """The daemon at a moment."""

    resident_mb: float
    open_files: int
    threads: int


@dataclass
class Mixer:
    """A thread that does round after round of all that clients do, and counts what it sent."""

    daemon: Daemon
    number: int
    out: Path
    sent: Totals = field(default_factory=Totals)
    rounds: int = 0
    failure: Exception | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        try:
            with ExitStack() as stack:
                deaf = stack.enter_context(self.daemon.connect())
                while not self.over.is_set():
                    if self.rounds % 50 == 49:
                        deaf.close()
                        deaf = stack.enter_context(self.daemon.connect())
                    deaf.send(b"STATUS\n")
                    self._round(b"soak-%d-%d" % (self.number, self.rounds // 5))
                    self.rounds += 1
        except Exception as error:
            self.failure = error

    def _round(self, trace_id: bytes) -> None:
        # One that writes and goes; one of its lines is bad, one is repaired, the last is torn.
        with self.daemon.connect() as client:
            client.send(b"OPEN %s\n" % trace_id + events(range(20)) + b'bad\n{"ph":"C","args":{"v":nan}}\n{"ph":')
        self.sent.add(Totals(stored=21, repaired=1, refused=2))
        # One that has opened no trace.
        with self.daemon.connect() as client:
            client.send(events(range(3)))
        self.sent.add(Totals(refused=3))
        # One that sends a byte at a time.
        with self.daemon.connect() as client:
            for byte in b"OPEN %s\n" % trace_id + events([1]):
                client.send(bytes([byte]))
        self.sent.add(Totals(stored=1))
        # One that wants to know, and an export.
        with self.daemon.connect() as client:
            client.send(b"OPEN %s\n" % trace_id + events(range(300)))
            assert client.flush() == (300, 0, 0)
            if self.rounds % 5 == 4:
                client.send(b"EMIT_TEF %s\nEMIT_TEF_AT_EXIT %s.exit\n" % (bytes(self.out), bytes(self.out)))
                assert client.flush() == (300, 0, 0)
                # Of five rounds, without the counter of each, which has no value left.
                assert sorted(exported(self.out)) == sorted([*range(20), 1, *range(300)] * 5)
        self.sent.add(Totals(stored=300))


def sample(daemon: Daemon) -> Sample:
    pid = daemon.process.pid
    return Sample(resident_mb(pid), open_files(pid), len(list(Path(f"/proc/{pid}/task").iterdir())))


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(SOAK_S, id="bounded", marks=pytest.mark.timeout(2 * SOAK_S + 120)),
        pytest.param(1800.0, id="30 minutes", marks=[pytest.mark.long, pytest.mark.timeout(2400)]),
    ],
)
def test_nothing_grows_and_the_counters_add_up(seconds: float, tmp_path: Path) -> None:
    # Old traces go, so that the disk stays flat too.
    with short_dir() as home, Daemon(home, "--max-total-size", f"{MAX_TOTAL_MB}MB") as daemon:
        mixers = [Mixer(daemon, number, tmp_path / f"{number}.json") for number in range(THREADS)]
        threads = [threading.Thread(target=mixer.run) for mixer in mixers]
        for thread in threads:
            thread.start()
        samples: list[Sample] = []
        until_s = time.monotonic() + seconds
        try:
            while time.monotonic() < until_s and not any(mixer.failure for mixer in mixers):
                time.sleep(seconds / 30)  # between two samples; nothing is awaited
                samples.append(sample(daemon))
        finally:
            for mixer in mixers:
                mixer.over.set()
            for thread in threads:
                thread.join()
        for mixer in mixers:
            if mixer.failure:
                raise mixer.failure

        sent = Totals()
        for mixer in mixers:
            sent.add(mixer.sent)
        wait_until(lambda: only_client(daemon), "the last clients to be read to their end")
        with Client(daemon.socket) as client:
            assert client.status()["totals"] == {
                "stored": sent.stored,
                "repaired": sent.repaired,
                "refused": sent.refused,
                "lost": 0,
            }
        daemon.stop()
        size_mb = sum(path.stat().st_size for path in daemon.dir.iterdir()) / 1e6

    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[2 * third :]
    sys.stderr.write(f"{seconds:.0f} s, {sum(mixer.rounds for mixer in mixers)} rounds, {sent.stored} events: ")
    sys.stderr.write(f"{samples[0]}, {middle[-1]}, {last[-1]}, logs {size_mb:.0f} MB\n")
    assert max(each.resident_mb for each in last) <= max(each.resident_mb for each in middle) + GROWTH_MB
    assert max(each.open_files for each in last) <= 2 * max(each.open_files for each in middle)
    assert size_mb <= 2 * MAX_TOTAL_MB, "old traces were not removed"
    assert max(each.threads for each in last) <= max(each.threads for each in middle) + 1


def only_client(daemon: Daemon) -> bool:
    with daemon.connect() as client:
        return client.status()["clients"] == 1
