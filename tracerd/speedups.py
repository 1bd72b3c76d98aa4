"""The optional extension, and which way runs: its C, or Python alone.

One contract: C says how many lines are plain and moves plain lines; what is not plain goes to Python untouched. So
both ways have the same results, and what uses these functions also works where they are None.
"""

import os
from collections.abc import Callable

PURE_PYTHON_VARIABLE = "TRACERD_PURE_PYTHON"
"""The environment variable that keeps the extension from being used, and from being built, if it is not empty."""

plain_lines: Callable[[bytes], tuple[int, int]] | None = None
"""Of a block: how many of its first lines are strict JSON objects as they are, and none of the daemon's own lines, and
the number of their bytes."""

plain_elements: Callable[[bytes, int], tuple[int, int, bytes | None, int]] | None = None
"""Of a block, from a place on: how many of its first lines may enter a trace.json as they are, and are no clock line,
no begin mark and no end of one; the number of their bytes, and these lines as elements of a JSON array, a comma and a
newline before each; None instead of this text if `perfetto_text` has to see the lines first. Then 0 if none of them has
the category `process` or `unfinished`."""

Pumped = tuple[int, int, int, int, bytes]
"""What `pump` did: the number of bytes that it received, none at the end of the connection; of lines and bytes that it
wrote; of bytes that it wrote before a write failed, which must be undone; and all that it received and did not write,
behind the partial line."""

pump: Callable[[int, int, bytes | bytearray, int], Pumped | None] | None = None
"""Receives from a socket, so often at most, 64 KiB each, and writes what is plain to a log, both given by descriptor,
with the partial line before it that was received earlier. None if nothing is there now."""

Burst = tuple[int, int, int, int, int, int, bytes, bool]
"""What `burst` did: the number of clients that it served as a whole; of lines and bytes that it wrote; of bytes that it
wrote before a write failed, which must be undone. Then of the client behind these: the error number of the accept, its
descriptor, -1 if there is none, all that was received of it, and whether its end was too."""

burst: Callable[[int, int, bytes, int], Burst] | None = None
"""Accepts so many clients at most from a listener, receives what each has sent, and writes it to a log if it is a
greeting, plain lines and the end, and the client is a process of our own user's. It stops at the first that is not so.
Listener and log are given by descriptor."""

MAX_PARTIAL_BYTES = 64 * 1024
"""`pump` takes no longer partial line."""

MAX_READS = 8
"""`pump` is asked for no more at a time."""

MAX_MOVED_BYTES = MAX_PARTIAL_BYTES + MAX_READS * 64 * 1024
"""`pump` and `burst` write no more."""

implementation = "Python"
"""What runs, for people."""

if not os.environ.get(PURE_PYTHON_VARIABLE):
    try:
        from tracerd import _speedups

        _found = (_speedups.plain_lines, _speedups.plain_elements, _speedups.pump, _speedups.burst)
    except (ImportError, AttributeError):  # there is none, or that of an earlier version in a checkout
        pass
    else:
        plain_lines, plain_elements, pump, burst = _found
        implementation = f"C, {_speedups.INSTRUCTIONS}"
