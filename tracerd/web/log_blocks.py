"""The lines of a log for what reads it more than once, or reads many: a small one is opened once."""

from collections.abc import Callable, Iterable
from typing import Final

from tracerd.errors import ExportError, UnsafePathError, reason_of
from tracerd.rows.document import GZIP_MAGIC
from tracerd.rows.elements import HEAD_BYTES, is_document
from tracerd.rows.source import Source
from tracerd.store.packed import Parts, parts
from tracerd.trace_json.begin_marks import resolved
from tracerd.traces.stored import StoredTrace
from tracerd.web.work import Work

SMALL: Final = 1024 * 1024
"""A log of so few bytes is kept in memory while it is read."""

Blocks = Callable[[], Iterable[bytes]]


def blocks_of(log: StoredTrace, work: Work) -> Blocks:
    """What gives the lines of a log in blocks, each time that it is called, as `Source.blocks` does.

    Raises:
        FileNotFoundError: The log is not there any more.
        TracerdError: It cannot be read.
    """
    try:
        with parts(log.path) as opened:
            found = is_log(opened)
            if found and opened.length <= SMALL:
                lines = [*resolved(work.ticked(opened.blocks()))]
                return lambda: lines
    except FileNotFoundError:
        raise
    except (OSError, UnsafePathError) as error:
        raise ExportError(f"cannot read {log.file}: {reason_of(error)}") from None
    source = Source(log.trace_id, log.path, log.log_size, log if found else None)
    return lambda: work.ticked(source.blocks())


def is_log(opened: Parts) -> bool:
    """Whether a file holds lines, and not a document or what is compressed."""
    head = opened.head(HEAD_BYTES)
    return not (head.startswith(GZIP_MAGIC) or is_document(head))
