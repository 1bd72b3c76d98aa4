"""Waiting for all connections in one task.

Trio's own way is a task for each. It costs more memory, and a turn of Trio's loop for each read.
"""

import select
from collections.abc import Callable

import trio

from tracerd.daemon.connection import Connection

READS_PER_TURN = 16
"""Connections that are read from before others get their turn: accepting, exports, the barrier."""


class Readable:
    """The connections that are read from as soon as they have something to read.

    Attributes:
        is_alone: Whether no other had something when the one that is read from was found.
    """

    def __init__(self) -> None:
        self.is_alone = False
        self._epoll = select.epoll()
        self._connections: dict[int, Connection] = {}  # by descriptor

    def add(self, connection: Connection) -> None:
        """Read from it from now on."""
        fd = connection.socket.fileno()
        self._connections[fd] = connection
        self._epoll.register(fd, select.EPOLLIN)

    def remove(self, connection: Connection) -> None:
        """Read from it no more, if it was; to be called before its socket is closed."""
        fd = connection.socket.fileno()
        if self._connections.pop(fd, None):
            self._epoll.unregister(fd)

    async def loop(self, read: Callable[[Connection], object]) -> None:
        """Call this for each that has something, or has ended, in turns with other tasks; for ever."""
        while True:
            await trio.lowlevel.wait_readable(self._epoll)
            # The kernel puts who has just written behind those who write all the time.
            found = self._epoll.poll(0, READS_PER_TURN)
            self.is_alone = len(found) == 1
            for fd, _ in reversed(found):
                connection = self._connections.get(fd)  # None if it was given up in this turn
                if connection and not connection.messages:  # else a task of its own handles them
                    read(connection)
