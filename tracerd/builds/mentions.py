"""Whether a log can be about a build at all; apart from what lays builds out, which takes a while to import."""

from collections.abc import Iterable

from tracerd.trace_json.perfetto import PROCESS_TEXT


def may_have_lanes(blocks: Iterable[bytes]) -> bool:
    """Whether `laid_out` has to see these blocks: without a process of `tracerd exec` it changes nothing.

    To read a log once more, for this, takes a tenth of the time in which `laid_out` looks at it.
    """
    return any(block.rfind(PROCESS_TEXT) >= 0 for block in blocks)
