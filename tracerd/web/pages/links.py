"""Addresses of pages: what is asked for is in them, so `back`, a reload and a bookmark show the same."""

from collections.abc import Iterable
from urllib.parse import quote, urlencode


def with_changes(path: str, given: Iterable[tuple[str, str]], **changes: str) -> str:
    """An address with the same parameters as the one that was asked for, but for some.

    Args:
        path: Of the page.
        given: The parameters that were given.
        **changes: New values; an empty one takes a parameter out.
    """
    kept = [(name, value) for name, value in given if name not in changes]
    query = urlencode([*kept, *((name, value) for name, value in changes.items() if value)])
    return f"{path}?{query}" if query else path


def to_trace(trace_id: str) -> str:
    """The address of a trace."""
    return f"/traces/{quote(trace_id, safe='')}"


def to_span(trace_id: str, span: str) -> str:
    """The address of a span of a trace: that of the trace, where it is chosen."""
    return with_changes(to_trace(trace_id), [("span", span)])
