"""What the client library costs, as ratios within one run: docs/performance.md has the figures and the method."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.client.client_programs import environment
from tests.harness import Daemon

TURNS = 15

MEASURE = """
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
    begin = time.thread_time_ns()  # what other programs do meanwhile does not count
    function()
    return time.thread_time_ns() - begin

compared = {"disabled": with_empty, "enabled": parts}[sys.argv[1]]
pairs = [(cpu_ns(with_span), cpu_ns(compared)) for _ in range(int(sys.argv[2]))]
trace.flush(10)
print(min(span for span, _ in pairs) / min(other for _, other in pairs))
"""

IMPORTS = {"client": "tracerd.client", "socket, json, threading": "socket, json, threading"}


def ratio(kind: str, environ: dict[str, str]) -> float:
    command = [sys.executable, "-c", MEASURE, kind, str(TURNS)]
    return float(subprocess.run(command, env=environ, capture_output=True, check=True).stdout)


def best(kind: str, environ: dict[str, str], limit: float, runs: int) -> float:
    """The first ratio below the limit, or the best of all."""
    ratios: list[float] = []
    while len(ratios) < runs and not (ratios and ratios[-1] < limit):
        ratios.append(ratio(kind, environ))
    return min(ratios)


def without_coverage(environ: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if not name.startswith(("COV_", "COVERAGE_"))}


def test_a_disabled_span_costs_less_than_two_empty_ones() -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TRACERD_")}

    assert best("disabled", without_coverage(environ), limit=2, runs=2) < 2


def test_an_enabled_span_costs_little_more_than_its_parts(daemon: Daemon) -> None:
    assert best("enabled", without_coverage(environment(daemon.socket)), limit=1.5, runs=3) < 1.5


def test_importing_costs_little_more_than_what_it_imports(tmp_path: Path) -> None:
    source = """
import sys, time
begin = time.process_time_ns()
import {}
print(time.process_time_ns() - begin)
"""
    # Modules are compiled when they are installed, and here by the first turn.
    environ = without_coverage(os.environ | {"TRACERD_TRACE_ID": "", "PYTHONPYCACHEPREFIX": str(tmp_path)})
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    fastest = dict.fromkeys(IMPORTS, float("inf"))
    for _ in range(TURNS):
        for name, modules in IMPORTS.items():
            command = [sys.executable, "-c", source.format(modules)]
            done = subprocess.run(command, env=environ, capture_output=True, check=True)
            fastest[name] = min(fastest[name], float(done.stdout))

    assert fastest["client"] / fastest["socket, json, threading"] < 1.3


def test_importing_loads_nothing_of_ours_but_itself_and_where() -> None:
    source = "import json, sys, tracerd.client; print(json.dumps([*sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", source], env=without_coverage(dict(os.environ)), capture_output=True, check=True
    )

    loaded: list[str] = json.loads(done.stdout)
    ours = {name for name in loaded if name.startswith("tracerd.") and not name.startswith("tracerd.client")}
    assert ours == {"tracerd.socket_path"}
    assert not {"typing", "trio", "msgspec", "orjson", "click", "platformdirs", "threading", "inspect"} & {*loaded}
