"""Whether the processes of a trace took their times from one clock."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median_low

from tracerd.replay.kinds import BOOTS, CLOCKS, UNITS, Finding
from tracerd.store.own_lines import ClockReadings

DAY_NS = 24 * 3600 * 10**9
HOUR_NS = 3600 * 10**9
SAMPLES = 63
"""Times kept of each process; their median is its time, which one wild value does not move."""


@dataclass(slots=True)
class Process:
    """A process: when it wrote first, in the log and by its clock."""

    pid: int | str
    line_no: int
    samples: list[int] = field(default_factory=list[int])
    first: tuple[int, int, int] | None = None  # line, ts and end of its first event that has a time


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock line of the daemon.

    Attributes:
        line_no: Where it stands.
        readings: Clocks by name, in nanoseconds.
        boot_id: Of the boot in which it was written.
    """

    line_no: int
    readings: dict[str, int]
    boot_id: str


def clock_at(line_no: int, readings: ClockReadings) -> Clock:
    """The clocks that a trace may have its times from, as a clock line has them."""
    named = {"CLOCK_MONOTONIC": readings.monotonic_us * 1000, "CLOCK_REALTIME": readings.realtime_us * 1000}
    if (readings.boottime_us - readings.monotonic_us) * 1000 > DAY_NS:  # else they cannot be told apart
        named["CLOCK_BOOTTIME"] = readings.boottime_us * 1000
    return Clock(line_no, named, readings.boot_id)


def boot_findings(clocks: list[Clock]) -> Iterator[Finding]:
    """Clock lines that were written after a restart of the machine."""
    for before, clock in pairwise(clocks):
        if clock.boot_id != before.boot_id and clock.boot_id and before.boot_id:
            reason = f"the machine was restarted since the clock line {before.line_no}: times before and after mix"
            yield Finding(clock.line_no, BOOTS, reason)


def unit_findings(processes: list[Process], clocks: list[Clock]) -> Iterator[Finding]:
    """Processes that count in nanoseconds: a thousandth of their time is that of a clock, and they are ahead of it.

    A trace may go on for days, so an event is only known to be ahead if it was the first one after the first clock
    line, or if an event that arrived later is not.
    """
    if not clocks:
        return
    readings = clocks[0].readings.values()
    firsts = sorted(((p.first, p) for p in processes if p.first), key=lambda pair: pair[0])
    arrived_normal = False
    for at, ((line_no, ts, end), process) in reversed(list(enumerate(firsts))):
        if any(abs(end - reading) <= DAY_NS for reading in readings):
            arrived_normal = True
        elif (at == 0 or arrived_normal) and any(
            ts > reading + DAY_NS and abs(ts // 1000 - reading) <= HOUR_NS for reading in readings
        ):
            reason = f"ts of process {process.pid} is 1000 times the machine's clock: it seems to be in nanoseconds"
            yield Finding(line_no, UNITS, reason)


def clock_findings(processes: list[Process], clocks: list[Clock]) -> Iterator[Finding]:
    """Processes whose clock is not that of the most.

    Times of one clock lie less than a day apart, or further along on it: traces may go on for days. Without a clock
    line it is unknown what is further along, and a day apart is another clock.
    """
    found = [(median_low(process.samples), process) for process in processes if process.samples]
    groups: list[list[tuple[int, Process]]] = []
    for time, process in sorted(found, key=lambda pair: pair[0]):
        if groups and time - groups[-1][-1][0] <= DAY_NS:
            groups[-1].append((time, process))
        else:
            groups.append([(time, process)])
    if len(groups) < 2:
        return
    named = [(_clock_of(group[0][0], clocks), group) for group in groups]
    sizes: dict[str, int] = {}
    for name, group in named:
        sizes[name] = sizes.get(name, 0) + len(group)
    usual = max(sizes, key=lambda name: sizes[name])
    for name, group in named:
        if name != usual:
            for time, process in group:
                place = f"{time / 1e9:.0f} s{name}"
                reason = f"process {process.pid} is at {place}; most processes are at {_place(named, usual)}"
                yield Finding(process.line_no, CLOCKS, reason)


def _place(named: list[tuple[str, list[tuple[int, Process]]]], usual: str) -> str:
    first = next(group[0][0] for name, group in named if name == usual)
    return f"{first / 1e9:.0f} s{usual}"


def _clock_of(time: int, clocks: list[Clock]) -> str:
    """Which clock a time was taken from, as a reason says it; without a clock line, and by none, the time itself."""
    fitting = [
        (time - reading, name)
        for clock in clocks
        for name, reading in clock.readings.items()
        if time >= reading - DAY_NS
    ]
    if fitting:
        return f", by {min(fitting)[1]}"
    return f", by none of the machine's clocks ({time // DAY_NS} days)" if clocks else f" ({time // DAY_NS} days)"
