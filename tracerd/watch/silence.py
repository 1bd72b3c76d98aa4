"""Silence: whether connected processes write nothing. Pure: a clock is an argument."""

from dataclasses import dataclass
from typing import Final

from tracerd.watch.alerts import Alert, about, since
from tracerd.watch.rules import US, WatchRule
from tracerd.watch.states import Kind, is_due


@dataclass(frozen=True, slots=True)
class Silence:
    """What is known of the processes of one key.

    Attributes:
        last_us: Their last event; None if none of them is connected.
        since_us: When their alert began; None if there is none.
        judged_us: When they were judged last.
    """

    last_us: int | None = None
    since_us: int | None = None
    judged_us: int = 0


UNKNOWN: Final = Silence()


def judge(
    rule: WatchRule, trace: str, key: tuple[str, ...], before: Silence, last_us: int | None, now_us: int
) -> tuple[Silence, Alert | None]:
    """What is known now, and what is to be reported of it.

    Args:
        rule: The rule.
        trace: The trace.
        key: The key of these processes.
        before: What was known.
        last_us: Their last event; None if none of them is connected any more.
        now_us: The time.
    """
    began_us = None if last_us is None else last_us + rule.width_us
    since_us = began_us if began_us is not None and began_us <= now_us else None
    if before.since_us is not None and since_us != before.since_us:
        # One that began anew meanwhile is found in the next round.
        ended_us = min(now_us, last_us or now_us) if last_us != before.last_us else now_us
        found = _alert(rule, trace, key, Kind.RESOLVED, ended_us, before.last_us or 0, before.since_us)
        return Silence(last_us, None, now_us), found
    known = Silence(last_us, since_us, now_us)
    if since_us is None or last_us is None:
        return known, None
    if before.since_us is None:
        return known, _alert(rule, trace, key, Kind.FIRING, since_us, last_us, since_us)
    if is_due(rule.thresholds[0].severity, since_us, before.judged_us, now_us):
        return known, _alert(rule, trace, key, Kind.REMINDER, now_us, last_us, since_us)
    return known, None


def lasting(rule: WatchRule, trace: str, key: tuple[str, ...], last_us: int, since_us: int, now_us: int) -> Alert:
    """An alert that lasts, as if it fired now."""
    return since(_alert(rule, trace, key, Kind.FIRING, now_us, last_us, since_us), since_us)


def _alert(
    rule: WatchRule, trace: str, key: tuple[str, ...], kind: Kind, time_us: int, last_us: int, since_us: int
) -> Alert:
    is_over = kind == Kind.RESOLVED
    silent_s = (time_us - last_us) // US
    alert = Alert(
        time_us=time_us,
        trace=trace,
        rule=rule.name,
        key=dict(zip(rule.keys, key, strict=True)),
        state=kind,
        severity=rule.thresholds[0].severity,
        value=None if is_over else silent_s,
        threshold=None if is_over else rule.width_us // US,
        window_us=(last_us, time_us),
        since_us=since_us if is_over else None,
        message=f"after {about(max(time_us - since_us, 0) // US)}" if is_over else f"no event for {about(silent_s)}",
    )
    return alert if kind != Kind.REMINDER else since(alert, since_us)
