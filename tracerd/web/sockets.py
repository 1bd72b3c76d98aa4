"""Where the server listens: on both loopback addresses at one port, or on a Unix socket of our own."""

import errno
import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tracerd.daemon.listeners import AnyListener, Listener, PassedListener
from tracerd.errors import WebError

PORT: Final = 8742

STALLED_MS: Final = 30_000
"""How long a client may take none of an answer before its connection is closed."""

_BACKLOG: Final = 128
_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen.

    Attributes:
        port: The port; None for PORT, or any free one if that is taken.
        path: Of the Unix socket; None for none.
    """

    port: int | None = None
    path: Path | None = None


def parse_address(text: str) -> Address:
    """The address of `TRACERD_WEB_ADDRESS`: `8742`, `127.0.0.1:8742`, `localhost:8742`, or a path.

    Raises:
        ValueError: It is none.
    """
    if "/" in text:
        return Address(path=Path(text.removeprefix("unix:")))
    host, _, port = text.rpartition(":")
    if host not in ("", "127.0.0.1", "localhost", "[::1]") or not (port.isascii() and port.isdigit()):
        raise ValueError(text)
    if not 0 <= int(port) < 65536:
        raise ValueError(text)
    return Address(int(port))


@contextmanager
def listening(address: Address, passed: list[socket.socket]) -> Generator[tuple[list[socket.socket], str]]:
    """The listening sockets, and what a person types to reach them.

    Args:
        address: Where.
        passed: Unix sockets of a service manager, which are used instead.

    Raises:
        WebError: The port is taken, or may not be used.
        TracerdError: The Unix socket cannot be made.
    """
    with ExitStack() as stack:
        if passed or address.path is not None:
            ours: list[AnyListener] = [PassedListener(one) for one in passed]
            if address.path is not None and not passed:
                ours.append(Listener(address.path, named=True))
            for listener in ours:
                stack.callback(listener.close)
            yield [listener.socket for listener in ours], f"unix:{ours[0].path}"
            return
        sockets = _tcp(address.port)
        for one in sockets:
            stack.enter_context(one)
        yield sockets, f"http://localhost:{sockets[0].getsockname()[1]}/"


def _tcp(port: int | None) -> list[socket.socket]:
    if port is not None:
        try:
            return _pair(port)
        except OSError as error:
            raise WebError(f"cannot listen at port {port}: {error.strerror}; --port 0 takes a free one") from None
    for attempt in range(_TRIES):
        try:
            return _pair(0 if attempt else PORT)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise WebError(f"cannot listen at 127.0.0.1: {error.strerror}") from None
    raise WebError("no port is free on both 127.0.0.1 and [::1]")


def _pair(port: int) -> list[socket.socket]:
    """Both addresses, or that of IPv4 where there is no IPv6: with one of them, the other would be a stranger's."""
    first = _listener(socket.AF_INET, "127.0.0.1", port)
    try:
        return [first, _listener(socket.AF_INET6, "::1", first.getsockname()[1])]
    except OSError as error:
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return [first]
        first.close()
        raise


def _listener(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit these: the kernel closes those whose other end takes nothing.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.bind((host, port))
        made.listen(_BACKLOG)
    except BaseException:
        made.close()
        raise
    return made
