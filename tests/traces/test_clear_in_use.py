"""`tracerd clear` beside a daemon and exports: what anybody has open stays, and nothing acknowledged is lost."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.harness import ROOT, Daemon, event, wait_until, words_of
from tests.traces.trace_files import clear, names
from tracerd.traces.retention import is_in_use
from tracerd.traces.stored import stored_trace


def is_closed(daemon: Daemon, trace_id: str) -> bool:
    trace = stored_trace(daemon.dir / f"{trace_id}.jsonl")
    return trace is not None and not is_in_use(trace)


def test_an_open_trace_stays_and_a_closed_one_goes(daemon: Daemon) -> None:
    daemon.session(b"OPEN closed\n" + event(1))
    with daemon.connect() as client:
        client.send(b"OPEN open\n" + event(1))
        client.flush()
        wait_until(lambda: is_closed(daemon, "closed"), "the trace to end")
        done = clear(daemon.dir, "--yes")
        assert done.returncode == 0
        assert done.stdout.startswith(b"removed 1 trace, ")
        assert done.stderr == b"left alone, because in use: open\n"
        done = clear(daemon.dir, "--yes", "open")
        assert (done.returncode, done.stdout) == (1, b"nothing to remove\n")
        assert done.stderr == b"left alone, because in use: open\n"
        client.send(event(2))
        assert client.flush() == (2, 0, 0)
    assert names(daemon.dir) == {"open.jsonl"}
    assert daemon.numbers("open") == [1, 2]
    wait_until(lambda: is_closed(daemon, "open"), "the trace to end")
    assert clear(daemon.dir, "--yes", "open").returncode == 0
    assert names(daemon.dir) == set()


def test_a_trace_of_refused_lines_only_stays_while_it_has_clients(daemon: Daemon) -> None:
    with daemon.connect() as client:
        client.send(b"OPEN bad\nnonsense\n")
        client.flush()
        assert clear(daemon.dir, "--yes").stderr == b"left alone, because in use: bad\n"
    daemon.stop()
    *_lines, record = daemon.rejects("bad")
    assert record["refused"] == 1
    assert clear(daemon.dir, "--yes").stdout.startswith(b"removed 1 trace, ")


def test_a_cleared_trace_begins_anew(daemon: Daemon) -> None:
    daemon.session(b"OPEN again\n" + event(1) + b"nonsense\n")
    wait_until(lambda: is_closed(daemon, "again"), "the trace to end")
    assert clear(daemon.dir, "--yes").returncode == 0
    daemon.session(b"OPEN again\n" + event(2))
    daemon.stop()
    assert daemon.numbers("again") == [2]
    assert daemon.rejects("again") == []


def test_many_traces_in_use_are_told_in_one_line(daemon: Daemon) -> None:
    with daemon.connect() as client:
        for number in range(8):
            client.send(b"OPEN t%d\n" % number + event(1))
        client.flush()
        clients = [daemon.connect() for _ in range(8)]
        for number, other in enumerate(clients):
            other.send(b"OPEN t%d\n" % number + event(2))
            other.flush()
        done = clear(daemon.dir, "--yes")
    for other in clients:
        other.close()
    assert done.stdout == b"nothing to remove\n"
    assert done.stderr == b"left alone, because in use: t0, t1, t2, t3, t4 and 3 more\n"


# Runs `tracerd clear` again and again, and says which events were in the logs that it removed: whoever has a file open
# can read it after its removal.
CLEARER = """
import json, os, sys
from tracerd import cli
from tracerd.traces import retention

def spying(trace):
    try:
        fd = os.open(trace.path, os.O_RDONLY)
    except FileNotFoundError:
        return original(trace)
    with open(fd, "rb") as log:
        done = original(trace)
        if done:
            cleared.extend(json.loads(line)["ts"] for line in log if b"tracerd_clock" not in line)
    return done

original, retention.remove = retention.remove, spying
cleared = []
null = open(os.devnull, "w")
said, sys.stdout, sys.stderr = sys.stdout, null, null
print("ready", file=said, flush=True)
while not os.path.exists(sys.argv[2]):
    cli.main(["clear", "-d", sys.argv[1], "--yes"], standalone_mode=False)
print(*cleared, file=said, flush=True)
"""


def gone_or_due(log: Path, patience_s: float) -> Callable[[], bool]:
    until_s = time.monotonic() + patience_s
    return lambda: not log.exists() or time.monotonic() > until_s


def test_nothing_acknowledged_is_lost_while_clear_runs(daemon: Daemon, tmp_path: Path) -> None:
    rounds, writers = 25, 4
    log = daemon.dir.joinpath
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CLEARER, str(daemon.dir), str(tmp_path / "end")]

    def write(writer: int) -> list[int]:
        acknowledged: list[int] = []
        for number in range(rounds):
            mine = [writer * 1_000_000 + number * 10 + step for step in range(3)]
            with daemon.connect() as client:
                client.send(b"OPEN race-%d\n" % writer + event(mine[0]))
                assert client.flush() == (1, 0, 0)
                client.send(event(mine[1]) + event(mine[2]))
                assert client.flush() == (3, 0, 0)
            acknowledged += mine
            # The next one comes when the log has just gone, or around the time at which it is about to go.
            wait_until(gone_or_due(log(f"race-{writer}.jsonl"), random.uniform(0.15, 0.3)), "the next round")
        return acknowledged

    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ) as clearer:
        assert words_of(clearer) == ["ready"]
        with ThreadPoolExecutor(writers) as pool:
            acknowledged = sorted(number for numbers in pool.map(write, range(writers)) for number in numbers)
        (tmp_path / "end").touch()
        cleared = list(map(int, words_of(clearer)))
    daemon.stop()
    left = [
        n for writer in range(writers) if log(f"race-{writer}.jsonl").exists() for n in daemon.numbers(f"race-{writer}")
    ]
    assert sorted(cleared + left) == acknowledged
    assert len(cleared) > rounds, "clear has hardly ever found a closed log"
    assert "was removed or renamed while in use" not in daemon.stderr()
