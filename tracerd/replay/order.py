"""In which order Perfetto plays events: by ts; what counts among equal ones depends on all the others."""

INT64_MAX = 2**63 - 1


def wrapped(number: int) -> int:
    """The number as 64 bits with a sign hold it."""
    return (number + 2**63) % 2**64 - 2**63


class Order:
    """Perfetto's sorter, without the events.

    Events are seldom out of order, so it sorts only from the first ts on that came late (`_from`). From the first X
    on, an equal ts counts as late too. If there is an X, then among equal ts E come first, then X by dur, longest
    first, then all others; what lies before the sorted part keeps the order of arrival even so.
    """

    def __init__(self) -> None:
        self._has_x = False
        self._last = 0
        self._pushed = 0
        self._from: int | None = None

    def push(self, ts: int, *, is_x: bool) -> None:
        """Take note of the next event."""
        if is_x:
            self._has_x = True
        if ts > self._last or (ts == self._last and not self._has_x):
            self._last = ts
        elif self._pushed and (self._from is None or ts < self._from):  # the very first event cannot be late
            self._from = ts
        self._pushed += 1

    def rank(self, ts: int, phase: str, dur: int) -> int:
        """What decides between events of one ts; among equal ranks the order of arrival."""
        if not self._has_x or self._from is None or ts < self._from:
            return 0
        if phase == "E":
            return -(2**63)
        return wrapped(INT64_MAX - dur) if phase == "X" else INT64_MAX
