"""The groups of metrics that share keys and condition, as a program fills them."""

from collections.abc import Callable, Iterator
from typing import Any, Final, cast

from tracerd.query.kinds import Number
from tracerd.query.values import Needs, Values

Key = str | tuple[str, ...]
"""The one part of a key, or several; `()` is the group of metrics without keys."""

Cell = list[object]
"""What a program changes of one group, two for each slot: a count, or what appends a float to Values, and any value."""

NO_KEY: Final[Key] = ()


class Groups:
    """Groups by key.

    Args:
        slots: What a group has: None for a count, else what is asked of its values.

    Attributes:
        by_part: The cells, for a program: of keys of several parts, a dict by the first part of dicts by the second,
            and so on. A tuple as a key takes longer, for it is made for each row, and its parts are compared.
    """

    def __init__(self, slots: list[Needs | None]) -> None:
        self._slots = slots
        self.by_part: dict[Any, Any] = {}
        self._groups: dict[Key, tuple[Cell, list[Values | None]]] = {}

    def __len__(self) -> int:
        """How many groups there are."""
        return len(self._groups)

    def __iter__(self) -> Iterator[Key]:
        """The key of each group."""
        return iter(self._groups)

    def new(self, key: Key) -> Cell:
        """Begin a group."""
        values = [None if needs is None else Values(needs) for needs in self._slots]
        cell: Cell = []
        for found in values:
            cell += (0, None) if found is None else (found.doubles.append, found.pending.append)
        self._groups[key] = cell, values
        cells = self.by_part
        *parts, last = _parts(key)
        for part in parts:
            cells = cells.setdefault(part, {})
        cells[last] = cell
        return cell

    def drop(self, key: Key) -> None:
        """Forget a group; a row that comes later begins it anew."""
        del self._groups[key]
        _remove(self.by_part, *_parts(key))

    def fold(self) -> None:
        """Make what was appended small."""
        for _, values in self._groups.values():
            for found in values:
                if found is not None:
                    found.fold()

    def count(self, key: Key, slot: int) -> int:
        """The count in a slot."""
        cell, _ = self._groups[key]
        return cast("int", cell[2 * slot])

    def values(self, key: Key, slot: int) -> Values:
        """The values in a slot."""
        found = self._groups[key][1][slot]
        assert found is not None  # noqa: S101  the program has made it so
        return found


def _parts(key: Key) -> tuple[object, ...]:
    """The parts of a key; the key without any is a part itself."""
    return key if isinstance(key, tuple) and key else (key,)


def _remove(cells: dict[Any, Any], first: object, *rest: object) -> None:
    """Remove a cell, and each dict that has no other one."""
    if rest:
        _remove(cells[first], *rest)
    if not rest or not cells[first]:
        del cells[first]


Aggregate = Callable[[Groups, Key], Number | None]
"""What a metric is of one group."""
