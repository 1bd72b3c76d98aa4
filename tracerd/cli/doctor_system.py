"""Checks of the system: units of systemd, limits, clocks, the environment of programs."""

import re
import resource
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from tracerd.cli.doctor_severity import Check, fail, ok, warn
from tracerd.errors import InvalidTraceIdError
from tracerd.speedups import PURE_PYTHON_VARIABLE, implementation, plain_lines
from tracerd.trace_id import TraceId

FEW_DESCRIPTORS = 4096
"""A parallel build has hundreds of clients at once, each with one descriptor, and each open trace has two."""

UNITS = ("tracerd.socket", "tracerd.service")

SUSPENDED_S = 1.0
"""CLOCK_BOOTTIME is read a moment after CLOCK_MONOTONIC; more than this is time asleep."""


def check_units() -> Check:
    """Whether the units of systemd are installed and active."""
    subject = "unit"
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        return ok(subject, "not checked: there is no systemctl")
    command = [systemctl, "--user", "show", "--property=Id,LoadState,ActiveState", *UNITS]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ok(subject, "not checked: systemctl does not answer")
    if done.returncode:
        return ok(subject, "not checked: no user manager of systemd answers")
    units = [dict(re.findall(r"^(\w+)=(.*)$", block, re.MULTILINE)) for block in done.stdout.split("\n\n")]
    states = {str(unit.get("Id")): str(unit.get("ActiveState")) for unit in units if unit.get("LoadState") == "loaded"}
    if not states:
        return ok(subject, 'not installed; see "As a service" in the README')
    for name, state in states.items():
        if state == "failed":
            return fail(subject, f"{name} has failed; see journalctl --user -u {name}")
    if "active" not in states.values():
        return warn(subject, f"{', '.join(states)} not active; run systemctl --user start {next(iter(states))}")
    return ok(subject, ", ".join(f"{name} {state}" for name, state in states.items()))


def check_speedups(environ: Mapping[str, str]) -> Check:
    """Whether lines are scanned in C."""
    subject = "speedups"
    if plain_lines:
        return ok(subject, f"in use: {implementation}")
    if environ.get(PURE_PYTHON_VARIABLE):
        return ok(subject, f"not used, because {PURE_PYTHON_VARIABLE} is set; events take about twice the time")
    return ok(subject, "not built; events take about twice the time; install a C compiler, then tracerd once more")


def check_descriptors(pid: int | None) -> Check:
    """How many clients the daemon may have."""
    limit = _limit_of(pid) if pid is not None else None
    whose = "the daemon's" if limit is not None else "a daemon started here has"
    if limit is None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if limit == resource.RLIM_INFINITY or limit >= FEW_DESCRIPTORS:
        return ok("descriptors", f"{whose} limit: {'none' if limit == resource.RLIM_INFINITY else limit}")
    return warn(
        "descriptors",
        f"{whose} limit: {limit}, one for each client; start it with a higher one (ulimit -Hn, LimitNOFILE=)",
    )


def _limit_of(pid: int) -> int | None:
    try:
        limits = Path(f"/proc/{pid}/limits").read_text()
    except OSError:
        return None
    found = re.search(r"^Max open files +(\w+)", limits, re.MULTILINE)
    if found is None:
        return None
    return int(found[1]) if found[1].isdigit() else resource.RLIM_INFINITY


def check_clock() -> Check:
    """Whether clocks that programs take agree."""
    slept_s = -time.clock_gettime(time.CLOCK_MONOTONIC) + time.clock_gettime(time.CLOCK_BOOTTIME)
    try:
        boot = f"boot {Path('/proc/sys/kernel/random/boot_id').read_text().strip()}"
    except OSError:
        return fail("clock", "there is no boot id in /proc, and no log without it; mount /proc here")
    if slept_s > SUSPENDED_S:
        return warn(
            "clock",
            f"{boot}; asleep for {slept_s:.0f} s since then: take ts from CLOCK_MONOTONIC, "
            "for CLOCK_BOOTTIME and /proc/uptime are off by that",
        )
    return ok("clock", f"{boot}; CLOCK_MONOTONIC and CLOCK_BOOTTIME agree")


def check_environment(environ: Mapping[str, str]) -> Check:
    """Whether programs join a trace."""
    trace_id = environ.get("TRACERD_TRACE_ID")
    if not trace_id:
        return ok("environment", "no TRACERD_TRACE_ID: each program begins its own trace")
    try:
        TraceId(trace_id)
    except InvalidTraceIdError as error:
        return fail("environment", f'TRACERD_TRACE_ID: {error}; run eval "$(tracerd env --new)"')
    return ok("environment", f"TRACERD_TRACE_ID={trace_id}: programs join this trace")
