"""What the argument TRACE names, as the lines of a log: a log, or a JSON document. All commands read it here.

What a file holds decides how it is read, and not its name. A file is a document if it is an array of objects, or an
object with `traceEvents`; any other file is a log. Both may be compressed with gzip, or come from stdin.
"""

import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final

from tracerd.errors import NoSuchTraceError, UnsafePathError, ViewError
from tracerd.rows.document import GZIP_MAGIC, Decompressed, Document
from tracerd.rows.elements import HEAD_BYTES, is_document
from tracerd.store.files import open_for_reading
from tracerd.store.log import BLOCK_BYTES
from tracerd.store.traces import SUFFIX, Snapshot, StoredTrace, find_log, snapshot
from tracerd.trace_json.export import Summary, log_blocks

STDIN: Final = "-"


class Source:
    """A trace to be read.

    Args:
        trace_id: What to call it.
        path: The file; None for stdin.
        size: Of the file, in bytes; 0 for stdin.
        log: The log that it is; None if it is a document, compressed, or stdin, and so can only be read to its end.

    Attributes:
        problem: Why the file ends too early, as words that follow its name; empty if it does not. Known after `blocks`.
    """

    def __init__(self, trace_id: str, path: Path | None, size: int, log: StoredTrace | None) -> None:
        self.trace_id = trace_id
        self.path = path
        self.size = size
        self.log = log
        self.problem = ""

    def snapshot(self) -> Snapshot:
        """The trace as it is now, for an export."""
        if self.log is None:
            path = self.path or Path("/dev/stdin")
            return Snapshot(path, path.name, 0, 0)
        return snapshot(self.log.path, self.trace_id)

    def blocks(self, source: Snapshot | None = None) -> Iterator[bytes]:
        """Its events in blocks of whole lines; only the very last may lack its newline.

        Args:
            source: How much of a log to read; without it, what is there now.

        Raises:
            TracerdError: It cannot be read, or is a document without any event.
        """
        if self.log is not None:
            return log_blocks(source or snapshot(self.log.path, self.trace_id))
        return self._stream()

    def verify(self, summary: Summary) -> None:
        """Check that an export has found an event; a log that holds no line yet may be exported.

        Raises:
            ViewError: It has found none.
        """
        if summary.left_out and not summary.events:
            reason = summary.first_left_out[0].reason
            name = self.trace_id if self.log is None else self.log.path
            raise ViewError(f"{name} holds no event that Perfetto reads; its first line: {reason}")

    def _stream(self) -> Iterator[bytes]:
        is_empty = True
        try:
            with _open(self.path) as file:
                for block in self._lines(Decompressed(iter(lambda: file.read(BLOCK_BYTES), b""))):
                    is_empty = False
                    yield block
        except (OSError, UnsafePathError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise ViewError(f"cannot read {self.trace_id}: {reason}") from None
        if is_empty and self.problem:
            raise ViewError(f"cannot read {self.trace_id}: it {self.problem} before the end of a first event")
        if is_empty:
            raise ViewError(f"the trace {self.trace_id} has no events")

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
        partial: list[bytes] = []
        for piece in text:
            if end := piece.rfind(b"\n") + 1:
                yield b"".join([*partial, piece[:end]])
                partial = []
            partial.append(piece[end:])
        self.problem = pieces.problem
        if any(partial) and not self.problem:
            yield b"".join(partial)


def find_trace(directory: Path, name: str) -> Source:
    """The trace that a person means: as `find_log` says, else a file by its path, or stdin as `-`.

    Raises:
        NoSuchTraceError: None fits, or more than one.
        ViewError: It cannot be read.
    """
    if name == STDIN:
        return Source("stdin", None, 0, None)
    try:
        log = find_log(directory, name)
    except NoSuchTraceError:
        if "/" in name or not Path(name).is_file():
            raise
        log = find_log(directory, f"./{name}")
    if _is_log(log):
        return Source(log.trace_id, log.path, log.log_size, log)
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


def _open(path: Path | None) -> BinaryIO:
    if path is not None:
        return open(open_for_reading(path), "rb")
    if not sys.stdin:
        raise ViewError("cannot read stdin: it is closed")
    return open(sys.stdin.fileno(), "rb", closefd=False)
