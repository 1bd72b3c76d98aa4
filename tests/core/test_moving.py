"""The extension moves lines: `pump` from a client to its log, `burst` those of many clients that have gone."""

import errno
import fcntl
import os
import socket
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.store.other_user import as_nobody
from tracerd import speedups
from tracerd.core.own_prefixes import CLOCK_PREFIX

pytestmark = pytest.mark.skipif(speedups.plain_lines is None, reason="not possible here: the extension is not in use")


def pump(data: bytes, log: int, partial: bytes = b"", reads: int = 2) -> speedups.Pumped | None:
    """What comes of data that a client has sent, and which is still connected unless it sent nothing."""
    assert speedups.pump
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1024 * 1024)
        theirs.sendall(data)
        if not data:
            theirs.close()
        return speedups.pump(ours.fileno(), log, partial, reads)


GOOD = b'{"a":1}\n'


@pytest.mark.parametrize(
    ("partial", "data", "lines", "rest"),
    [
        (b"", GOOD * 3, 3, b""),
        (b"", GOOD * 3 + b'{"a', 3, b'{"a'),
        (b'{"a', b'":1}\n{', 1, b"{"),
        (b'{"a', b'":', 0, b'{"a":'),
        (b"", GOOD + b'{"a":nan}\n' + GOOD, 1, b'{"a":nan}\n' + GOOD),
        (b"", GOOD + b"FLUSH\n" + GOOD, 1, b"FLUSH\n" + GOOD),
        (b"", GOOD + CLOCK_PREFIX + b'"args":{}}\n', 1, CLOCK_PREFIX + b'"args":{}}\n'),
        (b"{", b"", 0, b"{"),
    ],
)
def test_plain_lines_are_pumped_and_the_rest_is_handed_back(
    partial: bytes, data: bytes, lines: int, rest: bytes, tmp_path: Path
) -> None:
    with (tmp_path / "log").open("wb") as log:
        expected = (partial + data).removesuffix(rest)
        assert pump(data, log.fileno(), partial) == (len(data), lines, len(expected), 0, rest)
    assert (tmp_path / "log").read_bytes() == expected


def test_nothing_is_pumped_where_nothing_is() -> None:
    assert speedups.pump
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert speedups.pump(ours.fileno(), -1, b"{", 2) is None


@pytest.mark.parametrize("reads", [1, 2])
def test_a_turn_has_so_many_reads(reads: int, tmp_path: Path) -> None:
    size = reads * 64 * 1024
    with (tmp_path / "log").open("wb") as log:
        assert pump(GOOD * 20_000, log.fileno(), reads=reads) == (size, size // len(GOOD), size, 0, b"")
        assert pump(b"x" * 200_000, log.fileno(), reads=reads) == (size, 0, 0, 0, b"x" * size)
    assert (tmp_path / "log").read_bytes() == GOOD * (size // len(GOOD))


def test_no_more_is_moved_than_is_said(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    reads = speedups.MAX_READS
    data = GOOD * (speedups.MAX_MOVED_BYTES // len(GOOD) + 1)
    with ours, theirs, (tmp_path / "log").open("wb") as log:
        sender = threading.Thread(target=theirs.sendall, args=(data,))
        sender.start()
        moved = 0
        while moved < len(data):
            assert speedups.pump
            if done := speedups.pump(ours.fileno(), log.fileno(), b"", reads):
                assert done[0] <= reads * 64 * 1024
                moved += done[0]
        sender.join()
    assert (tmp_path / "log").read_bytes() == data


def test_a_partial_line_has_a_limit() -> None:
    held = b"x" * speedups.MAX_PARTIAL_BYTES
    assert pump(b"x", -1, held) == (1, 0, 0, 0, held + b"x")
    with pytest.raises(ValueError, match="longer than 65536 bytes"):
        pump(b"x", -1, held + b"x")


def test_what_a_failed_write_left_is_handed_back_and_counted() -> None:
    reading, writing = os.pipe2(os.O_NONBLOCK)  # which takes a part of what is written
    size = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    lines = GOOD * size
    try:
        assert pump(lines, writing) == (len(lines), 0, 0, size, lines)
        assert pump(lines, writing) == (len(lines), 0, 0, 0, lines)
    finally:
        os.close(reading)
        os.close(writing)


def test_other_threads_run_while_a_write_waits() -> None:
    reading, writing = os.pipe()
    size = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    got: list[bytes] = []

    def drain() -> None:
        while data := os.read(reading, size):
            got.append(data)

    thread = threading.Thread(target=drain)
    thread.start()
    assert pump(GOOD * size, writing) == (8 * size, size, 8 * size, 0, b"")
    os.close(writing)
    thread.join()
    os.close(reading)
    assert b"".join(got) == GOOD * size


HELLO = b"OPEN t\n"
NOT_SERVED = {
    "nothing": b"",
    "half a greeting": b"OPEN",
    "no events": HELLO,
    "another trace": b"OPEN t2\n" + GOOD,
    "half a line": HELLO + GOOD[:-1],
    "a line to be repaired": HELLO + GOOD + b'{"a":nan}\n',
    "a command": HELLO + GOOD + b"FLUSH\n",
}


@contextmanager
def clients(*blocks: bytes, stays: bool = False) -> Generator[int]:
    """A listener, by its descriptor, in whose queue are clients that have sent these and gone; the last may stay."""
    with socket.socket(socket.AF_UNIX) as listener, ExitStack() as stack:
        listener.bind(b"")  # a name of the kernel's choice, which any user may connect to
        listener.listen(100)
        listener.setblocking(False)
        for data in blocks:
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.connect(listener.getsockname())
            client.sendall(data)
            if not (stays and data is blocks[-1]):
                client.close()
        yield listener.fileno()


def burst(listener: int, log: int, most: int = 64) -> tuple[object, ...]:
    """What was done; of the client behind only whether there is one."""
    assert speedups.burst
    served, lines, length, torn, error, client, data, ended = speedups.burst(listener, log, HELLO, most)
    if client >= 0:
        os.close(client)
    return served, lines, length, torn, error, client >= 0, data if client >= 0 else b"", ended if client >= 0 else None


def test_clients_that_sent_plain_lines_and_went_are_served_in_a_row(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log, clients(HELLO + GOOD, HELLO + GOOD * 3) as listener:
        assert burst(listener, log.fileno()) == (2, 4, 4 * len(GOOD), 0, errno.EAGAIN, False, b"", None)
    assert (tmp_path / "log").read_bytes() == GOOD * 4


@pytest.mark.parametrize("data", NOT_SERVED.values(), ids=NOT_SERVED)
def test_any_other_client_is_handed_over_with_what_it_sent(data: bytes, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log, clients(HELLO + GOOD, data, HELLO + GOOD) as listener:
        assert burst(listener, log.fileno()) == (1, 1, len(GOOD), 0, 0, True, data, True)
        assert burst(listener, log.fileno()) == (1, 1, len(GOOD), 0, errno.EAGAIN, False, b"", None)
    assert (tmp_path / "log").read_bytes() == GOOD * 2


@pytest.mark.parametrize("data", [b"", HELLO + GOOD])
def test_a_client_that_stays_is_handed_over(data: bytes) -> None:
    with clients(data, stays=True) as listener:
        assert burst(listener, -1) == (0, 0, 0, 0, 0, True, data, False)


def test_a_client_that_sent_more_than_one_read_is_handed_over() -> None:
    data = HELLO + GOOD * 10_000
    with clients(data) as listener:
        assert burst(listener, -1) == (0, 0, 0, 0, 0, True, data[: 64 * 1024], False)


def test_a_burst_ends_after_so_many_clients_or_bytes(tmp_path: Path) -> None:
    large = HELLO + GOOD * 8000
    with (tmp_path / "log").open("wb") as log:
        with clients(*[HELLO + GOOD] * 5) as listener:
            assert burst(listener, log.fileno(), 3)[:2] == (3, 3)
        with clients(*[large] * 5) as listener:
            assert burst(listener, log.fileno())[:2] == (3, 24_000)
    assert (tmp_path / "log").stat().st_size <= speedups.MAX_MOVED_BYTES + 3 * len(GOOD)


def test_a_client_whose_lines_could_not_be_written_is_handed_over() -> None:
    reading, writing = os.pipe2(os.O_NONBLOCK)
    size = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 2 * os.sysconf("SC_PAGE_SIZE"))
    data = HELLO + GOOD * (size // len(GOOD))
    try:
        with clients(HELLO + GOOD, data) as listener:
            done = burst(listener, writing)
        torn = len(os.read(reading, 2 * size)) - len(GOOD)
        assert torn > 0
        assert done == (1, 1, len(GOOD), torn, 0, True, data, True)
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.skipif(os.geteuid() != 0, reason="not possible here: only root can be another user")
def test_a_client_of_another_user_is_handed_over_unread() -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(b"")
        listener.listen()
        name = listener.getsockname().hex()
        as_nobody(f"socket.socket(socket.AF_UNIX).connect(bytes.fromhex({name!r}))")
        assert burst(listener.fileno(), -1) == (0, 0, 0, 0, 0, True, b"", False)
