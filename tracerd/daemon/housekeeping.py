"""When the daemon checks the limits of its directory: at the start, as traces end, and as logs grow old."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

import trio

from tracerd.errors import TracerdError
from tracerd.text import printable
from tracerd.trace_id import TraceId
from tracerd.traces.retention import Limits, enforce

logger = logging.getLogger(__name__)

PAUSE_S = 1.0
"""At least so long between two checks of the directory, however many traces end."""

SHARE = 20
"""The more a check has computed, the longer the pause after it, so many times as long. What it spent waiting, for the
disk or for its turn, took nothing from clients, and on a busy machine that is most of it."""

CALM_PAUSE_S = 60.0
"""The same without limits of the user: then only logs of exec can go, which is not urgent."""

INTERVAL_S = 3600.0
"""At most so long between two checks: logs become too old."""


class Housekeeping:
    """Removes what exceeds the limits.

    Args:
        directory: Where the logs are.
        limits: What may stay.
        on_removed: Called with each trace that was removed.
    """

    def __init__(self, directory: Path, limits: Limits, on_removed: Callable[[TraceId], None]) -> None:
        self._directory = directory
        self._limits = limits
        self._on_removed = on_removed
        self._wanted = trio.Event()

    def check_again(self) -> None:
        """A log was closed: it may be removed now, or there may be too much."""
        self._wanted.set()

    async def loop(self) -> None:
        """Check again and again."""
        while True:
            self._wanted = trio.Event()
            cost_s = 0.0
            try:
                # Its thread may outlive a stop: it can be broken off anywhere.
                removed, cost_s = await trio.to_thread.run_sync(self._check, abandon_on_cancel=True)
            except TracerdError as error:
                logger.warning("retention: %s", printable(str(error)))
            except Exception:
                logger.exception("a bug of tracerd: retention did not end")
            else:
                for trace_id in removed:
                    self._on_removed(trace_id)
            await trio.sleep(max(PAUSE_S if self._limits else CALM_PAUSE_S, SHARE * cost_s))
            with trio.move_on_after(INTERVAL_S):
                await self._wanted.wait()

    def _check(self) -> tuple[list[TraceId], float]:
        """What was removed, and the seconds of processor time that it took."""
        began_s = time.thread_time()
        removed = enforce(self._directory, self._limits)
        return removed, time.thread_time() - began_s
