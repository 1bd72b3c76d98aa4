"""`python -m bench.imports`: what it costs to import plain trace events, and how much memory a large file takes.

The first figures are the CPU time of reading, sorting and writing without a daemon, the best of several turns. The
last one is of the command, with a daemon that stores what it is sent: both share the machine's cores.
"""

import json
import random
import resource
import sys
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import click

from bench.resources import run_command
from bench.timing import best_cpu_s
from tests.harness import running_daemon, short_dir
from tracerd.importers.placing import Placement
from tracerd.importers.run import Importer, Options

SAMPLE_BYTES = 20_000_000
WORDS = (
    "parse",
    "emit",
    "lower",
    "inline",
    "unroll",
    "select",
    "combine",
    "vector",
    "memory",
    "branch",
    "module",
    "call",
)
LIMIT_MB = 100
"""What the command may take, however large the file is."""


def events(kind: str) -> Iterator[str]:
    """Spans of 160 bytes on eight threads, one a line.

    Args:
        kind: `alike`: all but their numbers; `names`: one of 20,736 names; `secret`: one in a hundred has one.
    """
    chance = random.Random(1)
    at_us = 0
    while True:
        at_us += chance.randrange(1, 50)
        name = f"step {chance.randrange(500)} of a.cpp"
        file = f"src/dir{chance.randrange(100)}/file{chance.randrange(10_000)}.cpp"
        if kind == "names":
            name = "::".join(chance.choices(WORDS, k=4))
        elif kind == "secret" and not chance.randrange(100):
            file = "curl --password hunter2"
        span = {"ph": "X", "name": name, "cat": "build", "pid": 4242, "tid": chance.randrange(1, 9), "ts": at_us}
        yield json.dumps(span | {"dur": chance.randrange(1, 100), "args": {"file": file, "bytes": at_us % 100_000}})


def make(path: Path, kind: str, size: int) -> None:
    """Make a document of about so many bytes."""
    lines = events(kind)
    with path.open("w") as file:
        file.write(f'{{"traceEvents":[\n{next(lines)}')
        while file.tell() < size:
            file.writelines(f",\n{line}" for line in islice(lines, 1000))
        file.write("\n]}\n")


def read(path: Path) -> None:
    """Import a file, and send it nowhere."""
    Importer(Options(), Placement(), lambda _: None, is_new=True).read(str(path), lambda _: None)


def command(path: Path) -> None:
    """Import a file by the command, and print what that takes."""
    size = path.stat().st_size
    with running_daemon() as daemon:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        place = ["--socket", str(daemon.socket), "--dir", str(daemon.dir), "--into", "t"]
        run = run_command([sys.executable, "-m", "tracerd", "import", *place, str(path)])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    click.echo(
        f"tracerd import of {size / 1e6:,.0f} MB: {size / 1e6 / run.seconds:.1f} MB/s, "
        f"{size / 1e6 / cpu_s:.1f} MB a second of its CPU time, {run.peak_mb:.0f} MB of memory"
    )
    if run.peak_mb > LIMIT_MB:
        raise click.ClickException(f"it took more than {LIMIT_MB} MB of memory")


@click.command()
@click.option("--megabytes", default=1000, show_default=True, help="The size of the file that the command imports.")
def main(megabytes: int) -> None:
    """Measure imports."""
    with short_dir() as home:
        path = home / "file"
        for kind in ("alike", "names", "secret"):
            make(path, kind, SAMPLE_BYTES)
            took_s = best_cpu_s(partial(read, path))
            click.echo(f"{kind}: {path.stat().st_size / 1e6 / took_s:.1f} MB a second of CPU time")
        make(path, "alike", megabytes * 1_000_000)
        command(path)


if __name__ == "__main__":
    main()
