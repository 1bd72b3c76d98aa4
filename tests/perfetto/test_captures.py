"""Recorded sessions of the OCaml client: however the kernel cuts them, the log is the same and keeps all it can."""

import json
from pathlib import Path

import pytest

from tests.harness import Daemon
from tracerd.core.lines import BadLine, check_line
from tracerd.core.messages import EmitTef, EmitTefAtExit, Events, Message, Open, Refused
from tracerd.core.protocol import MessageReader

OCAML = Path(__file__).parent.parent / "captures" / "ocaml"
SESSIONS = sorted(OCAML.glob("*.bin"))

GOOD_AND_REPAIRED = {
    # all-kinds-main: of 23 event lines 1 has invalid UTF-8 and 4 a bare nan or inf, one of these with a bad key too.
    "all-kinds-main": (22, 4, 1),
    "all-kinds-v0.9.1": (21, 3, 1),
}
"""Stored, repaired and refused, counted by hand in the captures with one event of every kind."""


def reading(pieces: list[bytes], *, ended: bool = True) -> list[Message]:
    reader = MessageReader()
    messages = [message for piece in pieces for message in reader.feed(piece)]
    return messages + (reader.finish() if ended else [])


def log_of(messages: list[Message]) -> bytes:
    return b"".join(message.block for message in messages if isinstance(message, Events))


def offsets(wire: bytes) -> list[int]:
    """Every place to cut a short session; the places around the newlines of a long one."""
    if len(wire) < 4096:
        return list(range(len(wire) + 1))
    newlines = [at for at, byte in enumerate(wire) if byte == ord("\n")]
    return sorted({at for newline in newlines for at in range(newline - 200, newline + 201) if 0 <= at <= len(wire)})


@pytest.mark.parametrize("session", SESSIONS, ids=lambda path: path.stem)
def test_a_session_cut_in_two_gives_the_same_log(session: Path) -> None:
    wire = session.read_bytes()
    whole = log_of(reading([wire]))
    assert whole
    for at in offsets(wire):
        assert log_of(reading([wire[:at], wire[at:]])) == whole, at


@pytest.mark.parametrize("session", SESSIONS, ids=lambda path: path.stem)
def test_a_session_that_ends_anywhere_keeps_every_whole_event(session: Path) -> None:
    """What is kept of a torn session: its whole lines, and the last one if it lacks just the newline."""
    wire = session.read_bytes()
    whole = log_of(reading([wire]))
    for at in offsets(wire):
        kept = log_of(reading([wire[:at]]))
        *lines, rest = wire[:at].split(b"\n")
        expected = log_of(reading([line + b"\n" for line in lines], ended=False))
        if rest.startswith(b"{") and not isinstance(last := check_line(rest), BadLine):
            expected += last + b"\n"
        assert kept == expected, at
        assert whole.startswith(kept), at


@pytest.mark.parametrize("session", SESSIONS, ids=lambda path: path.stem)
def test_a_session_through_the_daemon_whole_and_byte_by_byte(session: Path, shared_daemon: Daemon) -> None:
    wire = session.read_bytes()
    (trace_id,) = (message.trace_id for message in reading([wire]) if isinstance(message, Open))
    # The paths in the captures are of another machine: the daemon says so, and nothing else changes.
    wire = b"".join(line for line in wire.splitlines(keepends=True) if not line.startswith(b"EMIT_TEF"))
    logs: list[list[bytes]] = []
    for name, step in (("whole", len(wire)), ("bytes", 1)):
        renamed = wire.replace(trace_id.encode(), f"{session.stem}-{name}".encode())
        with shared_daemon.connect() as client:
            for at in range(0, len(renamed), step):
                client.send(renamed[at : at + step])
            client.finish()
        logs.append(shared_daemon.events(f"{session.stem}-{name}"))
    assert logs[0] == logs[1]
    assert b"".join(logs[0]) == log_of(reading([wire]))
    for line in logs[0]:
        json.loads(line, parse_constant=pytest.fail)


@pytest.mark.parametrize("stem", GOOD_AND_REPAIRED)
def test_every_kind_of_event_is_kept_or_repaired_or_refused_as_counted(stem: str) -> None:
    messages = reading([(OCAML / f"{stem}.bin").read_bytes()])
    events = [message for message in messages if isinstance(message, Events)]
    refused = [message for message in messages if isinstance(message, Refused)]
    got = sum(run.count for run in events), sum(run.repaired for run in events), len(refused)
    assert got == GOOD_AND_REPAIRED[stem]


def test_the_parent_asks_for_its_trace() -> None:
    old = reading([(OCAML / "bench-n3-j2-v0.9.1-conn1.bin").read_bytes()])
    new = reading([(OCAML / "bench-n3-j2-main-conn1.bin").read_bytes()])
    assert isinstance(old[-1], EmitTef)
    assert isinstance(new[1], EmitTefAtExit)
