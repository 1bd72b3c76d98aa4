"""Alerts as people and programs read them."""

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from tracerd.query.kinds import Number
from tracerd.text import printable
from tracerd.view.query_text import number_text
from tracerd.watch.rules import US, WatchRule
from tracerd.watch.states import Change, Kind

_STATE_WIDTH: Final = 8
_KEY_WIDTH: Final = 7
_PLURAL: Final = re.compile(r".*[a-rt-z]s")
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Alert:
    """What is reported.

    Attributes:
        time_us: Of which moment, in microseconds since 1970.
        trace: The trace.
        rule: The name of the rule.
        key: The value of each key.
        state: What happened to the alert.
        severity: Its severity; of one that is resolved, what it was.
        value: What was measured; None of one that is resolved.
        threshold: What the value exceeds; None of one that is resolved.
        window_us: The window, from its begin to its end, in microseconds since 1970.
        since_us: When the alert began; None if that is now.
        message: For people, in one line.
    """

    time_us: int
    trace: str
    rule: str
    key: dict[str, str]
    state: Kind
    severity: str
    value: Number | None
    threshold: Number | None
    window_us: tuple[int, int]
    since_us: int | None
    message: str

    def as_json(self) -> dict[str, object]:
        """Its JSON; times in RFC 3339, in UTC."""
        found: dict[str, object] = {
            "time": rfc3339(self.time_us),
            "trace_id": self.trace,
            "rule": self.rule,
            "key": self.key,
            "state": self.state.value,
            "severity": self.severity,
            "value": self.value,
            "threshold": self.threshold,
            "window": [rfc3339(time) for time in self.window_us],
            "message": self.message,
        }
        if self.since_us is not None:
            found["since"] = rfc3339(self.since_us)
        return found

    @property
    def key_text(self) -> str:
        """Its key, in one line."""
        return ", ".join(printable(value) for value in self.key.values())

    def text(self, rule_width: int, *, with_date: bool) -> str:
        """Its line in a terminal, with the local time.

        Args:
            rule_width: Of the names of rules.
            with_date: Whether the day is part of the time.
        """
        word = self.severity if self.state != Kind.RESOLVED else self.state.value
        time = local_time(self.time_us, "%Y-%m-%d %H:%M:%S" if with_date else "%H:%M:%S")
        return (
            f"{time}  {word:<{_STATE_WIDTH}}  {self.rule:<{rule_width}}  {self.key_text:<{_KEY_WIDTH}}  {self.message}"
        )


def json_text(value: dict[str, object]) -> str:
    """JSON in one line; half a surrogate pair, which UTF-8 does not have, becomes a question mark."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace").decode()


def of_change(rule: WatchRule, trace: str, key: tuple[str, ...], change: Change) -> Alert:
    """The alert that a change of a window is."""
    start, end = change.window * rule.width_us, (change.window + 1) * rule.width_us
    is_over = change.kind == Kind.RESOLVED
    message = f"after {about((end - change.since_us) // US)}" if is_over else _measured(rule, change)
    if change.kind == Kind.ESCALATED:
        message += f", was {change.before}"
    reached = rule.exceeded(*change.measure)
    if change.kind == Kind.REMINDER and reached and reached.severity != change.severity:
        message += f", now {reached.severity}"
    began_now = change.kind == Kind.FIRING and change.since_us == end
    alert = Alert(
        time_us=end,
        trace=trace,
        rule=rule.name,
        key=dict(zip(rule.keys, key, strict=True)),
        state=change.kind,
        severity=change.severity,
        value=None if is_over else change.measure.value,
        threshold=None if is_over else change.above,
        window_us=(start, end),
        since_us=None if began_now else change.since_us,
        message=message,
    )
    return alert if is_over or change.kind == Kind.ESCALATED or began_now else since(alert, change.since_us)


def of_end(trace: str, rule: str, key: dict[str, str], severity: str, since_us: int, now_us: int) -> Alert:
    """The end, found now, of an alert of which only the begin is known."""
    message = "ended while nothing watched"
    return Alert(
        now_us, trace, rule, key, Kind.RESOLVED, severity, None, None, (since_us, now_us), since_us, message
    )  # fmt: skip


def since(alert: Alert, since_us: int) -> Alert:
    """The same, of an alert that began at some time."""
    shown = local_time(since_us, "%H:%M:%S" if alert.time_us - since_us < 86400 * US else "%Y-%m-%d %H:%M:%S")
    return replace(alert, since_us=since_us, message=f"{alert.message}, since {shown}")


def _measured(rule: WatchRule, change: Change) -> str:
    value = change.measure.value
    if rule.source == "unfinished":
        spans = "1 span" if value == 1 else f"{number_text(value)} spans"
        return f"gone, and left {spans} unfinished"
    source = rule.source[:-1] if value == 1 and _PLURAL.fullmatch(rule.source) else rule.source
    what = f"{number_text(value)} {source}" if rule.is_count else f"{rule.source} {number_text(value)}"
    return f"{what} in {duration_text(rule.width_us // US)} (more than {number_text(change.above)})"


def duration_text(seconds: int) -> str:
    """A length of time in the largest unit of which it is a multiple, and two at least: `60 s`, `2 min`."""
    for length, unit in _UNITS:
        if seconds >= 2 * length and seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def about(seconds: int) -> str:
    """A length of time in the largest unit of which it has two at least, rounded down: `90 s`, `2 min`."""
    length = next((length for length, _ in _UNITS if seconds >= 2 * length), 1)
    return duration_text(seconds // length * length)


def rfc3339(time_us: int) -> str:
    """A time in RFC 3339, in UTC, to the second; as a number if no calendar has it."""
    try:
        return datetime.fromtimestamp(time_us // US, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(time_us)


def local_time(time_us: int, pattern: str) -> str:
    """A time as people here write it."""
    try:
        return datetime.fromtimestamp(time_us // US, UTC).astimezone().strftime(pattern)
    except (ValueError, OverflowError, OSError):
        return str(time_us)
