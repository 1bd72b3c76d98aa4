"""Windows to alerts: what becomes of one key of one rule. Pure: no clock, no I/O, nothing is stored.

Strategy: the state after a window is a function of the state before it and of the window. So a state need not be kept:
whoever starts computes it anew from the windows that there are. Late events change windows that were judged; then those
of the last windows are judged once more, and what was reported of them is compared with what should have been.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, NamedTuple

from tracerd.query.kinds import Number
from tracerd.query.tracker_tree import SEVERITIES
from tracerd.watch.gaps import NO_GAPS, Gaps
from tracerd.watch.rules import COOLDOWN_US, WatchRule


class Kind(StrEnum):
    """What happened to an alert."""

    FIRING = "firing"
    ESCALATED = "escalated"
    REMINDER = "reminder"
    RESOLVED = "resolved"


class Measure(NamedTuple):
    """What a rule measures in one window: its value, and of how many samples."""

    value: Number | None
    samples: int


@dataclass(frozen=True, slots=True)
class State:
    """What is known of a key after a window.

    Attributes:
        severity: Of its alert; None if there is none.
        since_us: When the alert began.
        noticed_us: When it began, or became more severe.
        streak: How many windows in a row were bad, without an alert, or good, with one.
    """

    severity: str | None = None
    since_us: int = 0
    noticed_us: int = 0
    streak: int = 0


QUIET: Final = State()

NO_SAMPLES: Final = Measure(None, 0)

NEVER: Final = -(2**62)
"""A window before all others."""


class Change(NamedTuple):
    """What is to be reported of a window.

    Attributes:
        kind: What happened.
        severity: Of the alert; of one that is resolved, what it was.
        before: The severity before; empty for none.
        window: The number of the window.
        since_us: When the alert began.
        measure: What was measured.
        above: The threshold that it exceeds, or that an alert exceeded last.
    """

    kind: Kind
    severity: str
    before: str
    window: int
    since_us: int
    measure: Measure
    above: Number

    @property
    def what(self) -> tuple[Kind, str, int]:
        """What makes it another change than one that was reported."""
        return self.kind, self.severity, self.window


def step(rule: WatchRule, state: State, window: int, measure: Measure) -> tuple[State, Change | None]:
    """The state after one more window, and what is to be reported of it."""
    end_us = (window + 1) * rule.width_us
    threshold = rule.exceeded(*measure)
    before = state.severity
    if threshold is None:
        if before is None:
            return QUIET, None
        if state.streak + 1 < rule.good_windows:
            return replace(state, streak=state.streak + 1), None
        return QUIET, Change(Kind.RESOLVED, before, before, window, state.since_us, measure, 0)
    severity = threshold.severity
    if before is None:
        if state.streak + 1 < rule.bad_windows:
            return State(streak=state.streak + 1), None
        fired = State(severity, end_us, end_us)
        return fired, Change(Kind.FIRING, severity, "", window, end_us, measure, threshold.above)
    if SEVERITIES.index(severity) > SEVERITIES.index(before):
        raised = State(severity, state.since_us, end_us)
        return raised, Change(Kind.ESCALATED, severity, before, window, state.since_us, measure, threshold.above)
    lasting = replace(state, streak=0)
    if is_due(before, state.noticed_us, end_us - rule.width_us, end_us):
        return lasting, Change(Kind.REMINDER, before, before, window, state.since_us, measure, threshold.above)
    return lasting, None


def is_due(severity: str, noticed_us: int, after_us: int, until_us: int) -> bool:
    """Whether a reminder falls into `(after, until]`: a multiple of the cooldown since 1970, once the cooldown is over.

    So reminders do not depend on when watching began.
    """
    cooldown = COOLDOWN_US[severity]
    latest = until_us // cooldown * cooldown
    return latest > after_us and latest - noticed_us >= cooldown


def fold(
    rule: WatchRule, state: State, at: int, measures: Iterable[tuple[int, Measure]], upto: int, gaps: Gaps = NO_GAPS
) -> tuple[State, list[Change]]:
    """The state after all windows behind `at` up to `upto`; those without a measure have no samples.

    Args:
        rule: The rule.
        state: The state after the window `at`.
        at: The number of a window.
        measures: By window, in their order; those that are not between `at` and `upto` do not count.
        upto: The number of the last window.
        gaps: When nothing was recorded: only what makes a window bad counts there.
    """
    changes: list[Change] = []

    def take(window: int, measure: Measure) -> None:
        nonlocal state, at
        at = window
        if rule.exceeded(*measure) is None and gaps.last(window, rule.width_us) is not None:
            return
        state, change = step(rule, state, window, measure)
        if change is not None:
            changes.append(change)

    def pass_to(window: int) -> None:
        """Pass over windows without samples: when an alert is over, or there is none, they change nothing."""
        nonlocal at
        while at < window - 1 and state is not QUIET:
            hidden = gaps.last(at + 1, rule.width_us)
            if hidden is None:
                take(at + 1, NO_SAMPLES)
            else:
                at = min(hidden, window - 1)

    for window, measure in measures:
        if at < window <= upto:
            pass_to(window)
            take(window, measure)
    pass_to(upto + 1)
    return state, changes


def severity_after(severity: str | None, changes: Iterable[Change]) -> str | None:
    """The severity after some changes; None if there is no alert."""
    for change in changes:
        severity = None if change.kind == Kind.RESOLVED else change.severity
    return severity


@dataclass(slots=True)
class History:
    """One key of one rule: a state that is final, the windows after it, and what was reported of them.

    Attributes:
        rule: The rule.
        at: The last window that can change no more.
        state: The state after it.
        measures: The windows after it that have samples, by number.
        changes: What these windows give, as far as they were judged.
        upto: The last window that was judged.
        reported: The severity that was reported last; None if that was the end of an alert, or nothing.
        gaps: When nothing was recorded.
    """

    rule: WatchRule
    at: int
    state: State = QUIET
    measures: dict[int, Measure] = field(default_factory=dict[int, Measure])
    changes: list[Change] = field(default_factory=list[Change])
    upto: int = NEVER
    reported: str | None = None
    gaps: Gaps = NO_GAPS

    def judge(self, upto: int) -> list[Change]:
        """Judge all windows up to one of them.

        Returns:
            What is new: the changes of windows that were not judged before; and if late events have changed windows
            that were, what leads from the reported state to the right one.
        """
        _, changes = self._fold(sorted(self.measures.items()), upto)
        again = [change for change in changes if change.window <= self.upto]
        found = [*self._corrections(again), *changes[len(again) :]]
        self.changes, self.upto = changes, max(upto, self.upto)
        return [change for change in found if self._is_news(change)]

    def _fold(self, measures: Iterable[tuple[int, Measure]], upto: int) -> tuple[State, list[Change]]:
        return fold(self.rule, self.state, self.at, measures, upto, self.gaps)

    def _corrections(self, again: list[Change]) -> list[Change]:
        """What leads from the reported changes to those of the same windows as they are now."""
        old = self.changes
        same = 0
        while same < min(len(old), len(again)) and old[same].what == again[same].what:
            same += 1
        if same == len(old):
            return again[same:]
        alert = self._alert(self.upto)
        before = self.reported
        if alert is not None:
            return [alert._replace(kind=Kind.ESCALATED if before else Kind.FIRING, before=before or "")]
        found = next((change for change in reversed(again) if change.kind == Kind.RESOLVED), None)
        since_us = found.since_us if found else self.state.since_us
        window = found.window if found else self.upto
        return [Change(Kind.RESOLVED, before or "", before or "", window, since_us, NO_SAMPLES, 0)]

    def _alert(self, upto: int) -> Change | None:
        """The alert after a window, as the last bad window before it shows it; None if there is none."""
        measures = [(window, measure) for window, measure in sorted(self.measures.items()) if window <= upto]
        state, _ = self._fold(measures, upto)
        if state.severity is None:
            return None
        bad = [(window, measure) for window, measure in measures if self.rule.exceeded(*measure)]
        window, measure = bad[-1] if bad else (upto, NO_SAMPLES)
        threshold = self.rule.exceeded(*measure) or self.rule.thresholds[0]
        return Change(Kind.FIRING, state.severity, "", window, state.since_us, measure, threshold.above)

    def _is_news(self, change: Change) -> bool:
        """Whether a change fits what was reported; then that is what it says."""
        before = self.reported
        if (change.kind == Kind.FIRING) != (before is None):
            return False
        if before and change.kind == Kind.ESCALATED and SEVERITIES.index(change.severity) <= SEVERITIES.index(before):
            return False
        self.reported = severity_after(before, [change])
        return True

    def finalize(self, window: int) -> None:
        """Make what lies before a window final: no event of it is taken any more."""
        last = min(window - 1, self.upto)
        if last > self.at:
            self.state, _ = self._fold(sorted(self.measures.items()), last)
            self.at = last
            self.measures = {number: measure for number, measure in self.measures.items() if number > last}
            self.changes = [change for change in self.changes if change.window > last]

    @property
    def lasting(self) -> Change | None:
        """Its alert, after the windows that were judged; None if there is none."""
        return self._alert(self.upto)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it need be kept."""
        return self.state is QUIET and self.reported is None and not self.measures and not self.changes
