"""Watching logs as they grow: what is there is replayed in silence, and what comes is reported."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from tracerd.rows.follow import Growing, Live
from tracerd.watch.alerts import Alert
from tracerd.watch.processes import NO_ONE, connected, is_gone
from tracerd.watch.rules import US
from tracerd.watch.traces import REPLAY_US, Connected, WatchedTraces

POLL_S: Final = 0.1

JUDGE_S: Final = 0.5
"""Between two looks at windows."""

PRESENCE_S: Final = 2.0
"""Between two looks at who is connected."""

PRUNE_S: Final = 60.0
MAX_REPLAYED: Final = 200
"""When to forget traces that are over: from time to time, and while so many are replayed."""


class Run:
    """Watches all traces of a directory, or some.

    Args:
        directory: Where the logs are.
        paths: The logs of the traces; none for all, also those to come.
        ask: Gives the daemon's answer to STATUS.
        traces: Judges them.

    Attributes:
        is_recording: Whether a daemon writes these logs.
    """

    def __init__(self, directory: Path, paths: Iterable[Path], ask: Callable[[], bytes], traces: WatchedTraces) -> None:
        since_s = time.time() - REPLAY_US / US
        self._lives = [Live(directory, path, since_s) for path in paths] or [Live(directory, None, since_s)]
        self._directory = directory
        self._ask = ask
        self._traces = traces
        self._due: dict[float, float] = {}  # of each period when it is over
        self._connected: Connected = NO_ONE
        self.is_recording = False

    def replay(self) -> list[Alert]:
        """Read what is there.

        Returns:
            The alerts that last.
        """
        self._look()
        for log, block in self._new_blocks():
            if len(self._traces) >= MAX_REPLAYED and log.trace_id not in self._traces:
                self._traces.prune(_now_us(), self._connected, is_gone)
            self._traces.feed(log.trace_id, block, _now_us())
            self._traces.written(log.trace_id, log.written_us())
        self._look()
        now_us = _now_us()
        self._traces.end_replay(now_us, self._connected, is_gone)
        return self._traces.lasting(now_us)

    def poll(self) -> list[Alert]:
        """Read what has come since, and give what is to be reported; to be called every POLL_S."""
        for log, block in self._new_blocks():
            if log.trace_id not in self._traces and not log.is_at_begin:
                self._traces.recall(log.trace_id, log.earlier_blocks(), _now_us())
            self._traces.feed(log.trace_id, block, _now_us())
        is_looking = self._is_due(PRESENCE_S)
        if is_looking:  # first: without a daemon a window without events proves nothing
            self._look()
        found = self._traces.judge(_now_us()) if self._is_due(JUDGE_S) else []
        if is_looking and self.is_recording:
            found += self._traces.judge_presence(_now_us(), self._connected, is_gone)
        if self._is_due(PRUNE_S):
            self._traces.prune(_now_us(), self._connected, is_gone)
        return found

    def judge_now(self) -> None:
        """Let the next `poll` look at everything, also at which logs there are."""
        self._due.clear()
        for live in self._lives:
            live.list_at = 0.0

    def _new_blocks(self) -> Iterable[tuple[Growing, bytes]]:
        for live in self._lives:
            yield from live.poll()

    def _look(self) -> None:
        found = connected(self._ask, self._directory, self._connected if self.is_recording else None)
        self.is_recording = found is not None
        self._connected = found or NO_ONE
        self._traces.note_daemon(_now_us(), found, is_gone)

    def _is_due(self, period_s: float) -> bool:
        if (now_s := time.monotonic()) < self._due.get(period_s, 0):
            return False
        self._due[period_s] = now_s + period_s
        return True

    def close(self) -> None:
        """Close all logs."""
        for live in self._lives:
            live.close()


def _now_us() -> int:
    return time.time_ns() // 1000
