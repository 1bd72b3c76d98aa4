"""The causal barrier and the stop order: the only callers of FIONREAD and SHUT_RD.

Problem: a parent sends EMIT_TEF after its children have exited, and the export must hold all that they wrote. Their
bytes may still wait in receive buffers, or in connections that were not accepted yet.

Strategy: on AF_UNIX, connect() returns after the connection is queued and write() after the bytes are in our queue. So
whatever any process had written before is with the kernel, in one of two queues that can be measured. The barrier takes
exactly what they hold now, and no more, so that no busy client can make it endless. It never awaits.

The stop uses the same facts: SHUT_RD on a socket makes later writes fail at the writer, and leaves what was written
before to be read to its end. So exactly the writes that succeeded are in the log.
"""

import contextlib
import fcntl
import socket
import struct
import termios
from collections.abc import Callable, Iterable

from tracerd.daemon.connection import Connection

_INT = struct.Struct("i")


def waiting_bytes(connection: socket.socket) -> int:
    """How many bytes lie in the connection's receive buffer now."""
    raw = fcntl.ioctl(connection, termios.FIONREAD, bytes(_INT.size))
    return int(_INT.unpack(raw)[0])


def accept_waiting(accept: Callable[[], bool], backlog: int) -> bool:
    """Accept every connection that waits now.

    The queue is first in, first out and holds at most `backlog` + 1, so that many calls are enough; "until none is
    left" need not end while others keep connecting.

    Args:
        accept: Accepts one connection; False when none waits. OSError when it cannot (out of file descriptors).
        backlog: As given to listen().

    Returns:
        Whether all were accepted.
    """
    try:
        for _ in range(backlog + 1):
            if not accept():
                break
    except OSError:
        return False
    return True


def read_waiting(connections: Iterable[Connection], read: Callable[[Connection, int], object]) -> None:
    """Read from every connection what waits now, once: a smaller bound would break the promise, a larger never end."""
    for connection in list(connections):
        if connection.reading and (size := waiting_bytes(connection.socket)):
            read(connection, size)


def refuse_new(listener: socket.socket) -> None:
    """Let new connects fail, while those that wait can still be accepted."""
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RD)


def refuse_writes(connection: socket.socket) -> None:
    """Let the peer's writes fail from now on (EPIPE), while what was written can still be read to its end."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RD)
