"""The daemon's status: the answer to STATUS, one JSON line."""

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import msgspec

from tracerd import __version__
from tracerd.core.actions import ClientId
from tracerd.core.clients import Client
from tracerd.core.counts import Totals
from tracerd.core.git_client import GitTotals
from tracerd.core.state import DaemonState
from tracerd.speedups import implementation


class ClientStatus(msgspec.Struct):
    """One connection: the process that made it, for how long, and the lines it has sent."""

    pid: int
    comm: str | None
    seconds: float
    lines: int


class TraceStatus(msgspec.Struct):
    """A trace that has clients, or events that wait in memory; counts are of event lines since it last had neither."""

    stored: int
    repaired: int
    refused: int
    lost: int
    waiting: int
    clients: list[ClientStatus]


class DaemonStatus(msgspec.Struct):
    """The whole answer; counts are of event lines since the daemon's start."""

    version: str
    pid: int
    uptime_s: float
    directory: str
    clients: int
    totals: Totals
    traces: dict[str, TraceStatus]
    implementation: str = "Python"
    """Which scanner it uses; see `tracerd.speedups`."""
    git: GitTotals = msgspec.field(default_factory=GitTotals)
    """Connections of git since the daemon's start; they are not among the clients."""


def status_line(
    state: DaemonState,
    *,
    now_s: float,
    uptime_s: float,
    directory: Path,
    describe: Callable[[ClientId], tuple[str | None, int]],
) -> bytes:
    """A `DaemonStatus` as one JSON line.

    Args:
        state: What the daemon knows.
        now_s: The time, by the clock that the state's times are of.
        uptime_s: Seconds since the daemon's start.
        directory: Where the logs are.
        describe: A client's name, and the number of lines that it has sent.
    """
    status = DaemonStatus(
        version=__version__,
        pid=os.getpid(),
        uptime_s=round(uptime_s, 3),
        directory=os.fsencode(directory).decode(errors="replace"),
        clients=sum(not client.gone and not client.git for client in state.clients.values()),
        totals=state.totals,
        traces={
            str(trace_id): TraceStatus(
                **asdict(trace.totals),
                waiting=state.pending.events(trace_id),
                clients=[_client_status(state.clients[id_], now_s, *describe(id_)) for id_ in sorted(trace.clients)],
            )
            for trace_id, trace in state.traces.items()
            if trace.clients or trace_id in state.pending.traces
        },
        implementation=implementation,
        git=state.git,
    )
    return msgspec.json.encode(status) + b"\n"


def _client_status(client: Client, now_s: float, name: str | None, lines: int) -> ClientStatus:
    return ClientStatus(client.pid, name, round(now_s - client.since_s, 3), lines)


def comm(pid: int) -> str | None:
    """The name of a process; None if it has gone (another may hold its connection)."""
    try:
        return Path(f"/proc/{pid}/comm").read_bytes().rstrip(b"\n").decode(errors="replace")
    except OSError:
        return None
