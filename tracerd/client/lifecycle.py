"""The moments of a process at which its clients must act: a fork, and each kind of its end."""

from __future__ import annotations

import atexit
import os
import sys

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    from typing import Protocol

    class Forking(Protocol):
        """What acts at these moments: each client."""

        def before_fork(self) -> None:
            """The process forks next."""

        def in_child(self) -> None:
            """This is the child of a fork."""

        def at_exit(self) -> None:
            """The process ends."""


_clients: list[Forking] = []
_registered: set[int] = set()
"""By `id`: the clients that `multiprocessing` calls after its forks."""

_finalized_in: dict[int, int] = {}
"""By `id`: the process at whose end `multiprocessing` calls a client."""


def watch(client: Forking) -> None:
    """From now on, call this client at forks and at the end."""
    _clients.append(client)


def forget(client: Forking) -> None:
    """Call it no more."""
    if client in _clients:
        _clients.remove(client)


def _before_fork() -> None:
    for client in _clients:
        client.before_fork()


def _in_child() -> None:
    for client in _clients:
        client.in_child()


def _at_exit() -> None:
    for client in _clients:
        client.at_exit()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_in_child)


def watch_multiprocessing(client: Forking) -> bool:
    """Call a client at the end of a process of `multiprocessing`, which runs nothing that `atexit` has registered.

    When such a process begins it drops all finalizers and runs the functions of `register_after_fork`, so one of these
    registers the finalizer anew.

    Returns:
        Whether this is such a process.
    """
    util = sys.modules.get("multiprocessing.util")
    if util is None:
        return False
    if id(client) not in _registered:
        _registered.add(id(client))
        util.register_after_fork(client, _finalize)
    _finalize(client)
    return _finalized_in.get(id(client)) == os.getpid()


def _finalize(client: Forking) -> None:
    is_child = sys.modules["multiprocessing"].parent_process() is not None
    if is_child and _finalized_in.get(id(client)) != os.getpid():
        _finalized_in[id(client)] = os.getpid()
        sys.modules["multiprocessing.util"].Finalize(client, client.at_exit, exitpriority=-1)
