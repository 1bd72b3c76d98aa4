"""The rules of a tracker, checked, and the metrics that they need: those of windows, by their own keys."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from tracerd.query.lexer import Text, did_you_mean
from tracerd.query.tracker_program import compile_tracker
from tracerd.query.tracker_tree import PRESENCE, Metric, Rule, TrackerTree
from tracerd.query.tree import Name

PRESENCE_KEYS: Final = ("process", "pid")
"""What is known of a process before it has written an event."""

_MIN_SAMPLES: Final = 20
"""Of a percentile: of fewer values the largest decides."""


def measured(rule: str) -> str:
    """What the value of a rule is called among the metrics of `window_trees`."""
    return f"value {rule}"


def counted(rule: str) -> str:
    """What its number of samples is called there."""
    return f"samples {rule}"


def minimum(rule: Rule, tree: TrackerTree) -> int:
    """How many samples a window must have to be bad."""
    if rule.minimum is not None:
        return rule.minimum
    return next((_MIN_SAMPLES for metric in tree.metrics if metric.name == rule.source and metric.function == "p"), 1)


def window_trees(tree: TrackerTree) -> Iterator[tuple[int, TrackerTree]]:
    """For each length of windows, in seconds, the tracker with the metrics of the rules of that length."""
    metrics = {metric.name: metric for metric in tree.metrics}
    lengths = dict.fromkeys(rule.seconds for rule in tree.rules if rule.source not in PRESENCE)
    for seconds in lengths:
        found: list[Metric] = []
        for rule in tree.rules:
            if rule.seconds == seconds and rule.source not in PRESENCE:
                metric = replace(metrics[rule.source], by=rule.by, grain=seconds)
                found.append(replace(metric, name=counted(rule.name), function="count"))
                found.append(replace(metric, name=measured(rule.name)))
        yield seconds or 0, replace(tree, metrics=tuple(found), alerts=(), views=(), rules=())


def check_rules(tree: TrackerTree, text: Text) -> None:
    """Check the rules of a tracker.

    Raises:
        QueryError: One is of no metric, or of one with keys of its own, or has a key that is not known.
    """
    metrics = {metric.name: metric for metric in tree.metrics}
    for rule in tree.rules:
        if rule.source in PRESENCE:
            for key in rule.by:
                if not (isinstance(key, Name) and key.parts[0] in PRESENCE_KEYS and len(key.parts) == 1):
                    raise text.error(key.at, f'the keys of "{rule.source}" are process and pid')
            continue
        metric = metrics.get(rule.source)
        if metric is None:
            hint = did_you_mean(rule.source, [*metrics, *PRESENCE])
            raise text.error(rule.source_at, f'there is no metric "{rule.source}" in this tracker{hint}')
        if metric.by or metric.grain is not None:
            raise text.error(
                rule.source_at, f'"{rule.source}" has keys or windows of its own: leave out its by and over'
            )
    for _, windowed in window_trees(tree):
        compile_tracker(windowed, text, "time")
