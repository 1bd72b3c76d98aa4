"""The queue of a listening socket holds one connection more than its backlog, and all of them are accepted."""

import contextlib
import socket
from pathlib import Path

from tests.harness import short_dir
from tracerd.daemon.barrier import accept_waiting


def fill_queue(path: Path, stack: contextlib.ExitStack) -> int:
    """Connect until there is no room; how many there was room for."""
    for number in range(1000):
        client = stack.enter_context(socket.socket(socket.AF_UNIX))
        client.setblocking(False)
        try:
            client.connect(str(path))
        except BlockingIOError:
            return number
    raise AssertionError("the queue has no end")


async def test_a_full_queue_is_accepted_to_its_last_connection() -> None:
    backlog = 3
    with short_dir() as home, contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(home / "s"))
        listener.listen(backlog)
        listener.setblocking(False)
        waiting = fill_queue(home / "s", stack)
        accepted = 0

        def accept(most: int) -> int:
            nonlocal accepted
            for _ in range(min(most, 3)):
                connection, _ = listener.accept()
                connection.close()
                accepted += 1
            return min(most, 3)

        assert await accept_waiting(accept, backlog)
        assert accepted == waiting
