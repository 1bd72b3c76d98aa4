"""Kill -9 of clients, in the middle of whatever they were saying: it costs that line, and nobody else anything."""

import base64
import json
import sys
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults import writer
from tests.harness import Daemon, event, program, wait_until, words_of

SAYS = """
import os, signal, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.sendall(bytes.fromhex(sys.argv[2]))
os.kill(os.getpid(), signal.SIGKILL)
"""

NAME = '{"ph":"i","name":"ü","ts":2}'.encode()
HALF_A_CHARACTER = NAME[: NAME.index("ü".encode()) + 1]

CUT = [
    pytest.param(b"OPEN t\n" + event(1) + event(2)[:-9], [1], event(2)[:-9], id="inside a line"),
    pytest.param(b"OPEN t\n" + event(1) + b"{", [1], b"{", id="one byte into a line"),
    pytest.param(b"OPEN t\n" + event(1) + HALF_A_CHARACTER, [1], HALF_A_CHARACTER, id="half a UTF-8 character"),
    pytest.param(b"OPEN t\n" + event(1) + event(2)[:-1], [1, 2], None, id="before the newline"),
    pytest.param(b"OPEN t\n" + event(1) + b"FLU", [1], b"FLU", id="inside FLUSH"),
    pytest.param(b"OPEN t\n" + event(1) + b"DIE", [1], b"DIE", id="DIE, which may be half a DIE_WHEN_IDLE"),
    pytest.param(b"OPEN t\n" + event(1) + b"EMIT_TEF /tm", [1], b"EMIT_TEF /tm", id="inside EMIT_TEF"),
    pytest.param(b"OPEN t\n" + event(1) + b"OPEN ot", [1], b"OPEN ot", id="inside a second OPEN"),
    pytest.param(b"OPE", [], None, id="inside OPEN: no trace, so no rejects"),
    pytest.param(b"OPEN t", [], None, id="before OPEN's newline"),
    pytest.param(b"", [], None, id="silent"),
]


@pytest.mark.parametrize(("said", "kept", "torn"), CUT)
def test_only_the_torn_line_is_lost(daemon: Daemon, said: bytes, kept: list[int], torn: bytes | None) -> None:
    with daemon.connect() as neighbour:
        neighbour.send(b"OPEN t\n" + event(100)[:10])  # it waits in the middle of a line meanwhile
        with program(SAYS, daemon.socket, said.hex()) as client:
            pid = client.pid
            assert client.wait() == -9
        wait_until(lambda: daemon_has_only(daemon, 1), "the killed client to be gone")
        neighbour.send(event(100)[10:])
        assert neighbour.flush() == (1, 0, 0)
    daemon.stop()

    assert daemon.numbers("t") == [*kept, 100]
    refused = [entry for entry in daemon.rejects("t") if "base64" in entry]
    if torn is None:
        assert refused == []
    else:
        [entry] = refused
        assert base64.b64decode(str(entry["base64"])) == torn
        assert entry["client_pid"] == pid
        assert "the connection ended inside this" in str(entry["reason"])
    assert list(daemon.dir.glob("*.jsonl")) == [daemon.dir / "t.jsonl"]


def daemon_has_only(daemon: Daemon, clients: int) -> bool:
    with daemon.connect() as asking:
        return asking.status()["clients"] == clients + 1


AT_A_TIME = 5

STREAMS = """
import socket, sys
sys.path.insert(0, sys.argv[3])
from writer import line
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.sendall(b"OPEN t\\n")
number = 0
while True:
    connection.sendall(b"".join(line(number + each, int(sys.argv[2])) for each in range(1, 1001)))
    number += 1000
    if number == 1000:
        print("busy", flush=True)
"""


@pytest.mark.parametrize("kills", [20, pytest.param(50, marks=pytest.mark.long)])
def test_clients_killed_while_they_write_leave_whole_lines(daemon: Daemon, kills: int) -> None:
    folder = str(Path(writer.__file__).parent)
    with daemon.connect() as neighbour:
        neighbour.send(b"OPEN t\n")
        for first in range(0, kills, AT_A_TIME):
            with ExitStack() as stack:
                clients = [
                    stack.enter_context(program(STREAMS, daemon.socket, str(number), folder))
                    for number in range(first, first + AT_A_TIME)
                ]
                for client in clients:
                    assert words_of(client) == ["busy"]
                for client in clients:
                    client.kill()
            neighbour.send(writer.line(first + 1, kills))
            assert neighbour.flush() == (first // AT_A_TIME + 1, 0, 0)
    daemon.stop()

    logged: dict[int, list[int]] = defaultdict(list)
    for line in daemon.events("t"):
        found: dict[str, int] = json.loads(line)
        assert line == writer.line(found["ts"], found["tid"])
        logged[found["tid"]].append(found["ts"])
    assert len(logged) == kills + 1
    neighbours = logged.pop(kills)
    assert neighbours == list(range(1, kills, AT_A_TIME))
    # Of each killed client the beginning is there, to the last line that it had written.
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in logged.values())
    torn = [entry for entry in daemon.rejects("t") if "base64" in entry]
    assert all("the connection ended inside this line" in str(entry["reason"]) for entry in torn)
    stored = sum(map(len, logged.values()))
    sys.stderr.write(f"{kills} clients killed: {stored} events stored, {len(torn)} torn lines in the rejects\n")
