"""Writers at work: throughput, connections, latency, and whether the cost is linear.

A scenario measures one daemon once and returns its figures by name; `python -m bench` repeats it, daemon by
daemon in turns, and takes medians. An empty result: this daemon cannot do it, or nobody asks.
"""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.daemons import Running, Subject, running
from bench.load import (
    Load,
    background,
    connections,
    percentile,
    result_of,
    samples,
    sent_by,
    stream,
    verify,
)

Figures = dict[str, float]

LATENCY_INTERVAL_US = 4_000
MIN_LATENCY_EVENTS = 50


@dataclass(slots=True)
class Bench:
    """What all scenarios share.

    Args:
        tools: The compiled programs.
        scale: 1.0 for the sizes that the goals are stated for.
    """

    tools: Path
    scale: float = 1.0
    faults: list[str] = field(default_factory=list[str])
    """Events lost, daemons that died: there should be none."""

    def scaled(self, number: int, *, least: int = 1) -> int:
        """A size, smaller or larger as the run is."""
        return max(least, round(number * self.scale))

    @contextmanager
    def daemon(self, subject: Subject) -> Generator[Running]:
        """A fresh daemon; a bad end is a fault."""
        found: list[str] = []
        with running(subject, found) as daemon:
            yield daemon
        self.faults.extend(f"{subject.name} {fault}" for fault in found)

    def checked(self, subject: Subject, what: str, load: Load) -> Load:
        """The load itself; if it did not all arrive as it was sent, that is a fault."""
        if not load.verdict.is_clean():
            self.faults.append(f"{subject.name}, {what}: {load.verdict}")
        return load


Scenario = Callable[[Bench, Subject], Figures]


def _throughput(load: Load) -> Figures:
    return {"k events/s": load.rate_k, "CPU s per M events": load.cpu_us}


def s1(bench: Bench, subject: Subject) -> Figures:
    """One client, 2 M events in writes of 64 KiB."""
    with bench.daemon(subject) as daemon:
        return _throughput(bench.checked(subject, "s1", stream(bench.tools, daemon, bench.scaled(2_000_000))))


def s8(bench: Bench, subject: Subject) -> Figures:
    """8 clients, 2 M events in all, in writes of 64 KiB."""
    with bench.daemon(subject) as daemon:
        load = stream(bench.tools, daemon, bench.scaled(2_000_000), clients=8)
        return _throughput(bench.checked(subject, "s8", load))


def l4(bench: Bench, subject: Subject) -> Figures:
    """4 clients, 400 k events in all, one write per event."""
    with bench.daemon(subject) as daemon:
        load = stream(bench.tools, daemon, bench.scaled(400_000), clients=4, piece=0)
        return _throughput(bench.checked(subject, "l4", load))


def _connection_figures(load: Load, count: int) -> Figures:
    return {"connections/s": count / load.seconds, "CPU us per connection": load.cpu_s * 1e6 / count}


def c1(bench: Bench, subject: Subject) -> Figures:
    """5,000 connections of 10 events, one at a time: the next begins when the daemon has closed the last."""
    count = bench.scaled(5_000)
    with bench.daemon(subject) as daemon:
        load = connections(bench.tools, daemon, count, workers=1, wait=True)
        return _connection_figures(bench.checked(subject, "c1", load), count)


def c16(bench: Bench, subject: Subject) -> Figures:
    """5,000 connections of 10 events from 16 processes: connect, one write, close."""
    count = bench.scaled(5_000)
    with bench.daemon(subject) as daemon:
        load = connections(bench.tools, daemon, count, workers=16)
        return _connection_figures(bench.checked(subject, "c16", load), count)


def latency(bench: Bench, subject: Subject) -> Figures:
    """An event every 4 ms, from its write to its whole line in the file: alone, and with 8 clients streaming."""
    figures: Figures = {}
    events = bench.scaled(1_000, least=MIN_LATENCY_EVENTS)
    for name, clients in (("idle", 0), ("8 streaming", 8)):
        with bench.daemon(subject) as daemon:
            with streaming(bench, daemon, clients, "latency"):
                log = daemon.log("latency-0")
                arguments = (daemon.socket, "latency", log, events, LATENCY_INTERVAL_US)
                with background(bench.tools, "latency", *arguments) as watcher:
                    found = samples(result_of(watcher))
            figures[f"{name}: p50 ms"] = percentile(found, 50)
            figures[f"{name}: p99 ms"] = percentile(found, 99)
    return figures


@contextmanager
def streaming(bench: Bench, daemon: Running, clients: int, what: str) -> Generator[None]:
    """So many clients stream to the trace `endless-0` as fast as they can; at the end all must have arrived."""
    if not clients:
        yield
        return
    with background(bench.tools, "load", "endless", daemon.socket, "endless", clients) as writers:
        time.sleep(0.3)  # not for a result: until the stream is in full flow
        yield
        _, sent = sent_by(result_of(writers, stop=True))
    verdict = verify(bench.tools, sent, [daemon.log("endless-0")])
    if not verdict.is_clean():
        bench.faults.append(f"{daemon.subject.name}, {what}: {verdict}")


def linear(bench: Bench, subject: Subject) -> Figures:
    """Our daemon's cost per event for 1, 2, 4 M events, 1, 8, 64 clients, and 10 or 1,000 traces open."""
    if not subject.ours:
        return {}
    million = bench.scaled(1_000_000)
    figures: Figures = {}
    for name, events, clients, traces in (
        ("1 M events", million, 1, 1),
        ("2 M events", 2 * million, 1, 1),
        ("4 M events", 4 * million, 1, 1),
        ("1 client", million, 1, 1),
        ("8 clients", million, 8, 1),
        ("64 clients", million, 64, 1),
        # Enough for each that opening and ending a trace, about 0.3 ms, is not most of what is measured.
        ("1,000 clients in 10 traces", 4 * million, 1000, 10),
        ("1,000 clients in 1,000 traces", 4 * million, 1000, 1000),
    ):
        with bench.daemon(subject) as daemon:
            load = stream(bench.tools, daemon, events, clients=clients, traces=traces)
        bench.checked(subject, f"linear, {name}", load)
        figures[f"{name}: us per event"] = 1e3 / load.rate_k
        figures[f"{name}: CPU us per event"] = load.cpu_us
    return figures
