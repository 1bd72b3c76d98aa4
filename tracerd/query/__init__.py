"""Questions about rows: expressions, and what is counted and measured of the rows that they choose.

`tracerd.query.Tracker` is the API for programs; it is imported when it is first asked for.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracerd.query.tracker import Tracker as Tracker

__all__ = ["Tracker"]


def __getattr__(name: str) -> object:
    if name != "Tracker":
        raise AttributeError(f"module 'tracerd.query' has no attribute {name!r}")
    from tracerd.query import tracker

    return tracker.Tracker
