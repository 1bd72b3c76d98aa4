"""Unfinished lines have a limit, for all clients together."""

import contextlib
import fcntl
import socket
import termios
from functools import partial

from tests.daemon.small_disk import peak_mb
from tests.harness import event, running_daemon, wait_until
from tracerd.core.limits import DEFAULT_MAX_LINE_BYTES, DEFAULT_MAX_UNFINISHED_BYTES


def all_read(sock: socket.socket) -> bool:
    """Whether the other side has read all that was written here."""
    return fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)) == bytes(4)


def test_unfinished_lines_have_a_limit_together() -> None:
    mib = 1024 * 1024
    with running_daemon("--max-unfinished-bytes", str(8 * mib)) as daemon, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(daemon.connect()) for _ in range(8)]
        for number, client in enumerate(clients):
            client.send(b'OPEN t\n{"ph":"i","ts":%d,"name":"' % number + b"x" * (mib - 1000 * (8 - number)))
            wait_until(partial(all_read, client.socket), "the daemon to have read it")
        longest = clients[-1]
        with daemon.connect() as client:
            client.send(b'OPEN t\n{"ph":"i","name":"' + b"x" * 100_000)
            assert longest.line() == (
                b"ERROR 2: the unfinished lines of all clients take more than %d bytes" % (8 * mib)
            )
            client.send(b'"}\n')
            assert client.flush() == (1, 0, 0)
        longest.send(b'"}\n' + event(100))
        assert longest.flush() == (1, 1, 0)
        for client in clients[:-1]:
            client.send(b'"}\n')
            assert client.flush() == (1, 0, 0)
        # Room that was given back can be taken again.
        longest.send(b'{"ph":"i","name":"' + b"x" * (7 * mib) + b'"}\n')
        assert longest.flush() == (2, 1, 0)


def test_clients_that_leave_inside_a_line_take_no_room() -> None:
    mib = 1024 * 1024
    half = b'OPEN t\n{"ph":"i","name":"' + b"x" * (3 * mib)
    with running_daemon("--max-unfinished-bytes", str(4 * mib)) as daemon:
        for _ in range(5):
            assert b"the connection ended inside this line" in daemon.session(half)
        with daemon.connect() as client:
            client.send(half + b'"}\n')
            assert client.flush() == (1, 0, 0)


def test_a_hundred_unfinished_lines_of_16_mib_are_no_danger() -> None:
    line = b'OPEN t\n{"ph":"i","name":"' + b"x" * (DEFAULT_MAX_LINE_BYTES - 100)
    with running_daemon() as daemon, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(daemon.connect()) for _ in range(100)]
        for client in clients:
            client.send(line)
        totals = [0, 0]
        for client in clients:
            client.send(b'"}\n')
            stored, refused, lost = client.flush()
            assert (stored + refused, lost) == (1, 0)
            totals[refused] += 1
        most = DEFAULT_MAX_UNFINISHED_BYTES // DEFAULT_MAX_LINE_BYTES
        assert most - 1 <= totals[0] <= most + 1
        assert peak_mb(daemon) < 1.6 * DEFAULT_MAX_UNFINISHED_BYTES / 1e6
        assert len([line for line in daemon.stderr().splitlines() if "WARNING" in line]) <= totals[1]
