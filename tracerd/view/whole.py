"""A whole trace: its spans, and the build that it may be, in as few passes as the columns that are asked for need."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from tracerd.builds.reader import Reader
from tracerd.rows.columns import Input
from tracerd.rows.details import Details, need_lines
from tracerd.rows.recording import Recording, read
from tracerd.rows.source import Source

Watched = Callable[[Iterable[bytes]], Iterable[bytes]]


def read_whole(
    source: Source, inputs: Sequence[Input], watched: Watched, tick: Callable[[], None], *, may_be_build: bool
) -> tuple[Recording, Reader]:
    """Read a trace.

    Args:
        source: The trace.
        inputs: The columns and paths of spans that conditions and keys take.
        watched: Given the blocks of each pass; hands them on.
        tick: Called now and then while spans are played.
        may_be_build: Whether to look for a build in it.

    Returns:
        Its spans, and what was found of a build: nothing if it was not looked for.

    Raises:
        TracerdError: It cannot be read.
    """
    steps = Reader(only_steps=True)
    if is_twice := need_lines(inputs):
        source.keep()
    snapshot = source.snapshot()
    blocks = watched(source.blocks(snapshot))
    recording = read(_fed(blocks, steps) if may_be_build else blocks, tick, keeps_lines=is_twice)
    if is_twice or "trace" in inputs:
        recording.details = Details(source.trace_id, inputs, recording.tracks)
        recording.details.read(watched(source.blocks(snapshot)))
    return recording, steps


def _fed(blocks: Iterable[bytes], steps: Reader) -> Iterator[bytes]:
    for block in blocks:
        steps.feed(block)
        yield block
