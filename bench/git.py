"""`python -m bench.git`: what git pays for recording itself; docs/git.md.

Each command runs in turns without the variables and in each way. A figure is the median of the ratios of the turns, of
wall time and of the processor time of git and of all that it waits for. `/dev/null` shows what git itself takes to
write trace2 events.
"""

import os
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import click

from tests.exec.gits import SETTINGS
from tests.exec.sandbox import Sandbox, own_sandbox

MAKE = """
git init -q r; cd r
for d in $(seq $1); do mkdir d$d; for f in $(seq 40); do seq $d $((d + f * 5)) >d$d/f$f; done; done
git add .; git commit -q -m begin
for i in $(seq 100); do echo $i >>d1/f$((i % 40 + 1)); git commit -q -a -m $i; done
git gc -q
git clone -q . ../part; git submodule --quiet add ../part part; git commit -q -m part
printf '#!/bin/sh\\ngit rev-parse HEAD >/dev/null\\n' >.git/hooks/pre-commit; chmod +x .git/hooks/pre-commit
git tag kept; cd ..; cp -r r kept
"""

CLEAN = "git reset -q --hard kept; git clean -q -ffdx; rm -rf ../new"
ANEW = "cd ..; rm -rf r; cp -r kept r"
"""What makes the repository what it was."""


@dataclass(frozen=True, slots=True)
class Job:
    """A command, what has to be done before each turn, and whether it is run with a daemon that is stopped too."""

    script: str
    before: str = ":"
    stopped: bool = False


JOBS = {
    "status": Job("git status", stopped=True),
    "log": Job("git log", stopped=True),
    "log --stat": Job("git log --stat"),  # more lines than a socket holds: it would wait for a daemon that is stopped
    "commit with a hook": Job("git commit -q --allow-empty -m m", CLEAN, stopped=True),
    "clone": Job("git clone -q --no-local . ../new", CLEAN),
    "rebase -i": Job("GIT_SEQUENCE_EDITOR=true git rebase -q -i --force-rebase HEAD~20", CLEAN),
    "gc": Job("git gc -q", ANEW),
    "submodule update": Job("git submodule --quiet update --init --force --checkout", CLEAN),
    "fsmonitor": Job("git -c core.fsmonitor=true status"),
}

Turns = list[tuple[float, float]]

WAYS = ("/dev/null", "no daemon", "daemon", "stopped daemon")


def took(script: str, cwd: Path, environ: dict[str, str]) -> tuple[float, float]:
    """Wall time and processor time of a script.

    Raises:
        SystemExit: It failed.
    """
    start = time.perf_counter()
    with subprocess.Popen(
        ["sh", "-c", f"exec {script}" if script.startswith("git") else script],
        cwd=cwd,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode and process.stderr:
            sys.exit(f"{script}: {process.stderr.read().decode()}")
    return wall_s, usage.ru_utime + usage.ru_stime


def run(sandbox: Sandbox, job: Job, way: str) -> tuple[float, float]:
    """One turn of a command."""
    sandbox.run("sh", "-euc", job.before, cwd=sandbox.home / "r")
    places = {
        "/dev/null": "/dev/null",
        "no daemon": f"af_unix:stream:{sandbox.home}/none",
        "": "",
    }
    environ = sandbox.environ | {"GIT_TRACE2_EVENT": places.get(way, f"af_unix:stream:{sandbox.socket}")}
    environ |= {"GIT_TRACE2_PARENT_SID": "bench"} if way else {}
    daemon = sandbox.daemon_pid()
    assert daemon is not None
    if way == "stopped daemon":
        os.kill(daemon, signal.SIGSTOP)
    try:
        return took(job.script, sandbox.home / "r", environ)
    finally:
        os.kill(daemon, signal.SIGCONT)


def _ratios(turns: Turns, base: Turns) -> Turns:
    """Of wall time and processor time, turn by turn."""
    return [
        (wall_s / base_wall_s, cpu_s / base_cpu_s)
        for (wall_s, cpu_s), (base_wall_s, base_cpu_s) in zip(turns, base, strict=True)
    ]


@click.command()
@click.option("--turns", default=20, show_default=True, help="How often each command is run in each way.")
@click.option("--size", default=25, show_default=True, help="Folders of 40 files in the repository.")
@click.argument("names", nargs=-1)
def main(turns: int, size: int, names: tuple[str, ...]) -> None:
    """Print the ratios, as a table; NAMES chooses commands."""
    with own_sandbox() as sandbox:
        sandbox.environ["HOME"] = str(sandbox.home)
        (sandbox.home / ".gitconfig").write_text(SETTINGS)
        done = sandbox.run("sh", "-euc", MAKE, "sh", str(size))
        if done.returncode:
            sys.exit(done.stderr.decode())
        sandbox.serve()
        click.echo(f"| command | median | {' | '.join(f'{way}: wall, processor' for way in WAYS)} |")
        click.echo("|---|---|" + "---|" * len(WAYS))
        for name, job in JOBS.items():
            if names and name not in names:
                continue
            ways = [way for way in ("", *WAYS) if job.stopped or way != "stopped daemon"]
            found: dict[str, Turns] = {way: [] for way in ways}
            for turn in range(turns):
                for way in ways[turn % len(ways) :] + ways[: turn % len(ways)]:
                    found[way].append(run(sandbox, job, way))
            base_ms = statistics.median(wall_s for wall_s, _ in found[""]) * 1000
            ratios = [
                " ".join(
                    f"{statistics.median(ratio):.3f}" for ratio in zip(*_ratios(found[way], found[""]), strict=True)
                )
                for way in ways[1:]
            ]
            ratios += ["-"] * (len(WAYS) - len(ratios))
            click.echo(f"| {name} | {base_ms:.1f} ms | {' | '.join(ratios)} |")


if __name__ == "__main__":
    main()
