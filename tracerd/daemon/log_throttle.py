"""What goes on failing is logged once a minute, and not for each of many."""

import time
from collections.abc import Hashable

THROTTLE_S = 60.0
"""What goes on failing is logged again after this time."""

MAX_SUBJECTS = 100
"""So many different subjects are logged in this time; there may be thousands."""


class LogThrottle:
    """Decides whether it is time to log a subject once more."""

    def __init__(self) -> None:
        self._logged_s: dict[Hashable, float] = {}

    def __call__(self, subject: Hashable) -> bool:
        """Whether nothing was logged about this subject for a minute; the caller logs it now."""
        now_s = time.monotonic()
        if now_s - self._logged_s.get(subject, -THROTTLE_S) < THROTTLE_S:
            return False
        if len(self._logged_s) >= MAX_SUBJECTS:
            recent = {each: at_s for each, at_s in self._logged_s.items() if now_s - at_s < THROTTLE_S}
            self._logged_s = recent
            if len(recent) >= MAX_SUBJECTS:
                return False
        self._logged_s[subject] = now_s
        return True
