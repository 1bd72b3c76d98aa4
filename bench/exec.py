"""`python -m bench.exec`: the figures of docs/exec.md, in turns.

First what the two ways to see every process miss and cost: strace, and a look at /proc every few milliseconds. Then
what exec and its shims cost. Ratios of the best of several turns; absolute times say more of the machine.
"""

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.exec import c_project
from tests.exec.sandbox import TRACERD, Sandbox, own_sandbox
from tracerd.exec.strace import OPTIONS

TURNS = 5
PROGRAMS = 300
COMPILES = 12

Command = list[str]


class Seen:
    """The processes below a command that a look at /proc every so often finds; a thread of a process of its own."""

    SCRIPT = """
import os, sys, time
root, step = int(sys.argv[1]), float(sys.argv[2])
tree, with_arguments = {root}, set()
while True:
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in with_arguments:
            pid = int(name)
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    parent = int(file.read().rpartition(b") ")[2].split()[1])
                if parent in tree:
                    tree.add(pid)
                    with open(f"/proc/{name}/cmdline", "rb") as file:
                        words = file.read()
                    if words and not words.startswith(sys.argv[3].replace("\x1f", "\\0").encode()):
                        with_arguments.add(pid)
            except OSError:
                pass
    if not os.path.exists(f"/proc/{root}/stat"):
        break
    time.sleep(step)
print(len(with_arguments - {root}))
"""


def wall(command: Command, cwd: Path, environ: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=cwd, env=environ, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def processor_s() -> float:
    """What all children that have ended took of the processors: says the same on a busy machine."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def plain(command: Command, cwd: Path) -> tuple[float, int]:
    """Processor time, and nothing seen."""
    start = processor_s()
    subprocess.run(command, cwd=cwd, check=True)
    return processor_s() - start, 0


def polled(command: Command, cwd: Path, step_s: float) -> tuple[float, int]:
    """Processor time, and how many processes were seen with their own command line."""
    start = processor_s()
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL) as process:
        poller = subprocess.Popen(
            [sys.executable, "-IS", "-c", Seen.SCRIPT, str(process.pid), str(step_s), "\x1f".join(command)],
            stdout=subprocess.PIPE,
        )
        process.wait()
    seen, _ = poller.communicate()
    return processor_s() - start, int(seen)


def straced(command: Command, cwd: Path, *options: str) -> tuple[float, int]:
    """Processor time, and how many processes ended before its eyes with a command line; the command is not counted."""
    with tempfile.NamedTemporaryFile() as output:
        words = ["strace", *[word for word in OPTIONS if word not in options], f"--output={output.name}", "--"]
        took, _ = plain([*words, *command], cwd)
        lines = Path(output.name).read_bytes().splitlines()
    ran = {line.split()[0] for line in lines if b") execve(" in line or b"execve resumed" in line}
    ended = {line.split()[0] for line in lines if b"+++ exited with" in line}
    return took, len(ran & ended) - 1


def compare_ways() -> None:
    loop = f"i=0; while [ $i -lt {PROGRAMS} ]; do /bin/true; i=$((i+1)); done; exit 0"
    with tempfile.TemporaryDirectory() as home:
        c_project.write(Path(home), COMPILES)
        clean = ["sh", "-c", "rm -f *.o *.a program; exec make -j2 >/dev/null"]
        jobs = {f"{PROGRAMS} x true": ["sh", "-c", loop], f"make, {COMPILES} files": clean}
        ways: dict[str, Callable[[Command], tuple[float, int]]] = {
            "nothing": lambda command: plain(command, Path(home)),
            "/proc every 10 ms": lambda command: polled(command, Path(home), 0.01),
            "/proc without a pause": lambda command: polled(command, Path(home), 0.0),
            "strace, every system call": lambda command: straced(command, Path(home), "--seccomp-bpf"),
            "strace --seccomp-bpf": lambda command: straced(command, Path(home)),
        }
        found: dict[tuple[str, str], list[tuple[float, int]]] = {}
        for _ in range(TURNS):
            for job, command in jobs.items():
                for way, run in ways.items():
                    found.setdefault((way, job), []).append(run(command))
    print(f"| way | {' | '.join(f'{job}: seen | processor time' for job in jobs)} |")
    print("|---|" + "---|" * 2 * len(jobs))
    for way in ways:
        cells: list[str] = []
        for job in jobs:
            base = min(took for took, _ in found["nothing", job])
            all_seen = max(seen for _, seen in found["strace --seccomp-bpf", job])
            took = min(took for took, _ in found[way, job])
            seen = sorted(seen for _, seen in found[way, job])[TURNS // 2]
            cells += ["" if way == "nothing" else f"{seen} of {all_seen}", f"{took / base:.2f}"]
        print(f"| {way} | {' | '.join(cells)} |")


def costs(sandbox: Sandbox) -> None:
    home = sandbox.home
    c_project.write(home, 2, work=1)
    (home / "one").mkdir()
    c_project.write(home / "one", 2, work=250)
    shims = home / "shims"
    sandbox.run(TRACERD, "shim", shims, "cc", "true")
    environ = {**sandbox.environ, "TRACERD_TRACE_ID": "bench"}
    single = {
        "python": [sys.executable, "-I", "-c", "import os,socket"],
        "exec": [str(TRACERD), "exec", "--", "true"],
        "shim": [str(shims / "true")],
        "true": ["true"],
        "all": [str(TRACERD), "exec", "--all", "--", "true"],
        "cc": ["cc", "-c", "part_01.c"],
        "shim of cc": [str(shims / "cc"), "-c", "part_01.c"],
    }
    took = dict.fromkeys(single, float("inf"))
    for _ in range(6 * TURNS):
        for name, command in single.items():
            took[name] = min(took[name], wall(command, home, environ))
    print(f"exec true: {took['exec'] / took['python']:.2f} of python -I -c 'import os,socket'")
    print(f"shim of true: {took['shim'] / took['python']:.2f} of it, {1000 * (took['shim'] - took['true']):.0f} ms")
    print(f"shim of cc: {1000 * (took['shim of cc'] - took['cc']):.0f} ms more than {1000 * took['cc']:.0f} ms")
    print(f"exec --all true: {took['all'] / took['python']:.2f}")
    build = ["make", "-B", "part_01.o"]
    large = {
        "plain": build,
        "shim": [str(TRACERD), "exec", "--shim", "cc", "--", *build],
        "all": [str(TRACERD), "exec", "--all", "--", *build],
    }
    took = dict.fromkeys(large, float("inf"))
    for _ in range(TURNS):
        for name, command in large.items():
            took[name] = min(took[name], wall(command, home / "one", environ))
    for name in ("shim", "all"):
        print(f"a file of {took['plain']:.1f} s with {name}: {took[name] / took['plain']:.3f}")


if __name__ == "__main__":
    if not all(map(shutil.which, ("strace", "make", "cc"))):
        sys.exit("strace, make and cc are needed")
    compare_ways()
    with own_sandbox() as own:
        own.serve()
        costs(own)
