"""The groups of metrics that share keys and condition, as a program fills them."""

from collections.abc import Callable
from typing import Final, cast

from tracerd.query.aggregate import Number
from tracerd.query.values import Needs, Values

Key = str | tuple[str, ...]
"""The one part of a key, or several; `()` is the group of metrics without keys."""

Cell = list[object]
"""What a program changes of one group: for each slot a count, or what appends to Values."""

NO_KEY: Final[Key] = ()


class Groups:
    """Groups by key.

    Args:
        slots: What a group has: None for a count, else what is asked of its values.
    """

    def __init__(self, slots: list[Needs | None]) -> None:
        self._slots = slots
        self.cells: dict[Key, Cell] = {}
        self._values: dict[Key, list[Values | None]] = {}

    def new(self, key: Key) -> Cell:
        """Begin a group."""
        values = [None if needs is None else Values(needs) for needs in self._slots]
        cell: Cell = [0 if found is None else found.pending.append for found in values]
        self.cells[key] = cell
        self._values[key] = values
        return cell

    def fold(self) -> None:
        """Make what was appended small."""
        for values in self._values.values():
            for found in values:
                if found is not None:
                    found.fold()

    def count(self, key: Key, slot: int) -> int:
        """The count in a slot."""
        return cast("int", self.cells[key][slot])

    def values(self, key: Key, slot: int) -> Values:
        """The values in a slot."""
        found = self._values[key][slot]
        assert found is not None  # noqa: S101  the program has made it so
        return found


Aggregate = Callable[[Groups, Key], Number | None]
"""What a metric is of one group."""
