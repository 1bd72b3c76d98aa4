"""What a channel is given: one alert, or a summary of many. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from tracerd import redact
from tracerd.query.tracker_tree import SEVERITIES
from tracerd.text import plural, printable
from tracerd.watch.alerts import Alert, rfc3339
from tracerd.watch.states import Kind

MAX_LINES: Final = 10
"""Alerts that a summary names."""

MAX_CHARACTERS: Final = 1000
"""Of one line, or of a word of a command."""

WORDS: Final = ("message", "severity", "state", "rule", "key", "trace", "time")
"""What may be substituted in a command."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is sent at once: the alerts, and how many before it were dropped."""

    alerts: tuple[Alert, ...]
    dropped: int = 0

    @property
    def title(self) -> str:
        """What it is about, in a few words."""
        if len(self.alerts) == 1:
            return _line(self.alerts[0]).partition(":")[0]
        return f"{len(self.alerts)} alerts"

    @property
    def message(self) -> str:
        """A line for each alert, at most MAX_LINES, and one that says how many more there are."""
        lines = [_line(alert) for alert in self.alerts[:MAX_LINES]]
        if len(self.alerts) > MAX_LINES:
            lines.append(f"and {len(self.alerts) - MAX_LINES} more")
        if self.dropped:
            lines.append(f"dropped before: {plural(self.dropped, 'alert')}")
        return "\n".join(lines)

    @property
    def severity(self) -> str:
        """That of the most severe alert."""
        return max((alert.severity for alert in self.alerts), key=SEVERITIES.index)

    def words(self) -> Mapping[str, str]:
        """The texts of WORDS; of a summary those that are of one alert are empty."""
        only = self.alerts[0] if len(self.alerts) == 1 else None
        return {
            "message": self.message,
            "severity": self.severity,
            "state": only.state.value if only else "summary",
            "rule": only.rule if only else "",
            "key": _cut(only.key_text) if only else "",
            "trace": _cut(printable(only.trace)) if only else "",
            "time": rfc3339(self.alerts[-1].time_us),
        }

    def as_json(self) -> dict[str, object]:
        """The JSON of the alert; of several an object with `alerts`."""
        found: dict[str, object] = self.alerts[0].as_json()
        if len(self.alerts) > 1:
            found = {
                "time": rfc3339(self.alerts[-1].time_us),
                "state": "summary",
                "severity": self.severity,
                "message": self.message,
                "alerts": [alert.as_json() for alert in self.alerts[:MAX_LINES]],
                "more": max(len(self.alerts) - MAX_LINES, 0),
            }
        if self.dropped:
            found["dropped"] = self.dropped
        return found


def without_secrets(alert: Alert) -> Alert:
    """An alert as it may leave this machine: keys are what programs have written."""
    return replace(alert, key={name: redact.text(value) for name, value in alert.key.items()})


def _line(alert: Alert) -> str:
    word = "resolved" if alert.state == Kind.RESOLVED else alert.severity
    return _cut(f"{word} {alert.rule} {alert.key_text}: {alert.message}")


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}..."
