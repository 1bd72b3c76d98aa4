"""`python -m bench.client`: what the Python client costs the traced program, as ratios within one run.

Two loops run in turns in one process; the ratio is that of the fastest turns, in CPU time of the thread.
"""

import os
import subprocess
import sys
import tempfile

import click

from tests.client.client_programs import environment
from tests.harness import running_daemon

TURNS = 15

LOOPS = """
import json, sys, threading, time
import tracerd.client as trace

COUNT = 4000
now, tid = time.monotonic_ns, threading.get_native_id

class Empty:
    def __call__(self, name, **args):
        return self
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass

empty = Empty()

def with_empty():
    for _ in range(COUNT):
        with empty("compile", file="main.c", bytes=12345):
            pass

def with_span():
    for _ in range(COUNT):
        with trace.span("compile", file="main.c", bytes=12345):
            pass

def parts():
    for _ in range(COUNT):
        now()
        now()
        tid()
        json.dumps({"file": "main.c", "bytes": 12345})

def cpu_ns(function):
    begin = time.thread_time_ns()
    function()
    return time.thread_time_ns() - begin

compared = {"disabled": with_empty, "enabled": parts}[sys.argv[1]]
pairs = [(cpu_ns(with_span), cpu_ns(compared)) for _ in range(int(sys.argv[2]))]
trace.flush(10)
print(min(span for span, _ in pairs) / min(other for _, other in pairs))
"""

IMPORT = """
import time
begin = time.process_time_ns()
import {}
print(time.process_time_ns() - begin)
"""


def loops(kind: str, environ: dict[str, str]) -> float:
    """The ratio of a loop with spans to one without."""
    command = [sys.executable, "-c", LOOPS, kind, str(TURNS)]
    return float(subprocess.run(command, env=environ, capture_output=True, check=True).stdout)


def imports() -> float:
    """The ratio of importing the client to importing what it needs."""
    fastest = {"tracerd.client": float("inf"), "socket, json, threading": float("inf")}
    with tempfile.TemporaryDirectory() as compiled:  # by the first turn, as an installation would
        environ = os.environ | {"TRACERD_TRACE_ID": "", "PYTHONPYCACHEPREFIX": compiled}
        for _ in range(TURNS):
            for modules, before in fastest.items():
                command = [sys.executable, "-c", IMPORT.format(modules)]
                done = subprocess.run(command, env=environ, capture_output=True, check=True)
                fastest[modules] = min(before, float(done.stdout))
    client, needed = fastest.values()
    return client / needed


def main() -> None:
    """Print the ratios."""
    disabled = {name: value for name, value in os.environ.items() if not name.startswith("TRACERD_")}
    click.echo(f"a span without a trace / an empty `with`: {loops('disabled', disabled):.2f}")
    with running_daemon() as daemon:
        click.echo(f"a span, traced / its parts: {loops('enabled', environment(daemon.socket)):.2f}")
    click.echo(f"import tracerd.client / import socket, json, threading: {imports():.2f}")


if __name__ == "__main__":
    main()
