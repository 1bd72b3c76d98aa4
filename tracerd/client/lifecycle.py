"""The moments of a process at which its clients have to act: fork, and its end, in each of its kinds."""

from __future__ import annotations

import atexit
import os
import sys

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    from tracerd.client.client import Client

_clients: list[Client] = []
_asked: set[int] = set()
_told_of_end: dict[int, int] = {}
"""Clients by `id`: who asked `multiprocessing`, and in which process it tells them."""


def watch(client: Client) -> None:
    """From now on, tell this client of forks and of the end."""
    _clients.append(client)


def forget(client: Client) -> None:
    """Tell it nothing more."""
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


def watch_multiprocessing(client: Client) -> None:
    """In a process of `multiprocessing`, be told of its end: it calls nothing that `atexit` knows.

    When such a process begins it forgets whom to tell, and calls those who asked for it after that.
    """
    util = sys.modules.get("multiprocessing.util")
    if util is None:
        return
    if id(client) not in _asked:
        _asked.add(id(client))
        util.register_after_fork(client, _tell_of_end)
    _tell_of_end(client)


def _tell_of_end(client: Client) -> None:
    is_child = sys.modules["multiprocessing"].parent_process() is not None
    if is_child and _told_of_end.get(id(client)) != os.getpid():
        _told_of_end[id(client)] = os.getpid()
        sys.modules["multiprocessing.util"].Finalize(client, client.at_exit, exitpriority=-1)
