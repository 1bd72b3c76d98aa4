"""How `tracerd metrics` reads the points of traces."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracerd.cli.conditions import option_errors
from tracerd.cli.progress import Reading, progress_of
from tracerd.cli.reading import reading_errors, sources_of
from tracerd.cli.warnings import warn_problem
from tracerd.query.windows import Windowed, Windows
from tracerd.rows.clock_lines import clock_lines
from tracerd.view.event_text import MAX_US

if TYPE_CHECKING:
    from tracerd.query.computation import Window
    from tracerd.rows.source import Source

_MIN_TIME_US, _MAX_TIME_US = -62_135_596_800_000_000, 253_402_300_800_000_000
"""The years 1 to 9999."""

_MAX_NAMES = 10_000


class Points:
    """The points that a person asks for: of the named traces, or of all in the directory.

    Attributes:
        names: The names of other points, up to a limit.
        has_window: Whether not all of time is asked for.
        chosen: How many points had the name that was asked for.
        without_time: How many of these are left out since their time is not known.
        is_wall: Whether windows are of the time since 1970, and not of ts.
        is_asked_by_ts: Whether the window is one of ts.
    """

    def __init__(self, directory: Path, named: Sequence[str], where: str | None, window: "Window | None") -> None:
        from tracerd.query.computation import bounds
        from tracerd.query.scope import RELATIONS
        from tracerd.query.where import compile_where

        with option_errors():
            self._where = compile_where(where, "points", RELATIONS["points"])
        self._low, self._high = bounds(window)
        self.has_window = window is not None
        self._directory = directory
        self._named = named
        self.names: set[str] = set()
        self.chosen = self.without_time = 0
        self.is_asked_by_ts = window is not None and window.column == "ts_us"
        self.is_wall = not self.is_asked_by_ts

    @property
    def may_be_by_ts(self) -> bool:
        """Whether it is one trace, all of which is asked for: without wall time its points may be placed by ts."""
        return len(self._named) == 1 and not self.has_window

    def rows(self) -> Iterator[tuple[str, str, int | float, int | None, int | float | None]]:
        """Name, labels, value, time and ts of each point that passes the condition."""
        for source in sources_of(self._directory, self._named):
            with reading_errors(bool(self._named)), progress_of(source.trace_id) as progress:
                yield from self._rows_of(source, Reading(source, progress))
            warn_problem(source)

    def _rows_of(self, source: "Source", reading: "Reading") -> Iterator[Any]:
        from tracerd.rows.names import ProcessNames
        from tracerd.rows.table import Table
        from tracerd.rows.table_maker import NAMED

        where = self._where
        inputs = ("name", "labels", "value", "time", "ts_us", *(where.inputs if where else ()))
        names = ProcessNames()
        if any(what in NAMED for what in inputs):
            source.keep()
            names.take(source.blocks())
        blocks = reading.blocks()
        if "line" not in inputs:
            blocks = filter(_may_matter, blocks)
        first = next(blocks, None)
        if first is None:  # to make a table takes longer than to look through a small log
            return
        table = Table("points", inputs, source.trace_id, names, in_order=False)
        rows: Iterator[Any] = table.rows(chain((first,), blocks))
        if where is not None:
            passes = where.passes
            rows = (row[:5] for row in rows if passes(*row[5:]))
        yield from rows

    def is_inside(self, at_us: int | float) -> bool:
        """Whether a time, or a ts, lies in the window."""
        return self._low <= at_us < self._high


def _may_matter(block: bytes) -> bool:
    """Whether a block may hold a counter, however its JSON is written, or a clock line."""
    return block.rfind(b'"C"') >= 0 or block.rfind(b"\\u") >= 0 or any(clock_lines(block))


def metric_names(points: Points) -> dict[str, int]:
    """How many points there are of each name."""
    found: dict[str, int] = {}
    for name, _, _, time, ts in points.rows():
        at = ts if points.is_asked_by_ts else time
        if not points.has_window or (at is not None and points.is_inside(at)):
            found[name] = found.get(name, 0) + 1
    return found


def windowed(
    points: Points,
    name: str,
    function: str,
    step: int | None,
    labels: Sequence[tuple[str, str]],
    by: Sequence[str] | None,
) -> Windowed:
    """The points of a name, in windows of the time since 1970, or of ts.

    Of ts if the window is one of ts, or if there is one trace and it has no wall time. What has no such time is
    counted and left out.
    """
    windows = Windows(function, step, labels, by)
    of_ts = Windows(function, step, labels, by)
    by_ts, may_be_by_ts = points.is_asked_by_ts, points.may_be_by_ts
    timed = without = 0
    for other, series, value, time, ts in points.rows():
        if other != name:
            if len(points.names) < _MAX_NAMES:
                points.names.add(other)
            continue
        points.chosen += 1
        if not by_ts and time is not None and _MIN_TIME_US <= time < _MAX_TIME_US:
            timed += 1
            if points.is_inside(time):
                windows.take(series, time, value)
            continue
        without += 1
        if (by_ts or may_be_by_ts) and ts is not None and abs(ts) < MAX_US:
            without -= by_ts
            if points.is_inside(ts):
                of_ts.take(series, ts, value)
    points.is_wall = not by_ts and not (may_be_by_ts and without and not timed)
    if points.is_wall or by_ts:
        points.without_time = without
    return windows.result() if points.is_wall else of_ts.result()
