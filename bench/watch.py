"""`python -m bench.watch`: what it costs to replay a day of a service's events for the usual rules of `tracerd watch`.

CPU time and peak memory of the whole command. Times depend on the machine; with --base, the `stats` of another tracerd
takes turns on a smaller log, and the ratio to what that takes for a span holds for other machines, too.
"""

import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from bench.query import print_costs

DAY_US = 86_400_000_000
START_US = 1_795_000_000_000_000
WORKERS = 8

_CLOCK = b'{"ph":"M","name":"tracerd_clock","args":{"monotonic_us":0,"boottime_us":0,"realtime_us":%d,"boot_id":""}}\n'
_M = b'{"ph":"M","name":"process_name","pid":%d,"args":{"name":"worker %d"}}\n'
_X = b'{"ph":"X","name":"GET /items/%d","cat":"http","pid":%d,"tid":%d,"ts":%d.%03d,"dur":%d.5,"args":{"status":200}}\n'
_B = b'{"ph":"B","name":"job","cat":"queue","pid":%d,"tid":%d,"ts":%d}\n'
_E = b'{"ph":"E","pid":%d,"tid":%d,"ts":%d}\n'
_LOG = (
    b'{"ph":"i","s":"t","cat":"log","name":"log","pid":%d,"tid":%d,"ts":%d,'
    b'"args":{"level":"%s","message":"request %d took its time"}}\n'
)


def lines(events: int) -> Iterator[bytes]:
    """The events of a day: requests, of which two thirds are spans, a tenth jobs, and the rest log events."""
    rng = random.Random(1)
    yield _CLOCK % START_US
    for number in range(WORKERS):
        yield _M % (100 + number, number)
    for at in range(0, events, 10):
        ts = at * DAY_US // events
        pid = 100 + rng.randrange(WORKERS)
        for step in range(7):
            dur = rng.randrange(1, 400_000)
            yield _X % (rng.randrange(20), pid, pid, ts + step, rng.randrange(1000), dur)
        yield _B % (pid, pid + 1, ts + 8)
        yield _E % (pid, pid + 1, ts + 9)
        level = b"error" if rng.random() < 0.01 else b"info"
        yield _LOG % (pid, pid, ts + 10, level, at)


@click.command()
@click.option("--events", default=1_000_000, show_default=True, help="How many events the day has.")
@click.option("--runs", default=3, show_default=True, help="How often; the best counts.")
@click.option("--base", metavar="TRACERD", help="Another tracerd, whose `stats` takes turns.")
def main(events: int, runs: int, base: str | None) -> None:
    """Measure the replay of `tracerd watch`."""
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory, "day.jsonl")
        with log.open("wb") as file:
            file.writelines(lines(events))
        watch = [sys.executable, "-m", "tracerd", "watch", str(log), "--once", "--json", "-d", directory]
        commands = {"a day, an event": (watch, events)}
        print_costs(commands, runs, base, Path(directory))


if __name__ == "__main__":
    main()
