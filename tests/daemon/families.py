"""A parent and its children, all of which write to one trace: what the barrier is for."""

import os
import signal
import sys
from pathlib import Path

from tests.harness import PATIENCE_S, Daemon, exported, program, words_of

CHILDREN = 150
"""More than the daemon accepts in two turns."""
EVENTS = 70
FAMILY_EVENTS = [child * EVENTS + number for child in range(CHILDREN) for number in range(EVENTS)]

# A parent that opens the trace, forks children, waits for all, and only then says its last word (and reads the
# answer, if its last word asks for one, when it has said so). A child connects, writes its events, cut in one of
# several ways, and is gone at once.
FAMILY = f"""
import os, socket, sys

path, trace_id, first_word, last_word = map(os.fsencode, sys.argv[1:])

def connect():
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return connection

def child(number):
    first = number * {EVENTS}
    lines = [b'{{"ph":"i","name":"e","ts":%d}}\\n' % n for n in range(first, first + {EVENTS})]
    data = b"OPEN %s\\n" % trace_id + b"".join(lines)
    pieces = [
        [data],
        [b"OPEN %s\\n" % trace_id, b"".join(lines)],
        [b"OPEN %s\\n" % trace_id, *lines],
        [data[at : at + 97] for at in range(0, len(data), 97)],
    ][number % 4]
    connection = connect()
    for piece in pieces:
        connection.sendall(piece)

parent = connect()
parent.sendall(b"OPEN %s\\n" % trace_id + first_word)
children = []
for number in range({CHILDREN}):
    children.append(os.fork())
    if not children[-1]:
        try:
            child(number)
        finally:
            os._exit(0)
for pid in children:
    os.waitpid(pid, 0)
if last_word:
    parent.sendall(last_word)
    print("asked", flush=True)
    print(parent.makefile().readline().strip(), flush=True)
os._exit(0)
"""


def run_family(daemon: Daemon, trace_id: str, first_word: str, last_word: str, *, stopped: bool) -> list[str]:
    """Run a whole family to its end, while the daemon is stopped or not; what the parent was answered."""
    if stopped:
        os.kill(daemon.process.pid, signal.SIGSTOP)
    with program(FAMILY, daemon.socket, trace_id, first_word, last_word) as parent:
        if last_word:
            assert words_of(parent) == ["asked"]
        else:
            assert parent.wait(PATIENCE_S) == 0
        os.kill(daemon.process.pid, signal.SIGCONT)
        return words_of(parent)


def all_of_the_family(path: Path) -> bool:
    """Whether the file holds each event once, those of one child in order; says what is missing if not."""
    found = exported(path)
    missing, doubled = set(FAMILY_EVENTS).difference(found), len(found) - len(set(found))
    sys.stderr.write(f"{path.name}: {len(found)} events, {len(missing)} missing, {doubled} doubled\n")
    # A stable sort by child leaves the order of each child's events as it is.
    return sorted(found, key=lambda number: number // EVENTS) == FAMILY_EVENTS
