"""`python -m bench.rows`: what it costs to read a trace: the search for long numbers, and commands that read it all.

CPU time, of the whole command. With --base, another tracerd runs in turns with this one; ratios hold for other
machines, times do not. If duckdb is installed, it reads the same file beside them.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from bench.timing import best_cpu_s
from bench.trace_log import log_of
from tracerd.replay.events import LONG_NUMBER, has_many_digits

BLOCK_BYTES = 64 * 1024

COMMANDS = (("stats", "LOG", "--json"), ("show", "LOG", "--depth", "1"), ("diff", "LOG", "LOG"), ("check", "LOG"))
"""Those that 0.1.0 has, too."""

SEVEN = """tracker "seven" v1 {
  derive { ms = dur_us / 1000
    rss_mb = args.rss / 1000000 }
  metrics { spans = count() by name
    total = sum(dur_us) by name
    p95 = p95(dur_us) by name
    longest = max(ms) by name, pid
    mean = avg(ms) by cat
    rss = max(rss_mb) by pid
    slow = count() by name where dur_us > 200
  }
}
"""

QUERIES = (
    ("query, one metric", ("query", "LOG", "p95(dur_us) by name")),
    ("query, seven metrics", ("query", "LOG", "--tracker", "TRACKER", "--json")),
    ("query, one metric of spans", ("query", "LOG", "--tracker", "SPANS", "--json")),
    ("stats by a value in args", ("stats", "LOG", "--by", "args.target", "--top", "1")),
    ("search for a text that is not there", ("search", "nothing like this", "LOG", "--all-events")),
    ("get-tef of some spans", ("get-tef", "LOG", "--where", "dur_us > 380", "-o", "/dev/null")),
)

SPANS = 'tracker "spans" v1 {\n from spans\n metrics { p95 = p95(dur_us) by name }\n}\n'

DUCKDB = """
import duckdb, sys
duckdb.sql("set threads to 1")
duckdb.sql("select name, count(dur), sum(dur), quantile_cont(dur, 0.95) from read_json(?, format = 'newline_delimited',"
    " columns = {name: 'VARCHAR', dur: 'DOUBLE', ph: 'VARCHAR'}) where ph != 'M' group by name",
    params=[sys.argv[1]]).fetchall()
"""

SINGLE_READ = """
import sys
from tracerd.rows.table_events import TableEvents
from tracerd.store.log import read_blocks
total = 0
with open(sys.argv[1], "rb", buffering=0) as file:
    for events in TableEvents({"name", "ts", "dur"}, None).read(read_blocks(file.fileno())):
        total += len(events)
"""
"""A single pass over three columns, and nothing else."""


def digits(log: Path) -> None:
    """The search for numbers that Perfetto garbles, in a block that has none."""
    with log.open("rb") as file:
        block = file.read(BLOCK_BYTES)
    ours, searched = (
        1e6 * best_cpu_s(work) for work in (lambda: has_many_digits(block), lambda: LONG_NUMBER.search(block))
    )
    click.echo(f"long numbers in 64 KiB: {ours:.0f} us; by the regular expression alone {searched:.0f} us")


def command_cost(command: list[str]) -> tuple[float, int]:
    """The CPU seconds and the peak memory in MB of a command."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):  # 1: check has found something
        raise click.ClickException(f"{command} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


@click.command()
@click.option("--spans", default=500_000, show_default=True, help="How many spans the log has.")
@click.option("--runs", default=3, show_default=True, help="How often; the best counts.")
@click.option("--base", metavar="TRACERD", help="Another tracerd, which takes turns.")
def main(spans: int, runs: int, base: str | None) -> None:
    """Measure the commands that read a whole trace."""
    subjects = {"this": [sys.executable, "-m", "tracerd"]} | ({"base": [base]} if base else {})
    with tempfile.TemporaryDirectory() as directory:
        log = log_of(Path(directory), spans)
        digits(log)
        for name, *rest in COMMANDS:
            arguments = [str(log) if argument == "LOG" else argument for argument in rest]
            costs: dict[str, list[tuple[float, int]]] = {subject: [] for subject in subjects}
            for _ in range(runs):
                for subject, program in subjects.items():
                    costs[subject].append(command_cost([*program, name, *arguments]))
            best = {subject: min(found) for subject, found in costs.items()}
            shown = ", ".join(f"{subject} {cpu / spans * 1e6:.2f} us, {mb} MB" for subject, (cpu, mb) in best.items())
            ratio = f"; ratio {best['this'][0] / best['base'][0]:.2f}" if base else ""
            click.echo(f"{name}, a span: {shown}{ratio}")
        with log.open("rb") as file:
            lines = sum(1 for _ in file)
        places = {"LOG": log, "TRACKER": Path(directory, "seven.tracker"), "SPANS": Path(directory, "spans.tracker")}
        places["TRACKER"].write_text(SEVEN)
        places["SPANS"].write_text(SPANS)
        programs = {
            name: [*subjects["this"], *(str(places.get(argument, argument)) for argument in arguments)]
            for name, arguments in QUERIES
        }
        programs["a pass over three columns"] = [sys.executable, "-c", SINGLE_READ, str(log)]
        if importlib.util.find_spec("duckdb"):
            programs["duckdb, count, sum and p95 by name"] = [sys.executable, "-c", DUCKDB, str(log)]
        for name, program in programs.items():
            cpu, mb = min(command_cost(program) for _ in range(runs))
            click.echo(f"{name}, an event: {cpu / lines * 1e6:.2f} us, {mb} MB")


if __name__ == "__main__":
    main()
