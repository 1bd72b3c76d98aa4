"""docs/protocol.md: what the calls of a client meet, and what is whole of what it sends."""

import errno
import os
import signal
import socket

import pytest

from tests.docs.documents import PROTOCOL, code, section, tables
from tests.harness import Client, Daemon, events, wait_until

WHOLE = 32 * 1024


def fill(connection: socket.socket, size: int) -> list[int]:
    """How much each `send` of lines takes, until the socket of a daemon that does not read is full."""
    line = b" " * (size - 1) + b"\n"  # a blank line
    connection.setblocking(False)
    taken: list[int] = []
    while True:
        try:
            taken.append(connection.send(line))
        except BlockingIOError:  # EAGAIN
            return taken


def test_up_to_32_kib_are_taken_whole_or_not_at_all(daemon: Daemon) -> None:
    assert "Up to 32 KiB (32768 bytes) in one `send` are taken whole or not at all" in section(PROTOCOL, "### Lines")
    with daemon.connect() as client, daemon.connect() as large:
        client.flush()
        large.flush()
        daemon.process.send_signal(signal.SIGSTOP)
        try:
            assert set(fill(client.socket, WHOLE)) == {WHOLE}
            assert fill(large.socket, 2 * WHOLE)[-1] < 2 * WHOLE
        finally:
            daemon.process.send_signal(signal.SIGCONT)


def test_errors_of_a_daemon_that_ends(daemon: Daemon) -> None:
    table = {(code(row[0]), row[1].partition(" (")[0]) for row in tables(section(PROTOCOL, "### Errors"))[0][:-1]}
    with daemon.connect() as read, daemon.connect() as unread:
        read.flush()
        unread.flush()
        daemon.process.send_signal(signal.SIGSTOP)
        unread.send(events([1]))
        daemon.kill()

        assert ("recv", "0 bytes") in table
        assert read.socket.recv(1) == b""
        with pytest.raises(ConnectionResetError):
            unread.socket.recv(1)
        with pytest.raises(BrokenPipeError):
            unread.send(b"x")
        assert {("recv", "`ECONNRESET`"), ("send", "`EPIPE`")} <= table
    with pytest.raises(ConnectionRefusedError):
        Client(daemon.socket)
    daemon.socket.unlink()
    with pytest.raises(FileNotFoundError):
        Client(daemon.socket)
    assert ("connect", "`ENOENT`, `ECONNREFUSED`") in table


def test_connect_without_blocking_meets_a_full_queue() -> None:
    [row] = [row for row in tables(section(PROTOCOL, "### Errors"))[0] if "4096" in row[2]]
    assert (code(row[0]), row[1].split()[0]) == ("connect", "`EAGAIN`")
    address = f"\0tracerd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(address)
        listener.listen(0)
        first.connect(address)
        with socket.socket(socket.AF_UNIX) as second:
            second.setblocking(False)
            assert second.connect_ex(address) == errno.EAGAIN


@pytest.mark.parametrize("call", ["close", "shutdown"])
def test_a_child_closes_and_never_shuts_down(call: str, daemon: Daemon) -> None:
    with daemon.connect() as client:
        client.send(b"OPEN forked\n" + events([1]))
        copy = client.socket.dup()  # as the child of a fork has it
        if call == "shutdown":
            copy.shutdown(socket.SHUT_RDWR)
        copy.close()
        if call == "close":
            client.send(events([2]))
            assert client.flush() == (2, 0, 0)
        else:
            with pytest.raises(BrokenPipeError):
                client.send(events([2]))
    wait_until(lambda: daemon.numbers_so_far("forked") == ([1, 2] if call == "close" else [1]), "the events")
