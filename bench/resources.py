"""What the daemon costs while nothing happens, what exports cost, and how long the commands take to start."""

import os
import select
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from bench.daemons import Running, Subject, arguments, peak_mb, raise_file_limit
from bench.load import EVENT_BYTES, background, percentile, result_of, samples
from bench.scenarios import LATENCY_INTERVAL_US, Bench, Figures, streaming
from tests.harness import short_dir, wait_until

IDLE_S = 4.0
IDLE_CONNECTIONS = (1_000, 10_000)
SPARE_FILES = 200
STARTS = 5
EXPORT_PATIENCE_S = 300


def _has_files(daemon: Running, number: int) -> bool:
    return daemon.open_files() >= number


def idle(bench: Bench, subject: Subject) -> Figures:
    """Memory with 0, 1,000 and 10,000 connections that say nothing after OPEN, and wake-ups with 1,000."""
    limit = raise_file_limit() - SPARE_FILES
    figures: Figures = {}
    with bench.daemon(subject) as daemon, ExitStack() as stack:
        figures["MB, no connections"] = daemon.memory_mb()
        clients: list[socket.socket] = []
        for number in IDLE_CONNECTIONS:
            if number > limit:
                continue
            while len(clients) < number:
                clients.append(client := stack.enter_context(socket.socket(socket.AF_UNIX)))
                client.connect(os.fsencode(daemon.socket))
                client.send(b"OPEN idle\n")
            wait_until(partial(_has_files, daemon, number), "all to be accepted")
            time.sleep(0.3)  # until the last ones have been read too
            figures[f"MB, {number:,} connections"] = daemon.memory_mb()
            if number == IDLE_CONNECTIONS[0]:
                before = daemon.wake_ups()
                time.sleep(IDLE_S)
                figures["wake-ups per s"] = (daemon.wake_ups() - before) / IDLE_S
    return figures


# ------------------------------------------------------------------ exports


def _make_log(bench: Bench, path: Path, size: int) -> int:
    """Make a log of about so many bytes; returns its size."""
    with path.open("wb") as log:
        subprocess.run([bench.tools / "render", str(size // EVENT_BYTES)], stdout=log, check=True)
    return path.stat().st_size


@dataclass(frozen=True, slots=True)
class CommandRun:
    """What a command took."""

    seconds: float
    peak_mb: float


def run_command(command: list[str]) -> CommandRun:
    """Run a command; its peak of memory is looked at every few milliseconds, as fork would lend it ours."""
    start_s, peak = time.perf_counter(), 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        ended = select.poll()
        ended.register(pidfd := os.pidfd_open(process.pid), select.POLLIN)
        while not ended.poll(5):
            peak = max(peak, peak_mb(process.pid))
        seconds = time.perf_counter() - start_s
        os.close(pidfd)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return CommandRun(seconds, peak)


def get_tef(bench: Bench, subject: Subject) -> Figures:
    """The command that makes a TEF file of a log of 310 MB, to a file and to /dev/null; `cat` for the limit."""
    template = subject.get_tef or ("sh -c 'exec cat {log} >{out}'" if subject.name == "copier" else None)
    if not template:
        return {}
    figures: Figures = {}
    with short_dir() as home:
        log = home / "big.jsonl"
        size = _make_log(bench, log, bench.scaled(310_000_000))
        for name, out in (("to a file", home / "out.json"), ("to /dev/null", Path("/dev/null"))):
            run = run_command(arguments(template, log=log, out=out))
            figures[f"{name}: MB/s"] = size / 1e6 / run.seconds
            figures[f"{name}: peak MB"] = run.peak_mb
        if subject.get_tef and (home / "out.json").stat().st_size < size:
            bench.faults.append(f"{subject.name}, get-tef: the file is too short")
    return figures


def _export_ended(target: Path, size: int) -> bool:
    """Whether a TEF file is complete, whoever writes it: no event of ours ends in a bracket."""
    if not target.exists() or target.stat().st_size < size:
        return False
    with target.open("rb") as file:
        file.seek(-2, os.SEEK_END)
        return file.read().strip()[-1:] in (b"]", b"}")


def export_under_load(bench: Bench, subject: Subject) -> Figures:
    """8 clients stream and one writes an event every 4 ms, before and during the export of another trace of 1 GB."""
    if not subject.get_tef:
        return {}
    before_s = max(0.5, 3 * bench.scale)
    events = round(EXPORT_PATIENCE_S * 1e6 / LATENCY_INTERVAL_US)
    with bench.daemon(subject) as daemon, short_dir() as home:
        size = _make_log(bench, daemon.log("big"), bench.scaled(1_000_000_000))
        with streaming(bench, daemon, 8, "export"):
            log = daemon.log("latency-0")
            arguments = (daemon.socket, "latency", log, events, LATENCY_INTERVAL_US)
            with background(bench.tools, "latency", *arguments) as watcher:
                alone = _Window(daemon)
                time.sleep(before_s)
                alone.end()
                during = _Window(daemon)
                _export(daemon, home / "out.json", size)
                during.end()
                found = samples(result_of(watcher, stop=True))
            peak = daemon.memory_mb("VmHWM")
    apart = [sample for sample in found if alone.contains(sample.sent_s)]
    together = [sample for sample in found if during.contains(sample.sent_s)]
    return {
        "k events/s before": alone.rate_k,
        "k events/s during": during.rate_k,
        "rate kept": during.rate_k / alone.rate_k,
        "p99 ms before": percentile(apart, 99),
        "p99 ms during": percentile(together, 99),
        "export MB/s": size / 1e6 / during.seconds,
        "daemon's peak MB": peak,
    }


def _export(daemon: Running, target: Path, size: int) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(os.fsencode(daemon.socket))
        client.sendall(b"OPEN big\nEMIT_TEF %s\n" % os.fsencode(target))
        until = time.monotonic() + EXPORT_PATIENCE_S
        while not _export_ended(target, size):
            assert time.monotonic() < until, "the export does not end"
            time.sleep(0.005)


class _Window:
    """A span of time, and how fast the log `endless-0` grew in it."""

    def __init__(self, daemon: Running) -> None:
        self._log = daemon.log("endless-0")
        self._size = self._log.stat().st_size
        self._start_s = time.monotonic()
        self.seconds = 0.0
        self.rate_k = 0.0

    def end(self) -> None:
        self.seconds = time.monotonic() - self._start_s
        self.rate_k = (self._log.stat().st_size - self._size) / EVENT_BYTES / self.seconds / 1e3

    def contains(self, moment_s: float) -> bool:
        return self._start_s <= moment_s <= self._start_s + self.seconds


# ------------------------------------------------------------------ start-up


def start_up(_bench: Bench, subject: Subject) -> Figures:
    """`tracerd list` and `--help`, against an interpreter that imports click and ends."""
    if not subject.ours:
        return {}
    script = shutil.which("tracerd", path=str(Path(sys.executable).parent))
    tracerd = [script] if script else [sys.executable, "-m", "tracerd"]
    with short_dir() as home:
        commands = {
            "import click": [sys.executable, "-c", "import click"],
            "list": [*tracerd, "list", "-d", str(home)],
            "--help": [*tracerd, "--help"],
        }
        took_ms: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(STARTS):
            for name, command in commands.items():
                took_ms[name].append(run_command(command).seconds * 1e3)
    figures = {f"{name}: ms": median(values) for name, values in took_ms.items()}
    for name in ("list", "--help"):
        figures[f"{name} / import click"] = figures[f"{name}: ms"] / figures["import click: ms"]
    return figures
