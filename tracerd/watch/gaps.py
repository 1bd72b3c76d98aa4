"""When no daemon ran. Pure: the clock is an argument."""

from typing import Final

MAX_GAPS: Final = 100
"""Of more the first is forgotten."""


class Gaps:
    """The times without a daemon: nothing is recorded then, so a window without events proves nothing.

    Attributes:
        since_us: Since when there is no daemon; None while one runs, or before it is known.
    """

    def __init__(self) -> None:
        self.since_us: int | None = None
        self._over: list[tuple[int, int]] = []
        self._seen_us: int | None = None

    def note(self, now_us: int, *, is_recording: bool) -> bool:
        """Note whether a daemon runs now; whether that is another answer than before."""
        before = self.since_us
        if not is_recording:
            if before is None:
                self.since_us = now_us if self._seen_us is None else self._seen_us
            return before is None
        self._seen_us = now_us
        if before is not None:
            self._over = [*self._over[1 - MAX_GAPS :], (before, now_us)]
            self.since_us = None
        return before is not None

    def last(self, window: int, width_us: int) -> int | None:
        """The last window, from one on, that lies in the same gap at least in part; None if that one does not."""
        start_us, end_us = window * width_us, (window + 1) * width_us
        if self.since_us is not None and end_us > self.since_us:
            return _NO_END
        return next(((end - 1) // width_us for start, end in self._over if start < end_us and start_us < end), None)


_NO_END: Final = 2**62

NO_GAPS: Final = Gaps()
"""For what is judged as it is."""
