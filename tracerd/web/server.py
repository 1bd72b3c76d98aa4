"""The server: the application on hypercorn and trio, until a signal."""

import contextlib
import ctypes
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config, Sockets
from hypercorn.trio.run import worker_serve
from hypercorn.typing import ASGIFramework

from tracerd.ui.peer import Address, owner
from tracerd.web.application import Application, Settings
from tracerd.web.exchange import beside_hypercorn
from tracerd.web.guard import MAX_HEADER_BYTES

logger = logging.getLogger(__name__)

IDLE_S: Final = 5
"""How long a connection may be without a request, or take to send the headers of one."""

GRACE_S: Final = 1
"""How long answers that are under way may take at the end."""

_ARENA_MAX: Final = -8
"""M_ARENA_MAX of glibc's malloc.h."""


def is_ours(client: Address, server: Address) -> bool:
    """Whether a connection is of this user or of root."""
    return owner(client, server) in (os.geteuid(), 0)


def run(settings: Settings, sockets: Sequence[socket.socket], report_ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        settings: What the application is made of.
        sockets: Where it listens.
        report_ready: Called when both signals end it well.
    """
    _share_memory()
    config = Config()
    config.accesslog = None  # the application has a log of its own
    config.errorlog = logger
    config.include_server_header = False
    config.h11_max_incomplete_size = MAX_HEADER_BYTES  # of those that do not end; the guard counts the others
    config.keep_alive_timeout = IDLE_S
    config.graceful_timeout = GRACE_S
    app = ASGIWrapper(cast("ASGIFramework", beside_hypercorn(Application(settings))))
    listening = Sockets([], list(sockets), [])
    stopped = partial(_stopped, report_ready)
    trio.run(partial(worker_serve, app, config, sockets=listening, shutdown_trigger=stopped))


def _share_memory() -> None:
    """Let all threads take memory from one place: of several, each keeps what it once needed for a large body."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


async def _stopped(report_ready: Callable[[], None]) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        report_ready()
        async for _ in signals:
            # A client that takes nothing of its answer would keep hypercorn from ending; we hold nothing that is lost.
            last = threading.Timer(GRACE_S + 2, os._exit, (0,))
            last.daemon = True
            last.start()
            return
