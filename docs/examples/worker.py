"""A client in the standard library: one process of a build, with the spans of what it does.

`worker.py NAME PART...` joins the trace that the environment names, does each part, and leaves.
"""

import json
import os
import random
import socket
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager


class Trace:
    """This process's connection to its trace: opened once, kept to the end."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(os.environ["TRACERD_SOCKET"])
        self.send(f"OPEN {os.environ['TRACERD_TRACE_ID']}")

    def send(self, line: str) -> None:
        """Write one line."""
        self.socket.sendall(line.encode() + b"\n")

    def name_process(self, name: str) -> None:
        """Give this process the name under which Perfetto shows it."""
        event = {"ph": "M", "name": "process_name", "pid": os.getpid(), "args": {"name": name}}
        self.send(json.dumps(event))

    @contextmanager
    def span(self, name: str) -> Generator[None, None, None]:
        """Tell how long the body took, in microseconds of CLOCK_MONOTONIC, which all processes share."""
        start_us = time.monotonic_ns() // 1000
        try:
            yield
        finally:
            dur_us = time.monotonic_ns() // 1000 - start_us
            pid = os.getpid()
            event = {"ph": "X", "name": name, "pid": pid, "tid": pid, "ts": start_us, "dur": dur_us}
            self.send(json.dumps(event))


def main(name: str, *parts: str) -> None:
    """Do each part, which here means to sleep a little."""
    trace = Trace()
    trace.name_process(name)
    with trace.span(name):
        for part in parts:
            with trace.span(part):
                time.sleep(random.uniform(0.05, 0.2))


if __name__ == "__main__":
    main(*sys.argv[1:])
