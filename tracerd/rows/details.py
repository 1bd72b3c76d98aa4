"""What of a span only its lines say: its args, its phase, the time of day. They are read once more for that."""

from collections.abc import Iterable, Sequence
from typing import Final, cast

from tracerd.rows.columns import Input
from tracerd.rows.names import ProcessNames
from tracerd.rows.spans import NO_LINE, Spans
from tracerd.rows.table import Table

DETAILS: Final = ("ph", "time", "service", "args")
"""The columns of spans that are read from their lines."""

WITH_LINES: Final = ("line", "parent", *DETAILS)
"""The columns for which spans must know their lines."""


def need_lines(inputs: Sequence[Input]) -> bool:
    """Whether some columns or paths take the lines of spans."""
    return any(isinstance(what, tuple) or what in WITH_LINES for what in inputs)


class Details:
    """The details of all spans of a trace.

    Args:
        trace: What the trace is called.
        inputs: The columns and paths that are asked for, beside any others.
        tracks: The spans; their lines were kept.
    """

    def __init__(self, trace: str, inputs: Sequence[Input], tracks: Sequence[Spans]) -> None:
        self.trace = trace
        self._columns = [what for what in ("ph", "time") if what in inputs]
        paths = [what for what in inputs if isinstance(what, tuple)]
        self._keys: set[str] | None = {key for path in paths for key in (path[0], ".".join(path))}
        if "service" in inputs:
            self._keys.add("service")
        if "args" in inputs:
            self._keys = None
        self._lines = {line for track in tracks for lines in (track.line, track.end_line) for line in lines}
        self._values: dict[int, tuple[object, ...]] = {}
        self._args: dict[int, dict[str, object]] = {}

    def read(self, blocks: Iterable[bytes]) -> None:
        """Read the trace once more."""
        lines = self._lines
        reads_args = self._keys is None or bool(self._keys)
        if not self._columns and not reads_args:
            return
        inputs = ["line", *(["args"] if reads_args else []), *self._columns]
        for line, *values in Table("events", inputs, self.trace, ProcessNames(), in_order=True).rows(blocks):
            if line in lines:
                if reads_args:
                    self._take_args(line, values.pop(0))
                if values:
                    self._values[line] = tuple(values)

    def _take_args(self, line: int, args: object) -> None:
        if isinstance(args, dict):
            found = cast("dict[str, object]", args)
            if self._keys is not None:
                found = {key: found[key] for key in self._keys if key in found}
            if found:
                self._args[line] = found

    def value(self, column: str, line: int) -> object:
        """The `ph` or `time` of a span whose begin stands in this line."""
        values = self._values.get(line)
        return None if values is None else values[self._columns.index(column)]

    def args(self, line: int, end_line: int) -> dict[str, object] | None:
        """The args of a begin and its end as one object, in which those of the end count; None for none."""
        args = self._args.get(line)
        later = None if end_line == NO_LINE else self._args.get(end_line)
        return later if args is None else args if later is None else args | later
