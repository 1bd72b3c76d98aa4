"""What the argument TRACE names, as the lines of a log: a log, or a JSON document. All commands read it here.

What a file holds decides how it is read, and not its name. A file is a document if it is an array of objects, or an
object with `traceEvents`; any other file is a log. Both may be compressed with gzip, or come from stdin.
"""

import select
import sys
import tempfile
import time
from collections.abc import Iterator
from io import FileIO
from itertools import chain
from pathlib import Path
from typing import IO, Final

from tracerd.errors import NoSuchTraceError, UnsafePathError, ViewError, reason_of
from tracerd.rows.document import GZIP_MAGIC, Decompressed, Document
from tracerd.rows.elements import HEAD_BYTES, is_document
from tracerd.store.files import open_for_reading
from tracerd.store.log import BLOCK_BYTES, whole_lines
from tracerd.store.packed import log_length
from tracerd.store.snapshot import SUFFIX, Snapshot, snapshot
from tracerd.trace_json.begin_marks import resolved
from tracerd.trace_json.export import Summary, log_blocks
from tracerd.traces.attributes import logs_of_command
from tracerd.traces.stored import StoredTrace, find_log, list_logs

STDIN: Final = "-"

POLL_MS: Final = 100
"""How late Ctrl-C may be noticed while nothing comes from stdin."""


class Source:
    """A trace to be read.

    Args:
        trace_id: What to call it.
        path: The file; None for stdin.
        size: Of the file, in bytes; 0 for stdin.
        log: The log that it is; None if it is a document, compressed, or stdin, and so can only be read to its end.

    Attributes:
        note: What to say of the choice of this trace; empty: nothing.
        problem: Why the file ends too early, as words that follow its name; empty if it does not. Known after `blocks`.
        position: How many bytes of the file `blocks` has read so far.
    """

    def __init__(self, trace_id: str, path: Path | None, size: int, log: StoredTrace | None) -> None:
        self.trace_id = trace_id
        self.path = path
        self.size = size
        self.log = log
        self.problem = ""
        self.note = ""
        self.position = 0
        self._kept: IO[bytes] | None = None  # what came from stdin

    @property
    def part_read(self) -> float | None:
        """How much of it `blocks` has read so far, from 0 to 1; None if its size is not known."""
        return self.position / self.size if self.size else None

    def keep(self) -> None:
        """Make `blocks` work more than once: what comes from stdin is kept in a file without a name.

        Raises:
            ViewError: It cannot be kept.
        """
        if self.path is not None or self._kept is not None:
            return
        kept = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (it is read again and again)
        try:
            with _open(None) as file:
                for piece in _pieces(file):
                    kept.write(piece)
        except OSError as error:
            where = f"{tempfile.gettempdir()}: {error.strerror}"
            raise ViewError(f"cannot keep stdin in a temporary file in {where}; TMPDIR names another place") from None
        self.size = kept.tell()
        self._kept = kept

    def now_ns(self) -> int | None:
        """The time on the clock of a trace that is being written on this machine; None for any other."""
        from tracerd.store.own_lines import boot_id
        from tracerd.traces.attributes import first_clock
        from tracerd.traces.retention import is_in_use

        if self.log is None or not is_in_use(self.log):
            return None
        clock = first_clock(self.log.path)
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC) if clock and clock.boot_id == boot_id() else None

    def snapshot(self) -> Snapshot:
        """The trace as it is now, for an export."""
        if self.log is None:
            path = self.path or Path("/dev/stdin")
            return Snapshot(path, path.name, 0, 0)
        return snapshot(self.log.path, self.trace_id)

    def blocks(self, source: Snapshot | None = None) -> Iterator[bytes]:
        """Its events in blocks of whole lines; only the very last may lack its newline.

        Spans that only have begun, by their marks, are at the end: see `trace_json.begin_marks`. Without a snapshot it
        is what is there now.

        Raises:
            TracerdError: It cannot be read, or is a document without any event.
        """
        return resolved(self.stored_blocks(source))

    def stored_blocks(self, source: Snapshot | None = None) -> Iterator[bytes]:
        """As `blocks`, but with begin marks and all, as clients have written them."""
        self.position = 0
        if self.log is not None:
            return self._log(source or snapshot(self.log.path, self.trace_id))
        return self._stream()

    def _log(self, source: Snapshot) -> Iterator[bytes]:
        for block in log_blocks(source):
            self.position += len(block)
            yield block

    def verify(self, summary: Summary) -> str:
        """Check that an export has found an event; a log that holds no line yet may be exported.

        Returns:
            Why events may be missing in the file that was read; empty if it has its end.

        Raises:
            ViewError: It has found none.
        """
        if summary.left_out and not summary.events:
            reason = summary.first_left_out[0].reason
            name = self.trace_id if self.log is None else self.log.path
            raise ViewError(f"{name} holds no event that Perfetto reads; its first line: {reason}")
        return self.problem

    def _stream(self) -> Iterator[bytes]:
        is_empty = True
        try:
            with self._reopened() as file:
                for block in self._lines(Decompressed(self._counted(_pieces(file)))):
                    is_empty = False
                    yield block
        except (OSError, UnsafePathError) as error:
            raise ViewError(f"cannot read {self.trace_id}: {reason_of(error)}") from None
        if is_empty and self.problem:
            raise ViewError(f"cannot read {self.trace_id}: it {self.problem} before the end of a first event")
        if is_empty:
            raise ViewError(f"the trace {self.trace_id} has no events")

    def _reopened(self) -> FileIO:
        if self._kept is None:
            return _open(self.path)
        self._kept.seek(0)
        return open(self._kept.fileno(), "rb", buffering=0, closefd=False)

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.position += len(piece)
            yield piece

    def _lines(self, pieces: Decompressed) -> Iterator[bytes]:
        rest = iter(pieces)
        head: list[bytes] = []
        while sum(map(len, head)) < HEAD_BYTES and (piece := next(rest, b"")):
            head.append(piece)
        text = chain(head, rest)
        if is_document(b"".join(head)):
            document = Document(text)
            yield from document.blocks()
            self.problem = pieces.problem or ("" if document.is_complete else "is cut off")
            return
        for block in whole_lines(text):
            if block.endswith(b"\n") or not pieces.problem:
                yield block
        self.problem = pieces.problem


def find_trace(directory: Path, name: str) -> Source:
    """The trace that a person means: as `find_log` says, else a file by its path, or stdin as `-`.

    Without any of these, the newest trace whose command has these words in it.

    Raises:
        NoSuchTraceError: None fits, or more than one.
        ViewError: It cannot be read.
    """
    if name == STDIN:
        return Source("stdin", None, 0, None)
    logs: list[StoredTrace] = []
    note = ""
    try:
        log = find_log(directory, name)
    except NoSuchTraceError:
        if "/" not in name and Path(name).is_file():
            log = find_log(directory, f"./{name}")
        elif any(trace.trace_id.startswith(name) for trace in list_logs(directory)):
            raise
        elif logs := logs_of_command(directory, name):
            log = logs[-1]
            note = f"{log.trace_id} is the newest of {len(logs)} traces with {name!r} in their command"
        else:
            raise
    if _is_log(log):
        source = Source(log.trace_id, log.path, log_length(log.path) if log.packed_size else log.log_size, log)
        source.note = note if len(logs) > 1 else ""
        return source
    return Source(name, log.path, log.log_size, None)


def _is_log(log: StoredTrace) -> bool:
    try:
        with _open(log.path) as file:
            head = file.read(HEAD_BYTES)
    except (OSError, UnsafePathError):
        return True  # its reader raises the right error
    if not head:
        return log.path.name.endswith(SUFFIX)
    return not (head.startswith(GZIP_MAGIC) or is_document(head))


def _open(path: Path | None) -> FileIO:
    if path is not None:
        return open(open_for_reading(path), "rb", buffering=0)
    if not sys.stdin:
        raise ViewError("cannot read stdin: it is closed")
    return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)


def _pieces(file: FileIO) -> Iterator[bytes]:
    """The bytes of a file as they come.

    Ctrl-C that comes just before a read has begun would be noticed only when there is something to read; so we wait
    for that in turns.
    """
    poll = select.poll()
    poll.register(file, select.POLLIN)
    while True:
        while not poll.poll(POLL_MS):
            pass
        piece = file.read(BLOCK_BYTES)
        if not piece:
            return
        yield piece
