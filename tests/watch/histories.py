"""Random histories of one key of a rule, and what is reported of them by a walk through the windows."""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from tracerd.query.tracker_tree import SEVERITIES, Threshold
from tracerd.watch.alerts import Alert
from tracerd.watch.rules import US, WatchRule
from tracerd.watch.states import Change, History, Kind, Measure

MINUTE_US = 60 * US

THRESHOLDS = (Threshold(10, "medium"), Threshold(20, "high"), Threshold(50, "critical"))

VALUES = (0, 1, 10, 11, 20, 21, 50, 51, 1000)


def rule(bad_windows: int = 1, good_windows: int = 2, minimum: int = 1, width_us: int = MINUTE_US) -> WatchRule:
    return WatchRule(
        "spike", "errors", True, ("service",), width_us, THRESHOLDS, minimum, bad_windows, good_windows
    )  # fmt: skip


@dataclass
class Step:
    """A moment: windows change, and then all up to one are judged."""

    changed: dict[int, Measure]
    upto: int


def random_history(random: Random) -> list[Step]:
    """Windows that get more and more samples, also late, and then only windows without any."""
    steps: list[Step] = []
    values: dict[int, int] = {}
    upto = random.randint(-1, 3)
    calm = random.choice([0.2, 0.5, 0.8])
    for _ in range(random.randint(1, 30)):
        changed: dict[int, Measure] = {}
        for _ in range(random.randint(0, 3)):
            window = max(upto - random.choice([-1, -1, -1, -1, 0, 1, 2, 4]), 0)
            more = 0 if random.random() < calm else random.choice(VALUES)
            values[window] = values.get(window, 0) + more
            changed[window] = Measure(values[window], values[window])
        steps.append(Step(changed, upto))
        upto += random.choice([0, 1, 1, 1, 1, 2, 9])
    steps.append(Step({}, max([upto, *values]) + 20))
    return steps


def reported(steps: list[Step], history: History) -> list[list[Change]]:
    """What is reported at each step."""
    found: list[list[Change]] = []
    for step in steps:
        history.measures.update(step.changed)
        found.append(history.judge(step.upto))
        history.finalize(step.upto - 5)
    return found


def check_order(changes: Iterable[Change | Alert]) -> None:
    """None fires twice while it lasts, an escalation is one, what has ended must fire anew, and in the end all has."""
    severity: str | None = None
    for change in changes:
        match change.state if isinstance(change, Alert) else change.kind:
            case Kind.FIRING:
                assert severity is None
                severity = change.severity
            case Kind.ESCALATED:
                assert severity is not None
                assert SEVERITIES.index(change.severity) > SEVERITIES.index(severity)
                severity = change.severity
            case Kind.REMINDER:
                assert severity is not None
            case Kind.RESOLVED:
                assert severity is not None
                severity = None
    assert severity is None


def by_walking(watched: WatchRule, values: list[int]) -> list[tuple[str, str, int]]:
    """What is reported of windows 0, 1, 2 ..., by another way: kind, severity and window; without reminders."""
    found: list[tuple[str, str, int]] = []
    severity = ""
    for window in range(len(values)):
        levels = [
            max((found.severity for found in THRESHOLDS if value > found.above), key=SEVERITIES.index, default="")
            for value in values[: window + 1]
        ]
        here = levels[-1]
        if not severity:
            if len(levels) >= watched.bad_windows and all(levels[-watched.bad_windows :]):
                recent = [window for _, _, window in found[-1:]]
                if not recent or window - recent[0] >= watched.bad_windows:
                    severity = here
                    found.append(("firing", here, window))
        elif here and SEVERITIES.index(here) > SEVERITIES.index(severity):
            severity = here
            found.append(("escalated", here, window))
        elif not any(levels[-watched.good_windows :]) and len(levels) >= watched.good_windows:
            found.append(("resolved", severity, window))
            severity = ""
    return found
