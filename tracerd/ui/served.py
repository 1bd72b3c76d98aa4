"""The trace that is served to a browser: a trace.json without a name, so that nothing is left of it."""

import tempfile
from typing import IO

from tracerd.errors import ViewError
from tracerd.rows.source import Source
from tracerd.trace_json.export import Progress, Summary, write_tef


def served_file(source: Source, progress: Progress) -> tuple[IO[bytes], Summary]:
    """The trace as a temporary file without a name: however this process ends, nothing is left.

    Raises:
        TracerdError: The trace cannot be read, or has no events, or there is no room for the file.
    """
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
        try:
            snapshot = source.snapshot()
            summary = write_tef(snapshot, file, progress, source.blocks(snapshot), source.verify)
            file.flush()
        except BaseException:
            file.close()
            raise
    except OSError as error:
        where = f"{tempfile.gettempdir()}: {error.strerror}"
        raise ViewError(f"cannot write the trace to a temporary file in {where}; TMPDIR names another place") from None
    if not summary.events:
        file.close()
        raise ViewError(f"the trace {source.trace_id} has no events")
    return file, summary
