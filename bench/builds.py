"""`python -m bench.builds`: what it costs to lay out a build, and how well its steps' processor time adds up.

The first figure is of a trace as `exec --all` records it; the second of a real build whose steps burn processor time,
recorded with shims.
"""

import json
import os
import random
import shutil
import stat
import subprocess
import sys
import tempfile
from collections import deque
from pathlib import Path

import click

from bench.timing import best_cpu_s
from tracerd.builds.lanes import Slot, place
from tracerd.builds.layout import laid_out
from tracerd.cli.reading import no_gc
from tracerd.exec import event

STEPS = 6

_BURN = """#!{python} -IS
import sys, time
while time.process_time() < float(sys.argv[1]):
    sum(range(1000))
"""

_MAKEFILE = """all: {targets}
%.step: ; burn $(SECONDS) $@
"""


def trace_of(processes: int) -> bytes:
    """Compiles with their parts under make, four at once."""
    chance = random.Random(1)
    lines: list[str] = []
    free = [0] * 4
    root, pid = 100, 101
    for number in range(max(processes // 3, 1)):
        lane = min(range(4), key=free.__getitem__)
        start, length = free[lane], chance.randrange(10_000, 2_000_000)
        free[lane] = start + length
        cc, name = pid, f"file{number}"
        commands = (
            (["cc", "-c", "-O2", "-o", f"{name}.o", f"{name}.c"], start, length, root),
            (["cc1", f"{name}.c", "-o", "/tmp/ccXXXXXX.s"], start + 1, length // 2, cc),
            (["as", "-o", f"{name}.o", "/tmp/ccXXXXXX.s"], start + length // 2 + 1, length // 3, cc),
        )
        for argv, begin, dur, parent in commands:
            lines.append(event.process_name(pid, argv[0]))
            lines.append(event.span(pid, argv[0], begin, begin + dur, {"argv": argv, "exit_code": 0}))
            lines.append(event.arrow(parent, pid, begin, f"0x{pid:x}"))
            pid += 1
    lines.append(event.span(root, "make", 0, max(free) + 1, {"argv": ["make", "-j4"], "exit_code": 0}))
    return "".join(lines).encode()


def layout(processes: int) -> None:
    """How long it takes to lay out a trace, and the part of that in which spans get their lanes."""
    block = trace_of(processes)
    spans = sorted(
        (span["ts"] * 1000, -span["dur"] * 1000) for span in map(json.loads, block.splitlines()) if span["ph"] == "X"
    )
    slots = [Slot(start, start - length, -1) for start, length in spans]
    with no_gc():
        whole, lanes = best_cpu_s(lambda: deque(laid_out([block], "lanes"), maxlen=0)), best_cpu_s(lambda: place(slots))
    click.echo(
        f"{processes:,} processes, {len(block) / 1e6:.1f} MB: laid out in {whole:.3f} s, lanes {lanes:.3f} s of it"
    )


def shims(step_s: float) -> None:
    """What part of the root's processor time is that of the steps, if each has its own."""
    make = shutil.which("make")
    if make is None:
        raise click.ClickException("make is not installed")
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        burn = home / "bin/burn"
        burn.parent.mkdir()
        burn.write_text(_BURN.format(python=sys.executable))
        burn.chmod(burn.stat().st_mode | stat.S_IXUSR)
        (home / "Makefile").write_text(_MAKEFILE.format(targets=" ".join(f"{at}.step" for at in range(STEPS))))
        environ = os.environ | {"PATH": f"{burn.parent}{os.pathsep}{os.environ['PATH']}", "SECONDS": str(step_s)}
        environ |= {"TRACERD_SOCKET": str(home / "s"), "TRACERD_DIR": str(home / "logs")}
        tracerd = [sys.executable, "-m", "tracerd"]
        try:
            command = [*tracerd, "exec", "--trace", "t", "--shim", "burn", "--", make, "-s", "-j2"]
            subprocess.run(command, cwd=home, env=environ, check=True)
            stats = subprocess.run([*tracerd, "stats", "t", "--json"], env=environ, stdout=subprocess.PIPE, check=True)
        finally:
            subprocess.run([*tracerd, "stop"], env=environ, check=False)
    found = json.loads(stats.stdout)
    of_steps = sum(row["cpu_s"] for row in found["programs"] if row["program"] == "burn")
    click.echo(
        f"{STEPS} steps of {step_s} s with shims: {of_steps:.2f} s of {found['cpu_s']:.2f} s of the whole "
        f"({100 * of_steps / found['cpu_s']:.1f} %)"
    )


@click.command()
@click.option("--processes", default=3000, show_default=True, help="How many processes the trace has.")
def main(processes: int) -> None:
    """Measure builds."""
    layout(processes)
    for step_s in (0.3, 1.0):
        shims(step_s)


if __name__ == "__main__":
    main()
