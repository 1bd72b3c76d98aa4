"""All traces that are watched: lines of logs in, alerts out. No I/O, and the clock is an argument."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from tracerd.query.tracker import Tracker
from tracerd.query.tracker_tree import PRESENCE
from tracerd.watch.alerts import Alert, local_time
from tracerd.watch.gaps import Gaps
from tracerd.watch.presence import Pid
from tracerd.watch.rules import US, WatchRule
from tracerd.watch.sent import Place, place_of
from tracerd.watch.states import Kind
from tracerd.watch.trace import WatchedTrace, programs_of
from tracerd.watch.windows import LATE_WINDOWS

REPLAY_US: Final = 86400 * US
"""So much is replayed."""

IDLE_US: Final = 15 * 60 * US
"""A log that was not written for so long, after the end of its last window, need not be kept in mind."""

NO_PROCESSES: Final[Collection[Pid]] = frozenset()

Connected = Mapping[str, Collection[Pid]]
"""Of each trace the processes that have a connection."""


class WatchedTraces:
    """Watches any number of traces.

    Args:
        trackers: The trackers of the rules.
        rules: Their rules, by name.
        warn: Is called with what is wrong, in a line.

    Attributes:
        ended: Of the replay, the last end of each alert.
    """

    def __init__(
        self, trackers: Iterable[Tracker], rules: Mapping[str, WatchRule], warn: Callable[[str], None]
    ) -> None:
        self._programs = programs_of(trackers, rules)
        self._rules = [rule for rule in rules.values() if rule.source in PRESENCE]
        longest_us = max(rule.width_us for rule in rules.values())
        self._late_us = (LATE_WINDOWS + 1) * longest_us
        self._idle_us = IDLE_US + longest_us
        self._warn = warn
        self._traces: dict[str, WatchedTrace] = {}
        self._is_replaying = True
        self.ended: dict[Place, Alert] = {}
        self._gaps = Gaps()

    def __len__(self) -> int:
        """How many traces are kept in mind."""
        return len(self._traces)

    def __contains__(self, trace: str) -> bool:
        """Whether a trace is kept in mind."""
        return trace in self._traces

    # ------------------------------------------------------------------ what is read

    def feed(self, trace: str, block: bytes, now_us: int) -> None:
        """Take some more whole lines of a log.

        Of a trace that is not kept in mind they are its first lines: what a new log says of a time before is no news.
        """
        found = self._traces.get(trace)
        if found is None:
            found = self._new(trace, now_us - (REPLAY_US if self._is_replaying else self._late_us))
        if self._is_replaying:
            self._note_ends(found.replay(block, now_us))
        else:
            found.feed(block, now_us)
        found.written_us = now_us

    def recall(self, trace: str, blocks: Iterable[bytes], now_us: int) -> None:
        """Replay a log, in silence, up to the lines that are fed next."""
        found = self._new(trace, now_us - REPLAY_US)
        for block in blocks:
            found.replay(block, now_us)
        if not self._is_replaying:
            found.judge(now_us)

    def _new(self, trace: str, start_us: int) -> WatchedTrace:
        def warn(problem: str) -> None:
            self._warn(f"{trace}: {problem}")

        found = self._traces[trace] = WatchedTrace(trace, self._programs, self._rules, start_us, warn, self._gaps)
        return found

    def written(self, trace: str, time_us: int) -> None:
        """Note when a log was written last, if it is an old one that was fed."""
        self._traces[trace].written_us = time_us

    def note_daemon(self, now_us: int, connected: Connected | None, is_gone: Callable[[Pid], bool]) -> None:
        """Note whether a daemon runs: without one no alert ends, and what processes do is not known.

        Args:
            now_us: The time.
            connected: Who has a connection; None without a daemon.
            is_gone: Whether a process is no more.
        """
        if not self._gaps.note(now_us, is_recording=connected is not None):
            return
        if connected is None:
            when = "" if self._gaps.since_us == now_us else f" since {local_time(self._gaps.since_us or 0, '%H:%M:%S')}"
            self._warn(f"no daemon: nothing is recorded{when}, and no alert ends until one runs")
            return
        self._warn("a daemon runs: events are recorded again")
        for trace, watched in self._traces.items():
            watched.forget_gone(connected.get(trace, NO_PROCESSES), is_gone)

    def end_replay(self, now_us: int, connected: Connected, is_gone: Callable[[Pid], bool]) -> None:
        """End the replay: what was fed until now is known, and nothing of it is reported.

        Args:
            now_us: The time.
            connected: Who has a connection.
            is_gone: Whether a process is no more.
        """
        for trace, watched in self._traces.items():
            self._note_ends(_end_replay(watched, now_us, connected.get(trace, NO_PROCESSES), is_gone))
        self._is_replaying = False

    def _note_ends(self, alerts: Iterable[Alert]) -> None:
        self.ended.update((place_of(alert), alert) for alert in alerts if alert.state == Kind.RESOLVED)

    def prune(self, now_us: int, connected: Connected, is_gone: Callable[[Pid], bool]) -> None:
        """Forget traces of which nothing is to be expected; the arguments are those of `end_replay`."""
        for trace, watched in [*self._traces.items()]:
            if trace in connected or now_us - watched.written_us < self._idle_us:
                continue
            if self._is_replaying:
                self._note_ends(_end_replay(watched, now_us, NO_PROCESSES, is_gone))
            if watched.is_idle:
                del self._traces[trace]

    # ------------------------------------------------------------------ what is reported

    def judge(self, now_us: int) -> list[Alert]:
        """What is to be reported of windows that are over."""
        return in_order(alert for watched in self._traces.values() for alert in watched.judge(now_us))

    def judge_presence(self, now_us: int, connected: Connected, is_gone: Callable[[Pid], bool]) -> list[Alert]:
        """What is to be reported of processes; the arguments are those of `end_replay`."""
        return in_order(
            alert
            for trace, watched in self._traces.items()
            for alert in watched.judge_presence(now_us, connected.get(trace, NO_PROCESSES), is_gone)
        )

    def lasting(self, now_us: int) -> list[Alert]:
        """The alerts that last."""
        return in_order(alert for watched in self._traces.values() for alert in watched.lasting(now_us))


def _end_replay(
    watched: WatchedTrace, now_us: int, connected: Collection[Pid], is_gone: Callable[[Pid], bool]
) -> list[Alert]:
    watched.note_gone(lambda pid: pid not in connected and is_gone(pid), None)
    return [*watched.judge(now_us), *watched.judge_presence(now_us, connected, is_gone)]


def in_order(alerts: Iterable[Alert]) -> list[Alert]:
    """Alerts by time."""
    return sorted(alerts, key=lambda alert: (alert.time_us, alert.trace, alert.rule, sorted(alert.key.items())))
