"""`python -m bench.query`: what `tracerd query` costs an event, with one metric and with seven.

CPU time and peak memory of the whole command. Times depend on the machine; with --base, the `stats` of another tracerd
takes turns with them on a smaller log, and ratios to what that takes for a span hold for other machines, too.
"""

import sys
import tempfile
from pathlib import Path

import click

from bench.rows import SEVEN, command_cost
from bench.trace_log import log_of

BASE_SPANS = 500_000


def print_costs(commands: dict[str, tuple[list[str], int]], runs: int, base: str | None, directory: Path) -> None:
    """Print the cost of commands, each by the number of what it is of, in turns with `stats` of another tracerd."""
    if base:
        small = log_of(directory, BASE_SPANS)
        commands["stats of the base, a span"] = ([base, "stats", str(small), "--json"], BASE_SPANS)
    best: dict[str, tuple[float, int]] = {}
    for _ in range(runs):
        for name, (command, _count) in commands.items():
            cost = command_cost(command)
            best[name] = min(best.get(name, cost), cost)
    micros = {name: 1e6 * best[name][0] / count for name, (_command, count) in commands.items()}
    for name, us in micros.items():
        ratio = f"; ratio {us / micros['stats of the base, a span']:.3f}" if base else ""
        click.echo(f"{name}: {us:.2f} us, {best[name][1]} MB{ratio}")


@click.command()
@click.option(
    "--spans", default=4_465_000, show_default=True, help="How many spans the log has; events are a quarter more."
)
@click.option("--runs", default=3, show_default=True, help="How often; the best counts.")
@click.option("--base", metavar="TRACERD", help="Another tracerd, whose `stats` takes turns.")
def main(spans: int, runs: int, base: str | None) -> None:
    """Measure `tracerd query`."""
    with tempfile.TemporaryDirectory() as directory:
        log = log_of(Path(directory), spans)
        with log.open("rb") as file:
            events = sum(1 for _ in file)
        tracker = Path(directory, "seven.tracker")
        tracker.write_text(SEVEN)
        query = [sys.executable, "-m", "tracerd", "query", str(log), "--json"]
        commands = {
            "one metric, an event": ([*query, "p95(dur_us) by name"], events),
            "seven metrics, an event": ([*query, "--tracker", str(tracker)], events),
        }
        print_costs(commands, runs, base, Path(directory))


if __name__ == "__main__":
    main()
