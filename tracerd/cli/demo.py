"""`tracerd demo`: a first trace, of a real job."""

import time

import click

from tracerd.cli.completion import complete_file
from tracerd.text import plural, printable


@click.command()
@click.option(
    "-o",
    "--output",
    default="trace.json",
    show_default=True,
    metavar="FILE",
    shell_complete=complete_file,
    help="Where to write the trace; a name ending in .gz compresses.",
)
def demo(output: str) -> None:
    """Record a job of some short-lived processes and write its trace.

    The job compresses a part of Python's standard library, with as many processes at a time as there are processors.
    A private daemon records it; your own daemon, if one is running, is not used.
    """
    from tracerd.demo.run import record

    start_s = time.monotonic()
    summary = record(output)
    took_s = time.monotonic() - start_s
    shown = printable(output)
    counted = f"{plural(summary.processes, 'process')}, {plural(summary.events, 'event')}"
    click.echo(f"{shown}: {counted}, recorded in {took_s:.1f} s")
    click.echo("The slowest steps:")
    for step in summary.slowest:
        click.echo(f"  {step.dur_us / 1000:7.1f} ms  {step.name}, by {step.process}")
    how = f"run `tracerd open {shown}`, or " if output.endswith((".json", ".json.gz")) else ""
    click.echo(f"To see it, {how}drop it on the page https://ui.perfetto.dev; it does not leave your machine.")
    click.echo("There, W and S zoom, A and D move; select a span of `build` to see which process it started.")
