"""The trace directory, as the routes read it."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tracerd.catalog.store import Catalog, Described
from tracerd.errors import InvalidTraceIdError, NoSuchTraceError, TracerdError
from tracerd.rows.source import Source, find_trace
from tracerd.store.snapshot import SUFFIX
from tracerd.text import printable
from tracerd.trace_id import TraceId
from tracerd.traces.stored import StoredTrace, list_logs, stored_trace
from tracerd.watch.alerts import Alert
from tracerd.web.answers import Refusal
from tracerd.web.cache import Cache
from tracerd.web.log_rows import LogRows, RowsOfLogs, Selection
from tracerd.web.work import Work

MAX_ALERTS: Final = 50_000
"""So many alerts, and logs without any, are kept for the next request."""


class Store:
    """The trace directory.

    Args:
        directory: Where the logs are.
        cache: The file of the catalogue.
        socket: The daemon's.

    Attributes:
        alerts: Of logs in which nothing more can be found, by file: their versions, and their alerts.
    """

    def __init__(self, directory: Path, cache: Path, socket: Path) -> None:
        self.directory = directory
        self.socket = socket
        self._cache = cache
        self._rows = RowsOfLogs()
        self.alerts: Cache[tuple[tuple[int, ...], list[Alert]]] = Cache(MAX_ALERTS)

    def is_readable(self) -> bool:
        """Whether the directory can be read; one that is not there yet holds nothing."""
        try:
            list_logs(self.directory)
        except TracerdError:
            return False
        return True

    def described(self, work: Work) -> list[Described]:
        """What each log holds."""
        catalog = Catalog(self.directory, self._cache)
        return list(catalog.described(list_logs(self.directory), lambda _: work.tick()))

    def log(self, trace_id: str) -> StoredTrace:
        """The log of a trace, by its whole id: never a path, nor a part of an id.

        Raises:
            Refusal: There is none.
        """
        is_id = not (trace_id.startswith(".") or "/" in trace_id)
        with contextlib.suppress(OSError, ValueError):  # such as a text that no file is called
            log = stored_trace(self.directory / f"{trace_id}{SUFFIX}") if is_id else None
            if log is not None and log.has_log:
                return log
        raise Refusal("NOT_FOUND", f"there is no trace {printable(trace_id)!r}")

    def new_log(self, trace_id: str) -> Path:
        """Where the log of a trace is, or will be.

        Raises:
            Refusal: No trace is called so.
        """
        try:
            return self.directory / f"{TraceId(trace_id)}{SUFFIX}"
        except InvalidTraceIdError as error:
            raise Refusal("BAD_REQUEST", f"trace: {error}") from None

    def source(self, trace_id: str) -> Source:
        """The log of a trace, to be read.

        Raises:
            Refusal: There is none.
            TracerdError: It cannot be read.
        """
        return self.source_of(self.log(trace_id))

    def source_of(self, log: StoredTrace) -> Source:
        """A log, to be read; errors are those of `source`."""
        try:
            return find_trace(self.directory, str(log.path))
        except NoSuchTraceError:
            raise Refusal("NOT_FOUND", f"the trace {printable(log.trace_id)!r} was removed") from None

    def sources(
        self, named: Sequence[str], *, since_us: float | None = None, latest_first: bool = False
    ) -> Iterator[Source]:
        """These traces, in this order; without any all, the one that was written last at the end.

        Args:
            named: Their ids.
            since_us: Leave out what was written last before this time, in microseconds since 1970.
            latest_first: The other way round.

        Raises:
            Refusal: One that is named is not there.
        """
        for log in self.logs(named, since_us, latest_first=latest_first):
            try:
                yield self.source_of(log)
            except (Refusal, TracerdError):  # it was removed meanwhile, or is none that can be read
                if named:
                    raise

    def rows(
        self, named: Sequence[str], selection: Selection, work: Work, *, since_us: float | None = None
    ) -> Iterator[LogRows]:
        """The rows of these traces, in the order of `sources`; what was read once is kept.

        Raises:
            Refusal: One that is named is not there.
            TracerdError: One cannot be read.
        """
        for log in self.logs(named, since_us):
            try:
                yield self._rows.of(log, selection, work)
            except FileNotFoundError:  # it was removed meanwhile
                if named:
                    raise Refusal("NOT_FOUND", f"the trace {printable(log.trace_id)!r} was removed") from None

    def logs(
        self, named: Sequence[str], since_us: float | None = None, *, latest_first: bool = False
    ) -> Iterable[StoredTrace]:
        """The logs of these traces; see `sources`."""
        logs = [self.log(name) for name in named] if named else list_logs(self.directory)
        if since_us is not None and not named:
            logs = [log for log in logs if log.last_write_s * 1e6 >= since_us]
        return reversed(logs) if latest_first else logs
