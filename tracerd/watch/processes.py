"""Which processes are connected, and which are gone."""

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final

import msgspec

from tracerd.errors import NoAnswerError, TracerdError
from tracerd.watch.presence import Pid


class _Client(msgspec.Struct):
    pid: int


class _Trace(msgspec.Struct):
    clients: list[_Client]


class _Status(msgspec.Struct):
    directory: str
    traces: dict[str, _Trace]


NO_ONE: Final[Mapping[str, Collection[Pid]]] = {}


def connected(
    ask: Callable[[], bytes], directory: Path, before: Mapping[str, Collection[Pid]] | None = None
) -> Mapping[str, Collection[Pid]] | None:
    """Of each trace the processes that have a connection; None without a daemon for this directory.

    Args:
        ask: Gives the answer to STATUS.
        directory: Where the logs are.
        before: What was known; it still counts while a daemon is too busy to answer.
    """
    try:
        status = msgspec.json.decode(ask(), type=_Status)
    except NoAnswerError:
        return before
    except (TracerdError, msgspec.DecodeError):
        return None
    if status.directory != os.fsencode(directory).decode(errors="replace"):
        return None
    return {name: {client.pid for client in trace.clients} for name, trace in status.traces.items()}


def is_gone(pid: Pid) -> bool:
    """Whether no process of this machine has a pid now; what is no number is gone with its connection."""
    return not isinstance(pid, int) or not os.path.exists(f"/proc/{pid}")
