"""A traced program that does not give up: it writes events, asks for acknowledgements, and connects anew when cut off.

Run as a process of its own, `writer.py SOCKET TRACE WRITER`, until its stdin is closed; then it prints what it saw as
one JSON object. Events are numbered from 1 over all its connections and none is sent twice.
"""

import contextlib
import errno
import json
import os
import select
import socket
import sys
import time
from dataclasses import dataclass, field

BATCH = 40
"""Events in one write; with an odd number of bytes each, so that writes end at any place of a page."""

PIPELINE = 4
"""Batches that may be sent before the first of them is acknowledged: the daemon is cut off while it writes."""

RETRY_S = 0.002


def line(number: int, writer: int) -> bytes:
    """One event; its text follows from its number, so that a log can be compared with it."""
    return b'{"ph":"i","name":"e","ts":%d,"tid":%d,"args":{"p":"%s"}}\n' % (number, writer, b"x" * (number % 251))


@dataclass
class Report:
    """What the program saw."""

    connects: int = 0
    failed_connects: dict[str, int] = field(default_factory=dict[str, int])
    """By the name of the error."""
    cut_off: dict[str, int] = field(default_factory=dict[str, int])
    """How connections ended that the program did not end: the error of a send or recv, or the end of the replies."""
    sent: int = 0
    acknowledged: dict[int, int] = field(default_factory=dict[int, int])
    """The last number by the first one, for each connection that was sent an OK."""
    slowest_s: float = 0.0
    """The longest time between two looks at the daemon's replies in which nothing could be sent or received."""
    not_stored: int = 0
    """Events that an OK counted as refused or lost."""


def count(errors: dict[str, int], error: OSError) -> None:
    """Count an error by its name."""
    name = errno.errorcode.get(error.errno or 0, "?")
    errors[name] = errors.get(name, 0) + 1


class Writer:
    """The program."""

    def __init__(self, path: str, trace_id: str, writer: int) -> None:
        self._path = path
        self._trace_id = trace_id
        self._writer = writer
        self.report = Report()

    def run(self) -> None:
        """Write until stdin is closed, then take leave of a daemon that is there."""
        while not self._over():
            connection = socket.socket(socket.AF_UNIX)
            with connection:
                try:
                    connection.connect(self._path)
                except OSError as error:
                    count(self.report.failed_connects, error)
                    time.sleep(RETRY_S)
                    continue
                self.report.connects += 1
                try:
                    self._write(connection)
                except OSError as error:
                    count(self.report.cut_off, error)

    def _over(self) -> bool:
        return bool(select.select([0], [], [], 0)[0])

    def _write(self, connection: socket.socket) -> None:
        first = self.report.sent + 1
        flushes = 0
        replies = b""
        connection.sendall(b"OPEN %s\n" % self._trace_id.encode())
        over = False
        while not over or flushes:
            over = over or self._over()
            if not over:
                numbers = range(self.report.sent + 1, self.report.sent + 1 + BATCH)
                self.report.sent = numbers[-1]
                connection.sendall(b"".join(line(number, self._writer) for number in numbers) + b"FLUSH\n")
                flushes += 1
            while flushes >= PIPELINE or (over and flushes):
                began_s = time.monotonic()
                data = connection.recv(4096)
                self.report.slowest_s = max(self.report.slowest_s, time.monotonic() - began_s)
                if not data:
                    self.report.cut_off["EOF"] = self.report.cut_off.get("EOF", 0) + 1
                    return
                *whole, replies = (replies + data).split(b"\n")
                for reply in whole:
                    word, stored, *others = reply.split()[:4]
                    assert word == b"OK", reply
                    self.report.not_stored = max(self.report.not_stored, sum(map(int, others)))
                    flushes -= 1
                    self.report.acknowledged[first] = first + int(stored) - 1


def main() -> None:
    """Run, and print the report."""
    path, trace_id, number = sys.argv[1:]
    writer = Writer(path, trace_id, int(number))
    try:
        writer.run()
    finally:
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(vars(writer.report)), flush=True)


if __name__ == "__main__":
    main()
    os._exit(0)
