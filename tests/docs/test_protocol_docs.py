"""docs/protocol.md: the session and the tables are answered as shown."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from tests.docs.documents import (
    ELSEWHERE,
    FORMAT,
    PROTOCOL,
    blocks,
    code,
    in_shell,
    line_tables,
    message_table,
    needs_socat,
    section,
    tables,
)
from tests.harness import Client, Daemon, short_dir
from tracerd import __version__
from tracerd.core.clients import MAX_ERRORS
from tracerd.core.json_text import MAX_DEPTH
from tracerd.core.limits import DEFAULT_MAX_LINE_BYTES
from tracerd.core.lines import MAX_REPAIRED_BYTES
from tracerd.core.messages import Message, Refused
from tracerd.core.protocol import MessageReader
from tracerd.daemon.connection import MAX_OUTBOX_BYTES
from tracerd.daemon.listeners import BACKLOG
from tracerd.trace_id import MAX_TRACE_ID_BYTES


def messages() -> Iterator[tuple[str, Message]]:
    for cell, *_ in message_table():
        line = code(cell).replace("<trace-id>", "t").replace("<path>", "/t.json").replace("{...}", '{"ph":"i"}')
        for message in MessageReader().feed(line.encode() + b"\n"):
            yield line, message


def test_protocol_table_has_every_message_and_each_is_known() -> None:
    kinds = {type(message) for _, message in messages()}

    assert kinds == set(get_args(Message)) - {Refused}
    assert len(list(messages())) == len(message_table())


def test_every_message_has_a_section() -> None:
    headings = re.findall(r"^### (.*)$", section(PROTOCOL, "## Messages"), re.MULTILINE)

    assert headings == ["An event" if line.startswith("{") else f"`{line.split()[0]}`" for line, _ in messages()]


class Session:
    """The session at the end of protocol.md, replayed; and the files that it left."""

    def __init__(self, daemon: Daemon, home: Path) -> None:
        self.pid = os.getpid()
        [text] = blocks(section(PROTOCOL, "## One whole session"), "session")
        self.expected: list[bytes] = []
        self.got: list[bytes] = []
        client = Client(daemon.socket)
        rest = b""
        for line in text.splitlines():
            mark, what = line[:2], line[2:].replace(ELSEWHERE, str(home))
            if what == "(half-close)":
                rest = client.finish()
            elif mark == "> ":
                client.send(what.encode() + b"\n")
            elif what == "(end)":
                self.expected.append(b"")
                self.got.append(rest)
            else:
                self.expected.append(what.encode())
                self.got.append(client.line())
        daemon.stop()
        self.log = daemon.log("build-42").decode()
        self.rejects = (daemon.dir / "build-42.rejected").read_text()
        self.trace_json = (home / "trace.json").read_text()


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with short_dir() as home, Daemon(home) as daemon:
        yield Session(daemon, home)


def same_clock(text: str) -> str:
    """The text with other clock readings, which differ each time, and with the version of the day."""
    text = re.sub(r'_us":[0-9]+', '_us":0', text)
    text = re.sub(r'"boot_id":"[-0-9a-f]{36}"', '"boot_id":"b"', text)
    return text.replace(f'"{__version__}"', '"0.1.0"')


def test_session_is_answered_as_shown(session: Session) -> None:
    assert session.got == session.expected
    assert len(session.expected) == 4


def test_session_leaves_the_files_that_are_shown(session: Session) -> None:
    [log] = blocks(section(FORMAT, "## The log (.jsonl)"), "jsonl")
    [rejects] = blocks(section(FORMAT, "## The rejects file (.rejected)"), "jsonl")
    [trace_json] = blocks(section(FORMAT, "## trace.json"), "json")

    assert same_clock(session.log) == same_clock(log)
    assert session.rejects.replace(f'"client_pid":{session.pid}', '"client_pid":4242') == rejects
    assert same_clock(session.trace_json) + "\n" == same_clock(trace_json)


def without_values(json_text: str) -> str:
    """The keys of JSON text and what is nested in what."""
    return re.sub(r'(?<=":)("[^"]*"|[0-9.]+)', "0", json_text)


def test_status_has_the_keys_that_are_shown(shared_daemon: Daemon) -> None:
    [shown] = blocks(section(PROTOCOL, "### `STATUS`"), "json")
    with shared_daemon.connect() as client:
        client.send(b'OPEN build-42\n{"ph":"i","ts":1}\nFLUSH\nSTATUS\n')
        client.line()
        got = client.line().decode()

    assert without_values(got) == without_values(shown.rstrip("\n"))


REPAIRED, REFUSED_LINES = line_tables(PROTOCOL, "### An event")


@pytest.mark.parametrize(("sent", "stored"), [pytest.param(*map(code, row)) for row in REPAIRED])
def test_lines_are_repaired_as_shown(sent: str, stored: str, shared_daemon: Daemon) -> None:
    trace_id = f"repair-{REPAIRED.index([f'`{sent}`', f'`{stored}`'])}"

    replies = shared_daemon.session(f"OPEN {trace_id}\n{sent}\nFLUSH\n".encode())

    assert replies == b"OK 1 0 0\n"
    assert shared_daemon.events(trace_id) == [f"{stored}\n".encode()]


@pytest.mark.parametrize(("sent", "reason"), [pytest.param(*map(code, row)) for row in REFUSED_LINES])
def test_lines_are_refused_as_shown(sent: str, reason: str, shared_daemon: Daemon) -> None:
    replies = shared_daemon.session(f"OPEN refusals\n{sent}\nFLUSH\n".encode())

    assert replies == f"ERROR 2: {reason}\nOK 0 1 0\n".encode()


def test_limits_are_those_of_the_code() -> None:
    limits = {row[0]: row[1] for row in tables(section(PROTOCOL, "## Limits"))[0]}

    assert limits["a line, without its `\\n`"].startswith(f"{DEFAULT_MAX_LINE_BYTES} bytes")
    assert limits["a line that is to be repaired"].startswith(f"{MAX_REPAIRED_BYTES} bytes")
    assert limits["nesting of an event, the object itself being the first level"] == f"{MAX_DEPTH} levels"
    assert limits["a trace id"] == f"{MAX_TRACE_ID_BYTES} bytes"
    assert limits["`ERROR` lines for one connection"].startswith(f"{MAX_ERRORS}, ")
    assert limits["`OK` and `STATUS` lines that wait for a client that does not read"] == "1 MiB"
    assert MAX_OUTBOX_BYTES == 1024 * 1024
    assert limits["connections that wait to be accepted"] == str(BACKLOG)


def nc_is_openbsd() -> bool:
    nc = shutil.which("nc")
    return nc is not None and b"OpenBSD" in subprocess.run([nc, "-h"], capture_output=True, check=False).stderr


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("nc", marks=pytest.mark.skipif(not nc_is_openbsd(), reason="OpenBSD's nc is not installed")),
        pytest.param("socat", marks=needs_socat),
    ],
)
def test_protocol_can_be_tried_by_hand(program: str) -> None:
    [line] = [block for block in blocks(section(PROTOCOL, "## Try it by hand"), "sh") if f"| {program} " in block]
    with short_dir() as home, Daemon(home) as daemon:
        done = in_shell(line, home, TRACERD_SOCKET=str(daemon.socket))

    assert done.stdout == "OK 1 0 0\n", done.stderr
