"""Lays a trace.json of ours out on lanes: the child of `tracerd exec -o`. With `ninja_files` the only I/O here.

Any problem leaves the file as the daemon has written it: whole, with a row for each process.
"""

import gc
import gzip
import json
import os
import stat
import sys
from typing import Final

from tracerd.builds.layout import laid_out
from tracerd.builds.ninja_files import learn
from tracerd.store.temporary import replacing
from tracerd.trace_json.tef import HEAD, SEPARATOR, perfetto_text, tail

MAX_BYTES: Final = 200_000_000
"""Larger files stay as they are: whoever waits for a build does not wait for them to be written a second time."""

_TAIL: Final = b'],"metadata":'


def main() -> None:
    """Lay out the file that the arguments name, in the layout that they name; does not return."""
    _, path, *layout = sys.argv
    gc.disable()  # it takes a fifth of the time, and finds nothing in a process as short as this
    try:
        relayout(os.path.realpath(path), layout[0] if layout else None)
    except (OSError, ValueError, EOFError) as error:
        sys.exit(getattr(error, "strerror", None) or str(error))


def relayout(path: str, layout: str | None) -> None:
    """Lay out a trace.json as `laid_out` does; readers see the old file or the whole new one.

    Raises:
        OSError: The file cannot be read or written.
        ValueError: It is too large, or no export of ours.
    """
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rb") as file:
        text: bytes = file.read(MAX_BYTES + 1)
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    if len(text) > MAX_BYTES:
        raise ValueError("it is large")
    end = text.rfind(_TAIL)
    if end < 0 or not text.startswith(HEAD):
        raise ValueError("it is no export of tracerd")
    lines = text[len(HEAD) : end].replace(SEPARATOR, b"\n") + b"\n"
    new = b"".join(laid_out([lines], layout, learn)).rstrip(b"\n")
    if new == lines.rstrip(b"\n"):
        return
    metadata = json.loads(text[end + len(_TAIL) : -1]) | {"events": new.count(b"\n") + 1}
    document = HEAD + perfetto_text(new).replace(b"\n", SEPARATOR) + tail(metadata)
    with replacing(path) as fd, open(fd, "wb", closefd=False) as file:
        os.fchmod(fd, mode)
        if path.endswith(".gz"):
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as compressed:
                compressed.write(document)
        else:
            file.write(document)


if __name__ == "__main__":
    main()
