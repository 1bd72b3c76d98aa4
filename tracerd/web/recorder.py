"""What the writing routes share: the way to the daemon, the logs by their ids, and the sums of metrics."""

import os
import threading
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Final, NamedTuple

from tracerd.errors import TracerdError
from tracerd.importers.connection import Connection
from tracerd.importers.formats.otlp_metrics import Totals
from tracerd.importers.otlp_requests import Log, digits_of, log_of
from tracerd.store.packed import PACKED_SUFFIX
from tracerd.store.snapshot import SUFFIX
from tracerd.text import plural
from tracerd.traces.stored import stored_trace
from tracerd.web.answers import Refusal
from tracerd.web.daemon import daemon_status
from tracerd.web.store import Store

_SETTLED_NS: Final = 100_000_000
"""A directory that was changed within this time may have changed again without another time."""


class Stored(NamedTuple):
    """What the daemon says of a request.

    Attributes:
        missing: How many of its lines are not stored.
        reason: Why; empty if all are.
    """

    missing: int
    reason: str


class Sending:
    """The lines of one request, on a connection of their own."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._connection: Connection | None = None
        self._trace_id = ""
        self._sent = 0

    def send(self, trace_id: str, blocks: Iterable[bytes]) -> None:
        """Send blocks of lines to a trace.

        Raises:
            NoDaemonError: There is none, or it takes nothing.
        """
        if self._connection is None:
            self._connection = Connection(self._socket, trace_id, start=False)
        elif trace_id != self._trace_id:
            self._connection.open(trace_id)
        self._trace_id = trace_id
        for block in blocks:
            self._sent += block.count(b"\n")
            self._connection.send(block)

    def finish(self) -> Stored:
        """Wait until the daemon acknowledges everything.

        Raises:
            NoDaemonError: It does not.
            Refusal: It has stored nothing.
        """
        if self._connection is None:
            return Stored(0, "")
        stored, _, _ = self._connection.flush()
        missing = self._sent - stored
        if not missing:
            return Stored(0, "")
        reason = f"the daemon has not stored {plural(missing, 'line')}: {'; '.join(dict.fromkeys(self._errors()))}"
        if not stored:
            raise Refusal("INSUFFICIENT_STORAGE", reason)
        return Stored(missing, reason)

    def _errors(self) -> list[str]:
        return self._connection.errors if self._connection and self._connection.errors else ["it gives no reason"]

    def close(self) -> None:
        """Leave the trace."""
        if self._connection is not None:
            self._connection.close()


class Recorder:
    """Stores what requests bring.

    Args:
        store: The trace directory.

    Attributes:
        totals: The sums of metrics that came as changes.
        totals_lock: Held while they are used: a sum counts only when it is stored.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._names: tuple[int, dict[str, list[str]]] = (0, {})
        self.totals = Totals()
        self.totals_lock = threading.Lock()

    @contextmanager
    def sending(self) -> Generator[Sending]:
        """A connection for one request; made when there is something to send."""
        sending = Sending(str(self._store.socket))
        try:
            yield sending
        finally:
            sending.close()

    @staticmethod
    def wall_offset_ns() -> int:
        """What the wall clock is ahead of CLOCK_MONOTONIC: when the machine started, in ns since 1970."""
        return time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)

    def log_of(self, digits: str) -> str | None:
        """The trace whose id is, or ends in, these 32 hexadecimal digits; None if there is none."""
        found = [
            trace
            for name in self._named().get(digits, ())
            if (trace := stored_trace(self._store.directory / f"{name}{SUFFIX}")) and trace.has_log
        ]
        if len(found) < 2:
            return found[0].trace_id if found else None
        status = daemon_status(self._store)
        open_traces = {name for name, trace in status.traces.items() if trace.clients} if status else set[str]()
        return log_of(digits, [Log(one.trace_id, one.trace_id in open_traces, one.last_write_s) for one in found])

    def _named(self) -> dict[str, list[str]]:
        """The traces by the digits of their ids; read anew when the directory has changed."""
        directory = self._store.directory
        try:
            changed_ns = os.stat(directory).st_mtime_ns
            if changed_ns == self._names[0]:
                return self._names[1]
            is_settled = time.time_ns() - changed_ns > _SETTLED_NS
            names = os.listdir(directory)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise TracerdError(f"cannot read the directory {directory}: {error.strerror}") from None
        found: dict[str, list[str]] = {}
        for name in {name.removesuffix(PACKED_SUFFIX).removesuffix(SUFFIX) for name in names}:
            if digits := digits_of(name):
                found.setdefault(digits, []).append(name)
        self._names = (changed_ns if is_settled else 0, found)
        return found
