"""What a service manager and a daemon send each other: sockets passed to us, and our state.

Two small protocols of environment variables, sd_listen_fds(3) and sd_notify(3), which others than systemd speak too.
"""

import logging
import os
import socket
from collections.abc import MutableMapping

from tracerd.errors import PassedSocketError

logger = logging.getLogger(__name__)

FIRST_FD = 3
"""Where passed descriptors begin."""

NOTIFY_S = 1.0
"""How long the manager may take to take a message."""


def take_sockets(environ: MutableMapping[str, str] = os.environ) -> list[socket.socket]:
    """The listening sockets passed to this process; from now on the environment does not name them.

    Raises:
        PassedSocketError: One is no listening Unix stream socket.
    """
    pid, count, *_ = [
        environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID")
    ]
    if pid != str(os.getpid()):
        return []  # meant for a process above us
    if not (count.isascii() and count.isdigit()):
        raise PassedSocketError(f"LISTEN_FDS is {count!r}, which is no number")
    return [_listening_socket(fd) for fd in range(FIRST_FD, FIRST_FD + int(count))]


def _listening_socket(fd: int) -> socket.socket:
    try:
        os.set_inheritable(fd, False)
        passed = socket.socket(fileno=fd)
        listens = passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise PassedSocketError(f"descriptor {fd}, passed by LISTEN_FDS, cannot be used: {error.strerror}") from None
    if (passed.family, passed.type) != (socket.AF_UNIX, socket.SOCK_STREAM) or not listens:
        raise PassedSocketError(
            f"descriptor {fd}, passed by LISTEN_FDS, is no listening Unix stream socket; see ListenStream= of the unit"
        )
    passed.setblocking(False)
    return passed


def notify(*assignments: str) -> None:
    """Report our state to the service manager, in lines such as `READY=1`; without one, nothing happens."""
    address = os.fsencode(os.environ.get("NOTIFY_SOCKET", ""))
    if not address:
        return
    if address.startswith(b"@"):
        address = b"\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(NOTIFY_S)
        try:
            manager.sendto("\n".join(assignments).encode(errors="replace"), address)
        except OSError as error:
            logger.warning("cannot send %s to the service manager: %s", assignments[0], error)
