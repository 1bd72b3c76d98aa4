"""Logs that `tracerd exec` has begun for itself go by themselves, and never a log of anybody else."""

import os
import time
from pathlib import Path

import pytest

from tests.harness import Daemon, event, wait_until
from tracerd.exec.event import trace as trace_line
from tracerd.traces.attributes import END_BYTES
from tracerd.traces.retention import EXEC_LIMITS, NO_LIMITS, enforce

OURS = trace_line(7, "make -j4", None, 0, 0, is_ours=True)
"""How a log of exec begins; with `--trace`, `-o` or `TRACERD_KEEP=all` it lacks `begun_by`."""

SPAN = '{"ph":"X","name":"cc","cat":"process","pid":7,"tid":7,"ts":1,"dur":2,"args":{"argv":["cc"],"exit_code":0}}\n'

OTHERS = {
    "client": event(1).decode(),
    "version-0.1.0": '{"ph":"M","name":"process_name","pid":7,"tid":7,"args":{"name":"cc"}}\n' + SPAN,
    "named": trace_line(7, "make -j4", None, 0, 0, is_ours=False) + SPAN,
    "text": OURS.replace('"ph":"M"', '"ph":"i"') + SPAN,
    "quoted": '{"ph":"i","ts":1,"name":"log","args":{"message":"tracerd_trace begun_by exec"}}\n',
    "late": event(1).decode() * (END_BYTES // len(event(1)) + 1) + OURS,
}


def write(directory: Path, name: str, text: str, age_s: float, size: int | None = None) -> None:
    path = directory / f"{name}.jsonl"
    path.write_text(text)
    if size is not None:
        os.truncate(path, size)
    then = time.time() - age_s
    os.utime(path, (then, then))


def names(directory: Path) -> set[str]:
    return {path.stem for path in directory.glob("*.jsonl")}


def test_only_old_logs_of_exec_go(tmp_path: Path) -> None:
    old_s = EXEC_LIMITS.max_age_s + 60
    logs = tmp_path / "logs"
    logs.mkdir(mode=0o700)
    for name, text in OTHERS.items():
        write(logs, name, text, 10 * old_s)
    write(logs, "ours-old", OURS + SPAN, old_s)
    write(logs, "ours-new", OURS + SPAN, EXEC_LIMITS.max_age_s - 60)
    with Daemon(tmp_path) as daemon:
        wait_until(lambda: "ours-old" not in names(logs), "the old log of exec to go")
        wait_until(lambda: "removed the trace ours-old" in daemon.stderr(), "the daemon to report it")
    assert names(logs) == {*OTHERS, "ours-new"}


def test_beyond_their_size_the_oldest_logs_of_exec_go_whatever_others_hold(tmp_path: Path) -> None:
    part = int(EXEC_LIMITS.max_total_bytes * 0.4)
    write(tmp_path, "client", OTHERS["client"], 9000, size=5 * part)  # all holes: it takes no room
    for age_s in (4000, 3000, 2000):
        write(tmp_path, f"ours-{age_s}", OURS, age_s, size=part)
    assert enforce(tmp_path, NO_LIMITS) == ["ours-4000"]
    assert names(tmp_path) == {"client", "ours-3000", "ours-2000"}
    assert enforce(tmp_path, NO_LIMITS) == []


@pytest.mark.parametrize("name", OTHERS)
def test_a_log_of_others_stays_however_large(tmp_path: Path, name: str) -> None:
    write(tmp_path, name, OTHERS[name], 100 * EXEC_LIMITS.max_age_s, size=int(2 * EXEC_LIMITS.max_total_bytes))
    assert enforce(tmp_path, NO_LIMITS) == []
    assert names(tmp_path) == {name}
