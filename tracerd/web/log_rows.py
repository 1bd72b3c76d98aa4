"""The rows of logs for what looks at many of them: of a log that has grown only what is new is read.

Strategy: a log only grows, so a table of it goes on where it has stopped. What depends on lines that may still come,
such as the names of processes, is no column here: who asks looks that up.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from tracerd.core.own_prefixes import BEGIN_PREFIX
from tracerd.errors import ExportError, UnsafePathError, reason_of
from tracerd.rows.columns import Input
from tracerd.rows.names import Id, ProcessNames
from tracerd.rows.source import Source
from tracerd.rows.table import Table
from tracerd.store.packed import Parts, parts
from tracerd.trace_json.begin_marks import END_KEY, resolved
from tracerd.traces.stored import StoredTrace
from tracerd.web.cache import Cache
from tracerd.web.log_blocks import is_log
from tracerd.web.work import Work

MAX_ROWS: Final = 150_000
"""So many rows are kept, each of 150 bytes or so."""

_LOG_ROWS: Final = 20
"""What a log weighs beside its rows."""

_SMALL: Final = 64 * 1024
"""A log of so few bytes is read anew when it has grown: that takes less than keeping its table."""

_CHECKED: Final = 256
"""So many bytes before the place where a table goes on must be the same."""


class Selection(NamedTuple):
    """Which rows: a relation, but for `spans`, and columns that need no names."""

    relation: str
    inputs: tuple[Input, ...]


class LogRows:
    """The rows of one log, as far as they were read.

    Attributes:
        rows: They.
        version: Of the log that they are of.
        offset: How many bytes of it were taken.
    """

    def __init__(self, selection: Selection, trace: str) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.version: tuple[int, ...] = ()
        self._names = ProcessNames()
        self._table: Table | None = Table(selection.relation, selection.inputs, trace, self._names, in_order=False)
        self._texts: dict[str, str] = {}
        self.offset = 0
        self._before = b""

    @property
    def processes(self) -> dict[Id, str]:
        """The names of its processes, by pid."""
        return self._names.processes

    def goes_on(self, opened: Parts) -> bool:
        """Whether this is the same log, and no shorter, so that `read` takes what is new."""
        at = self.offset - len(self._before)
        is_behind = bool(self._before) and opened.packed_length <= at and self.offset <= opened.length
        return is_behind and opened.pread(len(self._before), at) == self._before

    def read(self, blocks: Iterable[bytes]) -> None:
        """Take whole lines, those after the ones that were taken."""
        table = self._table
        assert table is not None  # noqa: S101 (it goes on)
        for block in resolved(self._noted(blocks)):
            self._names.take([block])
            self.rows += map(self._shared, table.rows([block]))

    def _noted(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self.offset += len(block)
            # What a mark means depends on lines that may come later, and so does the line that ends one, as a mark may
            # be written after it; a line without its own end is not known yet.
            if block.rfind(BEGIN_PREFIX) >= 0 or block.rfind(END_KEY) >= 0 or not block.endswith(b"\n"):
                self._table = None
            yield block

    def _shared(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """A row whose texts are those of the rows before it."""
        texts = self._texts
        return tuple([texts.setdefault(value, value) if type(value) is str else value for value in row])

    def rest(self, opened: Parts | None) -> None:
        """Keep what is needed to go on; nothing of a log that is small, or that cannot be gone on with."""
        if opened is None or self._table is None or self.offset - opened.packed_length < _SMALL:
            self._table, self._texts, self._before = None, {}, b""
        else:
            self._before = opened.pread(_CHECKED, self.offset - _CHECKED)


class RowsOfLogs:
    """Reads the rows of logs, and keeps them."""

    def __init__(self) -> None:
        self._kept: Cache[LogRows] = Cache(MAX_ROWS)

    def of(self, log: StoredTrace, selection: Selection, work: Work) -> LogRows:
        """The rows of a log.

        Raises:
            FileNotFoundError: It is not there any more.
            TracerdError: It cannot be read.
        """
        key, version = (log.file, selection), (*log.version, log.log_size)
        found = self._kept.take(key)
        if found is None or found.version != version:
            found = _read(log, selection, found, work)
            found.version = version
        self._kept.put(key, found, len(found.rows) + _LOG_ROWS)
        return found


def _read(log: StoredTrace, selection: Selection, before: LogRows | None, work: Work) -> LogRows:
    try:
        with parts(log.path) as opened:
            if before is not None and before.goes_on(opened):
                found = before
            elif is_log(opened):
                found = LogRows(selection, log.trace_id)
            else:
                return _read_document(log, selection, work)
            found.read(work.ticked(opened.blocks(start=found.offset)))
            found.rest(opened)
            return found
    except FileNotFoundError:
        raise
    except (OSError, UnsafePathError) as error:
        raise ExportError(f"cannot read {log.file}: {reason_of(error)}") from None


def _read_document(log: StoredTrace, selection: Selection, work: Work) -> LogRows:
    """The rows of a file that only is called like a log."""
    found = LogRows(selection, log.trace_id)
    found.read(work.ticked(Source(log.file, log.path, log.log_size, None).blocks()))
    found.rest(None)
    return found
