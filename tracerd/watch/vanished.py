"""Processes that are gone and have left spans open. Pure: a clock is an argument."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from tracerd.watch.alerts import Alert, of_change
from tracerd.watch.presence import Pid
from tracerd.watch.rules import US, WatchRule
from tracerd.watch.states import Change, Kind, Measure

GRACE_US: Final = 10 * US
"""So long the spans of a process that is gone may still end: its last lines, or those of `exec`, are on their way."""


class Vanished:
    """Those of one trace.

    Args:
        trace: The trace.
        rules: The rules of `unfinished`.
    """

    def __init__(self, trace: str, rules: Iterable[WatchRule]) -> None:
        self._trace = trace
        self._rules = [*rules]
        self._gone_us: dict[Pid, int] = {}  # of those that may still end their spans, when they were found gone
        self._spans: Counter[tuple[WatchRule, tuple[str, ...], int]] = Counter()  # by rule, key and window

    def __bool__(self) -> bool:
        """Whether anything is to be reported, perhaps later."""
        return bool(self._spans)

    def left(self, open_spans: Mapping[Pid, int], is_gone: Callable[[Pid], bool], now_us: int) -> list[Pid]:
        """Processes with open spans that have been gone for GRACE_US, by what is known now."""
        self._gone_us = {pid: self._gone_us.get(pid, now_us) for pid in open_spans if is_gone(pid)}
        return [pid for pid, since_us in self._gone_us.items() if now_us - since_us >= GRACE_US]

    def gone_us(self, pid: Pid) -> int:
        """When a process of `left` was found gone."""
        return self._gone_us[pid]

    def note(self, spans: int, time_us: int, key_of: Callable[[WatchRule], tuple[str, ...]]) -> None:
        """Note that a process has gone at some time, and has left so many spans open."""
        for rule in self._rules:
            self._spans[rule, key_of(rule), time_us // rule.width_us] += spans

    def judge(self, last_over: Callable[[WatchRule], int]) -> list[Alert]:
        """Report those of windows that are over.

        A process that is gone does not come back: there is no end to report.

        Args:
            last_over: The last window of a rule that is.
        """
        found: list[Alert] = []
        for (rule, key, window), spans in [*self._spans.items()]:
            if window <= last_over(rule):
                del self._spans[rule, key, window]
                found.append(of_change(rule, self._trace, key, _change(rule, window, spans)))
        return found


def _change(rule: WatchRule, window: int, spans: int) -> Change:
    severity, end_us = rule.thresholds[0].severity, (window + 1) * rule.width_us
    return Change(Kind.FIRING, severity, "", window, end_us, Measure(spans, spans), rule.thresholds[0].above)
