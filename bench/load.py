"""Load on a daemon, its cost, and the proof that nothing was lost, torn, duplicated or put out of order."""

import subprocess
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.daemons import Running

EVENT_BYTES = 173
PIECE_BYTES = 64 * 1024
SETTLE_S = 0.05
"""After the last event is in the log, until the processor time is read: the daemon closes the last connections."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the events that were sent."""

    lines: int
    lost: int
    duplicated: int
    reordered: int
    torn: int
    clock_lines: int

    def is_clean(self) -> bool:
        """Whether each event is in the log once, whole, and in its client's order."""
        return not (self.lost or self.duplicated or self.reordered or self.torn)


def verify(tools: Path, events: Sequence[int], logs: Iterable[Path]) -> Verdict:
    """Compare every line with what was sent: client c sent `events[c]` events."""
    output = subprocess.check_output([tools / "verify", ",".join(map(str, events)), *logs], text=True)
    return Verdict(*map(int, output.split()))


@dataclass(frozen=True, slots=True)
class Load:
    """A load that is over, and what it cost."""

    events: int
    seconds: float
    cpu_s: float
    verdict: Verdict

    @property
    def cpu_us(self) -> float:
        """The daemon's processor time per event."""
        return self.cpu_s * 1e6 / self.events

    @property
    def rate_k(self) -> float:
        """Thousands of events per second."""
        return self.events / self.seconds / 1e3


def _measure(tools: Path, daemon: Running, logs: list[Path], *arguments: object) -> Load:
    before_s = daemon.cpu_s()
    output = subprocess.check_output([tools / "load", *map(str, arguments)], text=True)
    time.sleep(SETTLE_S)
    cpu_s = daemon.cpu_s() - before_s
    seconds, sent = sent_by(output)
    return Load(sum(sent), seconds, cpu_s, verify(tools, sent, logs))


def sent_by(output: str) -> tuple[float, list[int]]:
    """What the program `load` printed: seconds, and the number of events of each client."""
    seconds, *events = output.split()
    return float(seconds), [int(count) for count in events]


def stream(
    tools: Path, daemon: Running, events: int, *, clients: int = 1, traces: int = 1, piece: int = PIECE_BYTES
) -> Load:
    """Long-lived clients write `events` in all, in pieces of so many bytes (0: one write per event)."""
    logs = [daemon.log(f"stream-{number}") for number in range(traces)]
    each = max(1, events // clients)
    return _measure(tools, daemon, logs, "stream", daemon.socket, "stream", traces, clients, each, piece)


def connections(
    tools: Path, daemon: Running, count: int, *, workers: int, wait: bool = False, events: int = 10
) -> Load:
    """Short-lived clients, one after the other in each worker: connect, one write, close.

    Args:
        tools: Where the programs are.
        daemon: Who is connected to.
        count: How many connections.
        workers: How many processes connect.
        wait: Each connection is half-closed, and the next begins when the daemon has closed it.
        events: How many each writes.
    """
    log = daemon.log("connect-0")
    return _measure(tools, daemon, [log], "connect", daemon.socket, "connect", log, count, events, workers, int(wait))


@contextmanager
def background(tools: Path, name: str, *arguments: object) -> Generator["subprocess.Popen[str]"]:
    """A program that runs beside others until its standard input is closed; killed if it still runs at the end."""
    command = [str(tools / name), *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def result_of(process: "subprocess.Popen[str]", *, stop: bool = False) -> str:
    """What a background program has printed at its end; `stop` makes it end."""
    assert process.stdin
    assert process.stdout
    if stop:
        process.stdin.close()
    output = process.stdout.read()
    assert process.wait() == 0, process.args
    return output


@dataclass(frozen=True, slots=True)
class Sample:
    """One event: when it was written (monotonic clock), and how long until it was in the file."""

    sent_s: float
    took_ms: float


def samples(output: str) -> list[Sample]:
    """What the program `latency` measured. An event that never came counts as an endless wait."""
    found = [Sample(*map(float, line.split())) for line in output.splitlines()]
    return [sample if sample.took_ms >= 0 else Sample(sample.sent_s, float("inf")) for sample in found]


def percentile(values: Iterable[Sample], percent: float) -> float:
    """The milliseconds within which so many per cent of the events arrived."""
    ordered = sorted(sample.took_ms for sample in values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
