"""What is counted of event lines: per client, per trace and for the daemon."""

from dataclasses import dataclass


@dataclass(slots=True)
class Totals:
    """Counts of event lines.

    Attributes:
        stored: In the log, repaired ones too.
        repaired: In the log after a repair (`nan` to `null`, and the like).
        refused: Not a strict JSON object, too long, before OPEN, or for a trace that is full.
        lost: Good, but the log could not be written, for too long or until the end.
    """

    stored: int = 0
    repaired: int = 0
    refused: int = 0
    lost: int = 0

    def __bool__(self) -> bool:
        """Whether anything was counted."""
        return bool(self.stored or self.repaired or self.refused or self.lost)

    def add(self, other: "Totals") -> None:
        """Add the other counts to these."""
        self.stored += other.stored
        self.repaired += other.repaired
        self.refused += other.refused
        self.lost += other.lost
