"""The events of one track, as few bytes each: there may be millions, and they come one by one.

Strategy: an event is three numbers. They are added to a list, since nothing is faster, and from time to time packed
into an array of 64 bits. The columns are cut out of that array at once, when the track is played.
"""

import sys
from array import array
from collections.abc import Callable
from typing import Final

from tracerd.replay.slices import Names

ERROR_BIT: Final = 0x80
"""Set in the phase of an event that is an error."""

LABEL_SHIFT: Final = 32
"""The third number: the label of an event, shifted by so many bits, and its phase."""

_IS_LITTLE: Final = sys.byteorder == "little"


class Labels:
    """Names and cats of events as one number.

    Attributes:
        known: The number of each pair of a name and a cat, shifted by LABEL_SHIFT.
        name: By number: the number of its name.
        cat: By number: the number of its cat.
    """

    def __init__(self, names: Names) -> None:
        self.known: dict[tuple[str, str], int] = {}
        self.name: list[int] = []
        self.cat: list[int] = []
        self._names = names

    def shifted(self, name: str, cat: str) -> int:
        """The number of a pair, shifted."""
        label = self.known.get((name, cat))
        if label is None:
            label = self.known[name, cat] = len(self.name) << LABEL_SHIFT
            self.name.append(self._names[name])
            self.cat.append(self._names[cat])
        return label


class TrackEvents:
    """The events of one track, in the order of the log.

    Attributes:
        add: Takes ts and dur in ns, and the third number, as one iterable.
        add_line: Takes the number of the line; None if lines are not kept.
    """

    def __init__(self, *, keeps_lines: bool) -> None:
        self._staged: list[int] = []
        self._lines = array("q")
        self._packed = array("q")
        self.add: Callable[[tuple[int, int, int]], None] = self._staged.extend
        self.add_line: Callable[[int], None] | None = self._lines.append if keeps_lines else None

    def pack(self) -> None:
        """Make what was added small."""
        self._packed.fromlist(self._staged)
        self._staged.clear()

    def take(self) -> "Columns":
        """All events, which are forgotten here."""
        self.pack()
        packed, self._packed = self._packed, array("q")
        return Columns(packed, self._lines)


class Columns:
    """The events of a track, by column; a dur is that of an X, 0 of an instant, else PENDING.

    Attributes:
        ts: In ns.
        dur: In ns.
        label: See `Labels`.
        phases: Of PHASE, with ERROR_BIT.
        lines: Where each stands; empty if that is not kept.
    """

    def __init__(self, packed: "array[int]", lines: "array[int]") -> None:
        self.ts = packed[0::3]
        self.dur = packed[1::3]
        self.lines = lines
        third = memoryview(packed[2::3]).cast("B")
        self.phases = third[0 if _IS_LITTLE else 7 :: 8].tobytes()
        self.label = array("i", third.cast("i")[1 if _IS_LITTLE else 0 :: 2].tobytes())

    def __len__(self) -> int:
        """How many events there are."""
        return len(self.phases)

    def count(self, phase: int) -> int:
        """How many there are of a phase, errors too."""
        return self.phases.count(phase) + self.phases.count(phase | ERROR_BIT)
