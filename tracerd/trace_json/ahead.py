"""Blocks of a log that a thread checks before their turn, while the one before is written."""

from collections.abc import Iterable, Iterator

from tracerd.trace_json.perfetto import Elements, export_elements


def checked(blocks: Iterable[bytes], *, is_ahead: bool) -> Iterator[tuple[bytes, Elements | None]]:
    """Each block, and what `export_elements` says of its beginning; None if nobody has looked at it yet."""
    if not is_ahead:
        yield from ((block, None) for block in blocks)
        return
    from concurrent.futures import Future, ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread:
        before: tuple[bytes, Future[Elements]] | None = None
        for block in blocks:
            now = block, thread.submit(export_elements, block, 0)
            if before:
                yield before[0], before[1].result()
            before = now
        if before:
            yield before[0], before[1].result()
