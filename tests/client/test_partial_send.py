"""A socket that takes a part of what it is given, as one that a program has patched may."""

from tests.client.client_programs import run
from tests.harness import Daemon

PROGRAM = """
import socket

class Half(socket.socket):
    is_whole = False

    def send(self, data, *flags):
        if b"first" in data and not Half.is_whole:
            Half.is_whole = True
            return super().send(data[: data.index(b"first")], *flags)
        return super().send(data, *flags)

socket.socket = Half
import tracerd.client as trace
trace.instant("first")
trace.flush()
trace.instant("second")
print(trace.flush(5))
"""


def test_what_was_sent_in_part_is_sent_again(daemon: Daemon) -> None:
    done = run(PROGRAM, daemon.socket)
    assert (done.returncode, done.stderr) == (0, "")
    log = daemon.log("t")
    assert [log.count(name) for name in (b'"first"', b'"second"')] == [1, 1]
