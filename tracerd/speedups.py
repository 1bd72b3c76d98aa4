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

plain_events: Callable[[bytes, int, int], tuple[int, int, bytes | None]] | None = None
"""Of a block, from start to stop: how many of its first lines may enter a trace.json as they are, the number of their
bytes, and these lines as elements of a JSON array, a comma and a newline before each; None instead of this text if
`perfetto_text` has to see the lines first."""

implementation = "Python"
"""What runs, for people."""

if not os.environ.get(PURE_PYTHON_VARIABLE):
    try:
        from tracerd import _speedups
    except ImportError:
        pass
    else:
        plain_lines = _speedups.plain_lines
        plain_events = _speedups.plain_events
        implementation = f"C, {_speedups.INSTRUCTIONS}"
