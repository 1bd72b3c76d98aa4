"""Alerts to notices: a few one by one, many as one summary. Pure: a clock is an argument."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from tracerd.watch.alerts import Alert
from tracerd.watch.notice import Notice

MAX_SINGLE: Final = 5
PERIOD_S: Final = 10.0
"""More than MAX_SINGLE alerts in PERIOD_S are a summary; the next one comes PERIOD_S later."""


class Bundle:
    """The alerts of one channel."""

    def __init__(self) -> None:
        self._single: deque[float] = deque()  # when alerts were sent one by one
        self._held: list[Alert] = []
        self._hold_until = 0.0

    def offer(self, alerts: Sequence[Alert], now_s: float) -> list[Notice]:
        """Take alerts; what is to be sent now."""
        if not alerts:
            return self.due(now_s)
        while self._single and self._single[0] <= now_s - PERIOD_S:
            self._single.popleft()
        self._held += alerts
        if now_s < self._hold_until:
            return []
        if len(self._single) + len(self._held) <= MAX_SINGLE:
            self._single.extend([now_s] * len(self._held))
            found = [Notice((alert,)) for alert in self._held]
        else:
            self._hold_until = now_s + PERIOD_S
            found = [Notice(tuple(self._held))]
        self._held = []
        return found

    def due(self, now_s: float) -> list[Notice]:
        """What was held back and is to be sent now."""
        if not self._held or now_s < self._hold_until:
            return []
        held, self._held = self._held, []
        return self.offer(held, now_s)

    def rest(self) -> list[Notice]:
        """All that was held back."""
        held, self._held = self._held, []
        return [Notice(tuple(held))] if held else []
