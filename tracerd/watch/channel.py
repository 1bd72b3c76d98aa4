"""A channel: a queue of notices and a thread that sends one after another, so that no channel waits for another."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final, Protocol

from tracerd.query.tracker_tree import SEVERITIES
from tracerd.text import plural
from tracerd.watch.alerts import Alert, local_time
from tracerd.watch.bundle import Bundle
from tracerd.watch.notice import Notice, without_secrets

MAX_WAITING: Final = 100
"""Notices that wait; of more the oldest is dropped."""


class Sender(Protocol):
    """What brings a notice to its place."""

    name: str

    def send(self, notice: Notice) -> str:
        """Send a notice; what went wrong, or nothing. It may take its time."""
        ...

    def stop(self) -> None:
        """End what is being sent, from another thread, if that is possible."""
        ...


class Channel:
    """Sends alerts to one place.

    Args:
        sender: What sends them.
        severity: The least that is sent.
        warn: Is called with what went wrong, in a line, from any thread.

    Attributes:
        is_busy: Whether a notice is being sent.
    """

    def __init__(self, sender: Sender, severity: str, warn: Callable[[str], None]) -> None:
        self._sender = sender
        self._least = SEVERITIES.index(severity)
        self._warn = warn
        self._bundle = Bundle()
        self._queue: deque[Notice] = deque()
        self._dropped = 0
        self.is_busy = False
        self._changed = threading.Condition()
        threading.Thread(target=self._work, daemon=True).start()

    def offer(self, alerts: Iterable[Alert], now_s: float) -> None:
        """Take alerts, perhaps none; to be called again and again, for what is held back.

        Args:
            alerts: The alerts.
            now_s: The time, by a clock that only goes on.
        """
        wanted = [without_secrets(alert) for alert in alerts if SEVERITIES.index(alert.severity) >= self._least]
        self._enqueue(self._bundle.offer(wanted, now_s))

    def finish(self) -> None:
        """Wait until all is sent."""
        self._enqueue(self._bundle.rest())
        with self._changed:
            self._changed.wait_for(lambda: not self._queue and not self.is_busy)

    def stop(self) -> None:
        """End at once; what waits is dropped."""
        with self._changed:
            self._queue.clear()
        self._sender.stop()

    def _enqueue(self, notices: Iterable[Notice]) -> None:
        dropped = 0
        with self._changed:
            for notice in notices:
                self._queue.append(notice)
                if len(self._queue) > MAX_WAITING:
                    dropped += len(self._queue.popleft().alerts)
            self._dropped += dropped
            self._changed.notify_all()
        if dropped:
            self._warn(f"{self._sender.name}: {plural(dropped, 'alert')} dropped: {MAX_WAITING} wait already")

    def _work(self) -> None:
        while True:
            with self._changed:
                self.is_busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._queue)
                self.is_busy = True
                notice = replace(self._queue.popleft(), dropped=self._dropped)
                self._dropped = 0
            try:
                problem = self._sender.send(notice)
            except Exception as error:  # a library's; the next notice may get through
                problem = f"{type(error).__name__}"
            if problem:
                when = local_time(notice.alerts[-1].time_us, "%H:%M:%S")
                self._warn(f"{self._sender.name}: {problem}; not sent: {when} {notice.title}")
