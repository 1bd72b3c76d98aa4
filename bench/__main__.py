"""`python -m bench`: run the scenarios, print the table."""

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import click

from bench.daemons import Subject, copier, tracerd
from bench.neighbours import long_line, new
from bench.resources import export_under_load, get_tef, idle, start_up
from bench.scenarios import Bench, Figures, c1, c16, l4, latency, linear, s1, s8
from bench.table import Results
from bench.tools import build
from tests.harness import short_dir

SCENARIOS = {
    "s1": s1,
    "s8": s8,
    "l4": l4,
    "c1": c1,
    "c16": c16,
    "new": new,
    "long-line": long_line,
    "latency": latency,
    "idle": idle,
    "get-tef": get_tef,
    "export-under-load": export_under_load,
    "linear": linear,
    "start-up": start_up,
}

ZEROS_BYTES = 1024 * 1024

HELP = "\n\n".join(["The scenarios:", *(f"{name}: {function.__doc__}" for name, function in SCENARIOS.items())])


def _named(values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if any(not name or not command for name, _, command in pairs):
        raise click.BadParameter("give NAME=COMMAND")
    return {name: command for name, _, command in pairs}


def _chosen(names: str) -> list[str]:
    chosen = names.split(",") if names else list(SCENARIOS)
    if unknown := [name for name in chosen if name not in SCENARIOS]:
        raise click.BadParameter(f"no scenario {unknown[0]}; there are {', '.join(SCENARIOS)}")
    return chosen


def _use_memory(size: int) -> None:
    """Fill so many bytes where the logs will go, and free them again."""
    with short_dir() as home, Path(home, "zeros").open("wb", buffering=0) as file:
        zeros = bytes(ZEROS_BYTES)
        file.writelines(zeros for _ in range(size // ZEROS_BYTES))


def _attempt(bench: Bench, scenario: str, subject: Subject) -> Figures:
    """The figures of one run; none if it fails, which is a fault and must not cost us the others."""
    try:
        return SCENARIOS[scenario](bench, subject)
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        bench.faults.append(f"{subject.name}, {scenario}: {error!r}")
        return {}


def measure(bench: Bench, subjects: list[Subject], scenarios: list[str], runs: int, used_bytes: int) -> Results:
    """Run every scenario, the daemons in turns, and say on stderr how far it is; see `_use_memory`."""
    results = Results([subject.name for subject in subjects])
    for scenario in scenarios:
        for run in range(runs):
            first = run % len(subjects)  # who comes behind another is not always the same
            for subject in (*subjects[first:], *subjects[:first]):
                _use_memory(used_bytes)
                figures = _attempt(bench, scenario, subject)
                results.add(scenario, subject.name, figures)
                if figures:
                    shown = ", ".join(f"{value:.4g} {figure}" for figure, value in figures.items())
                    click.echo(f"{scenario} {run + 1}/{runs} {subject.name}: {shown}", err=True)
    return results


@click.command(epilog=HELP)
@click.option("--scenarios", default="", metavar="NAME,...", help="Only these; all if not given.")
@click.option("--runs", default=5, show_default=True, help="How often; the table shows medians.")
@click.option("--scale", default=1.0, show_default=True, help="1.0 for the sizes that the goals are stated for.")
@click.option("--use-memory", type=float, default=0, metavar="GB", help="Fill and free so much before each run.")
@click.option("--peer", multiple=True, metavar="NAME=COMMAND", help="Another daemon; with {sock} and {dir}.")
@click.option("--peer-get-tef", multiple=True, metavar="NAME=COMMAND", help="Its export; with {log} and {out}.")
def main(
    scenarios: str,
    runs: int,
    scale: float,
    use_memory: float,
    peer: tuple[str, ...],
    peer_get_tef: tuple[str, ...],
) -> None:
    """Measure tracerd against a copier that checks nothing, and against other daemons.

    Logs go where TMPDIR says: a memory file system such as /dev/shm leaves the disk out of it. A virtual machine may
    get its memory from the host when it is first used, and give back what is free: where that should not be measured,
    --use-memory is given as much as a run writes.
    """
    chosen, exports = _chosen(scenarios), _named(peer_get_tef)
    started_s = time.monotonic()
    with short_dir() as home:
        tools = build(Path(home))
        peers = [Subject(name, command, exports.get(name)) for name, command in _named(peer).items()]
        bench = Bench(tools, scale)
        results = measure(bench, [tracerd(), *peers, copier(tools)], chosen, runs, int(use_memory * 1e9))
    click.echo(results.table())
    minutes = (time.monotonic() - started_s) / 60
    click.echo(
        f"\n{runs} runs at scale {scale:g} in {minutes:.1f} min; {os.cpu_count()} cores, Linux {platform.release()}, "
        f"Python {platform.python_version()}; load average {os.getloadavg()[0]:.1f}"
    )
    for fault in bench.faults:
        click.echo(f"FAULT: {fault}", err=True)
    sys.exit(bool(bench.faults))


if __name__ == "__main__":
    main(prog_name="python -m bench")
