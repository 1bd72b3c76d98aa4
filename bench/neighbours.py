"""What the daemon spends on the first event of a trace, and how long others wait beside a very long line."""

import os
import select
import socket
import threading
import time
from collections.abc import Callable

from bench.daemons import Running, Subject
from bench.load import SETTLE_S
from bench.scenarios import Bench, Figures
from tests.harness import wait_until

LINE_BYTES = 16 * 1024 * 1024 - 1024
"""Just below the default of `--max-line-bytes`."""

OK_TIMEOUT_S = 60.0

ANSWER_TIMEOUT_S = 5.0
"""Who has not answered a first FLUSH by then never will."""


def new(bench: Bench, subject: Subject) -> Figures:
    """2,000 connections one after the other, of a new trace with one event each: CPU until its log is closed."""
    count = bench.scaled(2_000)
    with bench.daemon(subject) as daemon:
        before_s = daemon.cpu_s()
        for number in range(count):
            with _connected(daemon) as client:
                client.sendall(b'OPEN new-%d\n{"ph":"i","ts":%d,"name":"first","pid":1,"tid":1}\n' % (number, number))
        last = daemon.log(f"new-{count - 1}")
        wait_until(lambda: last.exists() and last.stat().st_size > 0, "the last event to be in its log")
        if subject.get_tef:  # the copier closes none
            wait_until(lambda: daemon.open_files() < 100, "the logs to be closed")
        time.sleep(SETTLE_S)
        return {"CPU us per trace": (daemon.cpu_s() - before_s) * 1e6 / count}


def long_line(bench: Bench, subject: Subject) -> Figures:
    """A line of 16 MiB comes, and is exported: the longest that a neighbour waits for an OK meanwhile."""
    if not subject.get_tef:  # it cannot export
        return {}
    line = b'{"ph":"i","ts":1,"pid":1,"tid":1,"name":"%b"}\n' % (b"x" * bench.scaled(LINE_BYTES))
    with bench.daemon(subject) as daemon, _connected(daemon) as client, _connected(daemon) as neighbour:
        client.sendall(b"OPEN long\n")
        neighbour.sendall(b"OPEN neighbour\n")
        if not _answers(neighbour):
            return {}
        target = daemon.dir.parent / "out.json"
        steps = {
            "the line": lambda: _wait_ok(client, line),
            "its export": lambda: _wait_ok(client, b"EMIT_TEF %b\n" % os.fsencode(target)),
        }
        return {f"{name}: longest wait, ms": _longest_wait_s(neighbour, step) * 1e3 for name, step in steps.items()}


def _connected(daemon: Running) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(OK_TIMEOUT_S)
    client.connect(os.fsencode(daemon.socket))
    return client


def _answers(client: socket.socket) -> bool:
    """Whether this daemon knows FLUSH; tldrs does not."""
    client.sendall(b"FLUSH\n")
    ready, _, _ = select.select([client], [], [], ANSWER_TIMEOUT_S)
    return bool(ready) and client.recv(4096).startswith(b"OK")


def _wait_ok(client: socket.socket, data: bytes) -> float:
    """Send this and wait for what FLUSH is answered; the seconds from then on."""
    client.sendall(data)
    asked_s = time.perf_counter()
    client.sendall(b"FLUSH\n")
    answer = client.recv(4096)
    assert answer.startswith(b"OK"), answer
    return time.perf_counter() - asked_s


def _longest_wait_s(neighbour: socket.socket, step: Callable[[], object]) -> float:
    thread = threading.Thread(target=step)
    thread.start()
    longest_s = 0.0
    while thread.is_alive():
        longest_s = max(longest_s, _wait_ok(neighbour, b'{"ph":"i","ts":1,"name":"beside"}\n'))
        time.sleep(0.001)  # so that the other one can send
    thread.join()
    return longest_s
