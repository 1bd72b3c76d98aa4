"""Load from processes of their own, and the comparison of a log with what they wrote and what was acknowledged."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import writer
from tests.harness import CLOCK_PREFIX, PATIENCE_S


@dataclass
class Seen:
    """What writers saw, all of them together."""

    connects: int = 0
    failed_connects: Counter[str] = field(default_factory=Counter[str])
    cut_off: Counter[str] = field(default_factory=Counter[str])
    sent: int = 0
    stored: int = 0
    acknowledged: int = 0
    missing: int = 0
    """Events that were acknowledged and are not in the log."""
    doubled: int = 0
    not_sent: int = 0
    """Lines of the log that nobody wrote so: torn, or mixed."""
    slowest_s: float = 0.0


class Load:
    """Writers into one trace.

    Args:
        path: The daemon's socket.
        trace_id: Their trace.
        count: How many processes.
    """

    def __init__(self, path: Path, trace_id: str, count: int) -> None:
        self._trace_id = trace_id
        self._writers = [
            subprocess.Popen(
                [sys.executable, "-I", "-S", writer.__file__, str(path), trace_id, str(number)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for number in range(count)
        ]
        self._reports: list[writer.Report] = []

    def end(self) -> None:
        """Let the writers write their last event to a daemon that is there, and report."""
        for process in self._writers:
            assert process.stdin is not None
            process.stdin.close()
            process.stdin = None
        for process in self._writers:
            said, _ = process.communicate(timeout=PATIENCE_S)
            report = writer.Report(**json.loads(said))
            report.acknowledged = {int(first): last for first, last in report.acknowledged.items()}
            self._reports.append(report)

    def kill(self) -> None:
        """End the writers that still run."""
        for process in self._writers:
            process.kill()
            process.communicate()

    def compare(self, log: bytes) -> Seen:
        """What they saw, against the log."""
        assert log.endswith(b"\n")
        found: Counter[tuple[int, int]] = Counter()
        seen = Seen()
        for line in log.splitlines(keepends=True):
            if line.startswith(CLOCK_PREFIX):
                continue
            event: dict[str, int] = json.loads(line)
            if line == writer.line(event["ts"], event["tid"]) and event["ts"] <= self._reports[event["tid"]].sent:
                found[event["tid"], event["ts"]] += 1
            else:
                seen.not_sent += 1
        seen.stored = len(found)
        seen.doubled = sum(times - 1 for times in found.values())
        for number, report in enumerate(self._reports):
            seen.connects += report.connects
            seen.failed_connects += Counter(report.failed_connects)
            seen.cut_off += Counter(report.cut_off)
            seen.sent += report.sent
            seen.slowest_s = max(seen.slowest_s, report.slowest_s)
            acknowledged = _numbers(report.acknowledged.items())
            seen.acknowledged += len(acknowledged)
            seen.missing += len(acknowledged - {ts for tid, ts in found if tid == number})
            assert report.not_stored == 0
        return seen


def _numbers(ranges: Iterable[tuple[int, int]]) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


@contextmanager
def load(path: Path, trace_id: str, count: int) -> Generator[Load]:
    """Writers that are gone at the end."""
    with ExitStack() as stack:
        running = Load(path, trace_id, count)
        stack.callback(running.kill)
        yield running
