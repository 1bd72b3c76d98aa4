"""`python -m bench.catalog`: what `list` costs that asks for a session, with logs that were read before.

The directory is made in a temporary place, as is the cache. CPU time, as ratios to `tracerd --version`, in turns.
"""

import os
import sys
import tempfile
from pathlib import Path

import click

from bench.rows import command_cost
from bench.timing import best_cpu_s
from bench.trace_log import log_of
from tracerd.catalog.summary import Fold
from tracerd.store.log import read_blocks

CLOCK = b'{"ph":"M","name":"tracerd_clock","args":{"monotonic_us":%d,"boottime_us":1,"realtime_us":%d,"boot_id":""}}\n'
SESSIONS = 100


def make_logs(directory: Path, count: int) -> None:
    """Logs as small programs write them; each is of a session."""
    directory.mkdir(mode=0o700)
    for number in range(count):
        lines = [CLOCK % (number, 1_795_000_000_000_000 + number)]
        lines.append(
            b'{"ph":"M","name":"tracerd_trace","pid":1,"tid":1,"args":{"name":"job","session":"s%d","tags":["ci"]}}\n'
            % (number % SESSIONS)
        )
        lines += [
            b'{"ph":"X","name":"work","pid":%d,"tid":1,"ts":%d,"dur":5}\n' % (1 + at % 4, number + at)
            for at in range(20)
        ]
        (directory / f"log-{number}.jsonl").write_bytes(b"".join(lines))


def fold_us(log: Path) -> float:
    """What the fold of an event costs."""
    with log.open("rb") as file:
        lines = sum(1 for _ in file)

    def work() -> None:
        fold = Fold()
        with log.open("rb", buffering=0) as file:
            for block in read_blocks(file.fileno()):
                fold.feed(block)

    return best_cpu_s(work) / lines * 1e6


@click.command()
@click.option("--logs", default=10_000, show_default=True, help="How many logs there are.")
@click.option("--spans", default=300_000, show_default=True, help="How many spans the large log has.")
@click.option("--runs", default=7, show_default=True, help="How often; the best counts.")
def main(logs: int, spans: int, runs: int) -> None:
    """Measure the catalogue."""
    with tempfile.TemporaryDirectory() as place:
        os.environ["XDG_CACHE_HOME"] = f"{place}/cache"
        click.echo(f"the fold: {fold_us(log_of(Path(place), spans)):.2f} us an event")
        directory = Path(place, "logs")
        make_logs(directory, logs)
        tracerd = [sys.executable, "-m", "tracerd"]
        listed = [*tracerd, "list", "-d", str(directory)]
        asked = [*listed, "--session", "s1", "--json"]
        click.echo(f"cold: {command_cost(asked)[0]:.2f} s for {logs:,} logs")
        programs = {"--version": [*tracerd, "--version"], "list": listed, "list --session S --json": asked}
        costs: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(runs):
            for name, command in programs.items():
                costs[name].append(command_cost(command)[0])
        base = min(costs["--version"])
        for name, found in costs.items():
            click.echo(f"warm, {name}: {min(found) * 1000:.0f} ms, {min(found) / base:.1f} times --version")


if __name__ == "__main__":
    main()
