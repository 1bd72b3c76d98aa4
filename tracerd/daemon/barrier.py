"""The causal barrier and the stop order: the only callers of FIONREAD and SHUT_RD.

Problem: a parent sends EMIT_TEF after its children have exited, and the export must hold all that they wrote. Their
bytes may still wait in receive buffers, or in connections that were not accepted yet.

Strategy: on AF_UNIX, connect() returns after the connection is queued and write() after the bytes are in our queue. So
whatever any process had written before is with the kernel, in one of two queues that can be measured. The barrier takes
exactly what they hold now, and no more, so that no busy client can make it endless. Other tasks take turns with it:
what they take meanwhile counts, for both queues are first in, first out.

The stop uses the same facts: SHUT_RD on a socket makes later writes fail at the writer, and leaves what was written
before to be read to its end. So exactly the writes that succeeded are in the log.
"""

import contextlib
import fcntl
import socket
import struct
import termios
from collections.abc import Callable, Iterable

import trio

from tracerd.daemon.connection import Connection

ACCEPTS_PER_TURN = 64
"""Connections accepted before others get their turn."""

_INT = struct.Struct("i")


def waiting_bytes(connection: socket.socket) -> int:
    """How many bytes lie in the connection's receive buffer now."""
    raw = fcntl.ioctl(connection, termios.FIONREAD, bytes(_INT.size))
    return int(_INT.unpack(raw)[0])


async def accept_waiting(accept: Callable[[int], int], backlog: int) -> bool:
    """Accept every connection that waits now.

    The queue is first in, first out and holds at most `backlog` + 1, so that many calls are enough; "until none is
    left" need not end while others keep connecting.

    Args:
        accept: Accepts so many connections at most; how many it were, 0 when none waits. OSError when it cannot (out
            of file descriptors).
        backlog: As given to listen().

    Returns:
        Whether all were accepted.
    """
    try:
        left = backlog + 1
        while left > 0 and (accepted := accept(min(left, ACCEPTS_PER_TURN))):
            left -= accepted
            if left % ACCEPTS_PER_TURN < accepted:
                await trio.lowlevel.checkpoint()
    except OSError:
        return False
    return True


async def read_waiting(connections: Iterable[Connection], read: Callable[[Connection], bool]) -> None:
    """Read from every connection what waits now: less would break the promise, more might never end.

    A recv may return less than it was asked for: it ends at passed descriptors and at out-of-band data.

    Args:
        connections: Those to read from.
        read: Reads once; False if there was nothing.
    """
    reading = [connection for connection in connections if connection.reading]
    ends = [connection.received + waiting_bytes(connection.socket) for connection in reading]
    for connection, end in zip(reading, ends, strict=True):
        while connection.reading and connection.handled < end:
            if not read(connection):
                break
            await trio.lowlevel.checkpoint()


def refuse_new(listener: socket.socket) -> None:
    """Let new connects fail, while those that wait can still be accepted."""
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RD)


def refuse_writes(connection: socket.socket) -> None:
    """Let the peer's writes fail from now on (EPIPE), while what was written can still be read to its end."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RD)
