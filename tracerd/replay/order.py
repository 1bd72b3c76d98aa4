"""In which order Perfetto plays events: by ts; what counts among equal ones depends on all the others."""

INT64_MAX = 2**63 - 1
NEVER = 2**63
"""Later than every ts."""


def wrapped(number: int) -> int:
    """The number as 64 bits with a sign hold it."""
    return (number + 2**63) % 2**64 - 2**63


class Order:
    """Perfetto's sorter, without the events.

    Events are seldom out of order, so it sorts only from the first ts on that came late (`_from`). From the first X
    on, an equal ts counts as late too. If there is an X, then among equal ts E come first, then X by dur, longest
    first, then all others; what lies before the sorted part keeps the order of arrival even so.

    Attributes:
        has_x: Whether there is an X.
        last: The largest ts.
        late_from: The first ts that came late; more than any if none did.
    """

    def __init__(self) -> None:
        self.has_x = False
        self.last = -1  # so that the very first event is not late
        self.late_from = NEVER

    def push(self, ts: int, *, is_x: bool) -> None:
        """Take note of the next event."""
        if is_x:
            self.has_x = True
        if ts > self.last or (ts == self.last and not self.has_x):
            self.last = ts
        elif ts < self.late_from:
            self.late_from = ts

    def rank(self, ts: int, phase: str, dur: int) -> int:
        """What decides between events of one ts; among equal ranks the order of arrival."""
        if not self.has_x or ts < self.late_from:
            return 0
        if phase == "E":
            return -(2**63)
        return wrapped(INT64_MAX - dur) if phase == "X" else INT64_MAX
