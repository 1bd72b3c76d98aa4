"""One trace that is watched: its windows, its processes, and the states of its alerts."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Final, NamedTuple

from tracerd.core.own_prefixes import OWN_MARK
from tracerd.query.rules import window_trees
from tracerd.query.tracker import Tracker
from tracerd.query.tracker_program import Plan, compile_tracker
from tracerd.query.tracker_tree import PRESENCE
from tracerd.rows.names import ProcessNames
from tracerd.rows.table import Table, events_for
from tracerd.watch import silence
from tracerd.watch.alerts import Alert, of_change, since
from tracerd.watch.gaps import NO_GAPS, Gaps
from tracerd.watch.presence import FIELDS, Pid, Presence, may_begin
from tracerd.watch.rules import US, WatchRule
from tracerd.watch.silence import UNKNOWN, Silence
from tracerd.watch.states import Change, History
from tracerd.watch.vanished import Vanished
from tracerd.watch.windows import LATE_WINDOWS, Windows

DELAY_US: Final = 2 * US
"""A window is judged so long after its end: events are on their way."""

CLOCK_SKEW_US: Final = 5 * 60 * US
"""Rows that are so far in the future have a wrong clock."""

_BATCH_BYTES: Final = 4 << 20
"""So much is replayed before windows that can change no more are dropped."""

_NO_END: Final = 2**62


class Program(NamedTuple):
    """The rules of one tracker with windows of one length, compiled."""

    relation: str
    plan: Plan
    rules: list[WatchRule]


def programs_of(trackers: Iterable[Tracker], rules: Mapping[str, WatchRule]) -> list[Program]:
    """What is computed of each trace."""
    found: list[Program] = []
    for tracker in trackers:
        for seconds, tree in window_trees(tracker.tree):
            plan = compile_tracker(tree, tracker.text, "time", slides=True)
            own = [
                rules[rule.name]
                for rule in tracker.tree.rules
                if rule.seconds == seconds and rule.source not in PRESENCE
            ]
            found.append(Program(tree.relation, plan, own))
    return found


class WatchedTrace:
    """What is known of one trace.

    Args:
        trace: What it is called.
        programs: What is computed of it.
        rules: The rules of PRESENCE.
        start_us: Windows that begin earlier are not judged.
        warn: Is called with what is wrong, in a line.
        gaps: When nothing was recorded.

    Attributes:
        names: The names of its processes.
        written_us: When its log was written last, as far as that is known to who reads it.
    """

    def __init__(
        self,
        trace: str,
        programs: Iterable[Program],
        rules: Collection[WatchRule],
        start_us: int,
        warn: Callable[[str], None],
        gaps: Gaps = NO_GAPS,
    ) -> None:
        self.trace = trace
        self.names = ProcessNames()
        self._rules = rules
        self._presence = Presence() if rules else None
        # All share one reader, and those of spans come last, as they change its events.
        programs = sorted(programs, key=lambda program: program.relation == "spans")
        tables = [(program.relation, program.plan.inputs) for program in programs]
        self._events = events_for(tables, FIELDS if rules else ())
        self._only_logs = not rules and all(relation == "logs" for relation, _ in tables)
        self._windows: list[Windows] = []
        for relation, plan, own in programs:
            table = Table(relation, plan.inputs, trace, self.names, in_order=False, events=self._events)
            width = own[0].width_us
            self._windows.append(Windows(plan, own, table, start_us // width * width, warn, gaps))
        self._silences: dict[tuple[str, tuple[str, ...]], Silence] = {}
        self._vanished = Vanished(trace, [rule for rule in rules if rule.source == "unfinished"])
        self._fed = 0
        self.written_us = 0

    # ------------------------------------------------------------------ what is read

    def feed(self, block: bytes, now_us: float) -> None:
        """Take some more whole lines of its log; what lies in the future is left out."""
        self._fed += len(block)
        self.names.take([block])
        if self._presence:
            self._presence.take_marks(block)
        begins = may_begin(block)
        for events in self._events.read([_log_lines(block) if self._only_logs else block]):
            if self._presence:
                self._presence.take(events, self._events.offset_us, may_begin=begins)
            for windows in self._windows:
                windows.take(events, now_us + CLOCK_SKEW_US)

    def replay(self, block: bytes, now_us: float) -> list[Alert]:
        """As `feed`, and judge now and then what can change no more.

        Returns:
            What was to be reported then.
        """
        self.feed(block, now_us)
        if self._fed < _BATCH_BYTES:
            return []
        return [alert for windows in self._windows for alert in self._judged(windows, windows.floor - 1)]

    # ------------------------------------------------------------------ windows

    def judge(self, now_us: int) -> list[Alert]:
        """Judge all windows that are over."""
        found: list[Alert] = []
        for windows in self._windows:
            found += self._judged(windows, _last_over(now_us, windows.width_us))
        return found

    def judge_all(self, now_us: int) -> list[Alert]:
        """Judge all windows that are over, and those that are not but have a row."""
        found: list[Alert] = []
        for windows in self._windows:
            newest = windows.floor + LATE_WINDOWS
            found += self._judged(windows, max(newest, _last_over(now_us, windows.width_us)))
        found += self._vanished.judge(lambda _: _NO_END)
        return found

    def _judged(self, windows: Windows, upto: int) -> list[Alert]:
        self._fed = 0
        return [alert for history, key, changes in windows.judge(upto) for alert in self._alerts(history, key, changes)]

    def _alerts(self, history: History, key: tuple[str, ...], changes: Iterable[Change]) -> Iterator[Alert]:
        for change in changes:
            yield of_change(history.rule, self.trace, key, change)

    # ------------------------------------------------------------------ processes

    def judge_presence(self, now_us: int, connected: Collection[Pid], is_gone: Callable[[Pid], bool]) -> list[Alert]:
        """Judge who is silent, and who is gone.

        Args:
            now_us: The time.
            connected: The processes that have a connection for this trace.
            is_gone: Whether a process is no more.
        """
        found: list[Alert] = []
        for rule in self._rules:
            if rule.source == "silence":
                found += self._judge_silence(rule, now_us, connected)
        self.note_gone(lambda pid: pid not in connected and is_gone(pid), now_us)
        return found + self._vanished.judge(lambda rule: _last_over(now_us, rule.width_us))

    def _judge_silence(self, rule: WatchRule, now_us: int, connected: Collection[Pid]) -> Iterator[Alert]:
        last_us: dict[tuple[str, ...], int] = {}
        for pid in connected:
            if self._presence and pid in self._presence.last_us:
                key = self._process_key(rule, pid)
                last_us[key] = max(last_us.get(key, 0), self._presence.last_us[pid])
        known = {key for name, key in self._silences if name == rule.name}
        for key in sorted(known | last_us.keys()):
            before = self._silences.get((rule.name, key), UNKNOWN)
            after, alert = silence.judge(rule, self.trace, key, before, last_us.get(key), now_us)
            if key in last_us:
                self._silences[rule.name, key] = after
            else:
                self._silences.pop((rule.name, key), None)
            if alert is not None:
                yield alert

    def note_gone(self, is_gone: Callable[[Pid], bool], now_us: int | None) -> None:
        """Note the open spans of processes that are gone.

        Args:
            is_gone: Whether a process is.
            now_us: The time; None to take all that are gone now, with the time of their last event.
        """
        if not self._presence:
            return
        spans = self._presence.open_spans()
        if now_us is None:
            last_us = self._presence.last_us
            gone = {pid: last_us[pid] for pid in spans if pid in last_us and is_gone(pid)}
        else:
            gone = {pid: self._vanished.gone_us(pid) for pid in self._vanished.left(spans, is_gone, now_us)}
        for pid, time_us in gone.items():
            self._presence.forget(pid)
            self._vanished.note(spans[pid], time_us, partial(self._process_key, pid=pid))

    def forget_gone(self, connected: Collection[Pid], is_gone: Callable[[Pid], bool]) -> None:
        """Forget processes that have gone while nothing was recorded: they may have ended their spans."""
        if self._presence:
            for pid in self._presence.open_spans():
                if pid not in connected and is_gone(pid):
                    self._presence.forget(pid)

    def _process_key(self, rule: WatchRule, pid: Pid) -> tuple[str, ...]:
        name = self.names.processes.get(pid) or f"pid {pid}"
        return tuple(name if key == "process" else str(pid) for key in rule.keys)

    # ------------------------------------------------------------------ what lasts

    @property
    def has_open_spans(self) -> bool:
        """Whether a process has a span open, and so may vanish."""
        return self._presence is not None and bool(self._presence.open_spans())

    @property
    def has_lasting_alerts(self) -> bool:
        """Whether an alert of a window lasts, and so may end with time."""
        return any(history.lasting for windows in self._windows for history in windows.histories.values())

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be reported of it before its log grows; then that can be read again."""
        return not (self.has_open_spans or self.has_lasting_alerts or self._silences or self._vanished)

    def lasting(self, now_us: int) -> list[Alert]:
        """The alerts that last, each as if it fired now, with the time since when it does."""
        found: list[Alert] = []
        histories = [found for windows in self._windows for found in windows.histories.items()]
        for (_, key), history in histories:
            if change := history.lasting:
                alert = of_change(history.rule, self.trace, key, change)
                found.append(alert if alert.since_us is not None else since(alert, change.since_us))
        for (name, key), known in self._silences.items():
            rule = next(rule for rule in self._rules if rule.name == name)
            if known.since_us is not None and known.last_us is not None:
                found.append(silence.lasting(rule, self.trace, key, known.last_us, known.since_us, now_us))
        return found


def _last_over(now_us: int, width_us: int) -> int:
    """The number of the last window to be judged."""
    return (now_us - DELAY_US) // width_us - 1


def _log_lines(block: bytes) -> bytes:
    """The lines of a block that may be rows of `logs`, or tell the time: to find them takes a fifth of decoding all."""
    marks = [mark for mark in _LOG_MARKS if block.rfind(mark) >= 0]
    if not marks:
        return b""
    if len(marks) == 1:  # nearly always; rfind takes a third of the time of `in`, in Python 3.11
        mark = marks[0]
        lines = [line for line in block.split(b"\n") if line.rfind(mark) >= 0]
    else:
        lines = [line for line in block.split(b"\n") if any(mark in line for mark in marks)]
    return b"\n".join([*lines, b""])


_LOG_MARKS: Final = (b'"log"', OWN_MARK, b"\\u00")
