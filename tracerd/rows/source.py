"""What the argument TRACE of a view names, as lines of a log: a log, or a trace.json of anybody."""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tracerd.errors import ViewError
from tracerd.rows.document import COMPRESSED, document_path, given
from tracerd.store.export import log_blocks
from tracerd.store.log import BLOCK_BYTES
from tracerd.store.traces import find_log, snapshot


@dataclass(frozen=True, slots=True)
class Source:
    """A trace to be read.

    Attributes:
        trace_id: What to call it.
        path: The file.
        size: Of what `blocks` will give, in bytes; only a guess for a document.
        is_document: Whether it is a trace.json, and no log.
    """

    trace_id: str
    path: Path
    size: int
    is_document: bool

    def blocks(self) -> Iterator[bytes]:
        """Its events in blocks of whole lines.

        Raises:
            TracerdError: It cannot be read.
        """
        if self.is_document:
            return _document_blocks(self.path)
        return log_blocks(snapshot(self.path, self.trace_id))


def find_trace(directory: Path, name: str) -> Source:
    """The trace that a person means: as `find_log` says, or a trace.json by its path.

    Raises:
        NoSuchTraceError: None fits, or more than one.
    """
    if path := document_path(name):
        return Source(name, path, path.stat().st_size, is_document=True)
    log = find_log(directory, name)
    return Source(log.trace_id, log.path, log.log_size, is_document=False)


class _Document(msgspec.Struct):
    traceEvents: list[msgspec.Raw]  # noqa: N815 (its name in the format)


_DOCUMENT = msgspec.json.Decoder(_Document)
_EVENTS = msgspec.json.Decoder(list[msgspec.Raw])


def _document_blocks(path: Path) -> Iterator[bytes]:
    try:
        with given(path) as file:
            data = file.read()
        if data.startswith(COMPRESSED):  # whatever it is called: Perfetto, too, looks at this only
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ViewError(f"cannot read {path}: {reason}") from None
    try:
        events = _EVENTS.decode(data) if data.lstrip().startswith(b"[") else _DOCUMENT.decode(data).traceEvents
    except (msgspec.DecodeError, RecursionError) as error:
        raise ViewError(f"{path} is neither a log (.jsonl) nor a trace.json: {error}") from None
    lines: list[bytes] = []
    size = 0
    for event in events:
        # A newline in JSON is a blank; in a string it would be an escape.
        lines.append(bytes(event).replace(b"\n", b" ") + b"\n")
        size += len(lines[-1])
        if size >= BLOCK_BYTES:
            yield b"".join(lines)
            lines, size = [], 0
    if lines:
        yield b"".join(lines)
