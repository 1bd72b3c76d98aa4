"""The rules that are watched: those of a file, or the usual ones."""

from dataclasses import dataclass
from typing import Final

from tracerd.query.lexer import Text
from tracerd.query.rules import minimum
from tracerd.query.tracker import Tracker
from tracerd.query.tracker_tree import SEVERITIES, Threshold
from tracerd.query.tree import Args, Name

US: Final = 1_000_000

DEFAULT_RULES: Final = """\
tracker "requests" v1 {                  // spans; service of a span is args.service, else its process
  from spans
  derive { ms = dur_us / 1000 }
  metrics { latency = p95(ms) }
  watch { high_latency: latency by service over 60s  > 1000 medium, > 2000 high, > 3000 critical  min 20 }
}
tracker "logs" v1 {
  from logs where level == "error" || level == "critical"
  metrics { errors = count() }
  watch {
    error_spike: errors by service over 60s  > 10 medium, > 20 high, > 50 critical
    silent:      silence by process over 5m  high
    vanished:    unfinished by process       medium
  }
}
"""

MOMENTS: Final = ("vanished",)
"""The usual rules of what has no end: a process that is gone does not come back."""

UNFINISHED_WINDOW_S: Final = 60
"""The windows in which processes vanish."""

COOLDOWN_US: Final[dict[str, int]] = dict(
    zip(SEVERITIES, (15 * 60 * US, 10 * 60 * US, 5 * 60 * US, 60 * US), strict=True)
)
"""After this an alert that lasts is reported again."""


@dataclass(frozen=True, slots=True)
class WatchRule:
    """When to alert.

    Attributes:
        name: The name, which no other rule has.
        source: The metric, or `silence`, or `unfinished`.
        is_count: Whether the metric counts, so that its value is a number of things.
        keys: What its keys are called.
        width_us: The length of a window.
        thresholds: From the least on.
        minimum: A window with fewer samples is a good one.
        bad_windows: So many bad windows in a row fire.
        good_windows: So many good ones in a row resolve.
    """

    name: str
    source: str
    is_count: bool
    keys: tuple[str, ...]
    width_us: int
    thresholds: tuple[Threshold, ...]
    minimum: int
    bad_windows: int
    good_windows: int

    def exceeded(self, value: int | float | None, samples: int) -> Threshold | None:
        """The highest threshold that a window exceeds; None if it is a good window."""
        if value is None or samples < self.minimum:
            return None
        return next((found for found in reversed(self.thresholds) if value > found.above), None)


def parse_rules(text: str, source: str) -> tuple[list[Tracker], dict[str, WatchRule]]:
    """The trackers of a rules file, and their rules by name.

    Args:
        text: The file.
        source: What it is called in an error.

    Raises:
        QueryError: It is no rules file.
    """
    trackers = Tracker.parse_all(text, source)
    rules: dict[str, WatchRule] = {}
    for tracker in trackers:
        functions = {metric.name: metric.function for metric in tracker.tree.metrics}
        for rule in tracker.tree.rules:
            if rule.name in rules:
                raise tracker.text.error(rule.at, f'a second rule "{rule.name}"')
            rules[rule.name] = WatchRule(
                rule.name,
                rule.source,
                functions.get(rule.source) == "count",
                tuple(map(_key_name, rule.by)),
                (rule.seconds or UNFINISHED_WINDOW_S) * US,
                rule.thresholds,
                minimum(rule, tracker.tree),
                rule.bad_windows,
                rule.good_windows,
            )
    if not rules:
        raise Text(text, source).error(0, "there is no rule: a tracker needs a section watch { }")
    return trackers, rules


def _key_name(key: Name | Args) -> str:
    return f"args.{'.'.join(key.path)}" if isinstance(key, Args) else ".".join(key.parts)
