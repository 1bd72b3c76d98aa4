"""One task waits for all connections: none is read from once it is closed, and none keeps another waiting."""

import contextlib
import socket
from collections.abc import Callable

import trio

from tracerd.daemon.connection import Connection
from tracerd.daemon.listeners import peer_of
from tracerd.daemon.readable import READS_PER_TURN, Readable


def connected(stack: contextlib.ExitStack, number: int) -> Connection:
    """A connection whose client has written something."""
    ours, theirs = socket.socketpair()
    stack.enter_context(ours)
    stack.enter_context(theirs).send(b"x")
    return Connection(number, ours, peer_of(ours), 1000)


async def read_by(readable: Readable, read: Callable[[Connection], bool]) -> None:
    """Read until that returns true."""
    async with trio.open_nursery() as nursery:

        def until(connection: Connection) -> None:
            if read(connection):
                nursery.cancel_scope.cancel()

        nursery.start_soon(readable.loop, until)


async def test_a_connection_closed_in_a_turn_is_not_read_from() -> None:
    readable, order = Readable(), list[int]()
    with contextlib.ExitStack() as stack:
        connections = [connected(stack, number) for number in range(3)]
        for connection in connections:
            readable.add(connection)

        def read(connection: Connection) -> bool:
            order.append(connection.client)
            for other in connections:
                if other is not connection and other.client not in order:
                    readable.remove(other)
                    other.close()
            return len(order) == 2  # the same one again, for nothing was taken from it

        await read_by(readable, read)
    assert len(set(order)) == 1


async def test_one_is_alone_while_no_other_has_something() -> None:
    readable, alone = Readable(), list[bool]()
    with contextlib.ExitStack() as stack:
        for number in range(2):
            readable.add(connected(stack, number))

        def read(connection: Connection) -> bool:
            if len(alone) != 1:  # in the third turn only the second one has something
                connection.socket.recv(1)
            alone.append(readable.is_alone)
            return len(alone) == 3

        await read_by(readable, read)
    assert alone == [False, False, True]


async def test_one_that_is_removed_is_not_read_from_though_its_socket_stays_open() -> None:
    readable, order = Readable(), list[int]()
    with contextlib.ExitStack() as stack:
        gone, other = connected(stack, 0), connected(stack, 1)
        readable.add(gone)
        readable.add(other)
        readable.remove(gone)
        readable.remove(gone)

        def read(connection: Connection) -> bool:
            order.append(connection.client)
            return len(order) == 3

        await read_by(readable, read)
    assert set(order) == {1}


async def test_all_have_their_turn_though_none_is_ever_read_to_its_end() -> None:
    readable, order = Readable(), list[int]()
    with contextlib.ExitStack() as stack:
        for number in range(2 * READS_PER_TURN):
            readable.add(connected(stack, number))

        def read(connection: Connection) -> bool:
            order.append(connection.client)
            return len(order) == 2 * READS_PER_TURN

        await read_by(readable, read)
    assert len(set(order)) == 2 * READS_PER_TURN
