"""What `tracerd query` shows to people: each metric as a number or as a table."""

from collections.abc import Iterator, Mapping, Sequence

from tracerd.query.keys import input_text
from tracerd.query.kinds import Number
from tracerd.query.result import Result, delta
from tracerd.query.tracker_tree import Metric
from tracerd.query.tree import Name
from tracerd.text import plural, printable
from tracerd.view.tables import more_text, table


def as_text(result: Result, metrics: Sequence[Metric], top: int) -> Iterator[str]:
    """All of a result, in lines.

    Args:
        result: The result.
        metrics: Its metrics, in the order of the tracker.
        top: Rows of each table at most.
    """
    counted = [plural(result.total_events, "event")]
    if result.window_events != result.total_events - result.invalid:
        counted.append(f"{result.window_events:,} in the window")
    if result.invalid:
        counted.append(f"{result.invalid:,} invalid")
    if result.alert_count:
        counted.append(plural(result.alert_count, "alert"))
    yield ", ".join(counted)
    numbers = [(metric.name, value) for metric in metrics if not isinstance(value := result.metrics[metric.name], dict)]
    if numbers:
        yield ""
        yield from table(["metric", "value"], [[name, number_text(value)] for name, value in numbers])
    for metric in metrics:
        value = result.metrics[metric.name]
        if isinstance(value, dict):
            yield ""
            yield from _groups(metric, value, top)
    if result.alerts:
        yield ""
        rows = [[str(alert["event_id"]), str(alert["alert"])] for alert in result.alerts[:top]]
        yield from table(["event", "alert"], rows)
        yield from more_text(result.alert_count, top)


def _groups(metric: Metric, values: Mapping[str, Number | None], top: int) -> Iterator[str]:
    """The largest first; parts of time in their order."""
    items = list(values.items())
    if metric.grain in (None, "all_time"):
        items.sort(key=lambda item: (item[1] is None, -(item[1] or 0)))
    keys = [".".join(key.parts) if isinstance(key, Name) else input_text(key.path) for key in metric.by]
    if metric.grain not in (None, "all_time"):
        keys.append("time")
    yield from table(
        [",".join(keys), metric.name], [[key or "(none)", number_text(value)] for key, value in items[:top]]
    )
    yield from more_text(len(items), top)


def number_text(value: Number | None) -> str:
    """A number as people read it; nothing for null."""
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.3f}".rstrip("0").rstrip(".") if 0.001 <= abs(value) < 1e15 else f"{value:g}"


def as_comparison(base: Result, hypothetical: Result, top: int) -> Iterator[str]:
    """Two results side by side, in lines."""
    changes = delta(base, hypothetical)
    rows = [["events", *(f"{result.total_events:,}" for result in (base, hypothetical)), _sign(
        hypothetical.total_events - base.total_events
    )]]  # fmt: skip
    for name, value in base.metrics.items():
        other, change = hypothetical.metrics[name], changes[name]
        if isinstance(value, dict) and isinstance(other, dict) and isinstance(change, dict):
            largest = sorted(change.items(), key=lambda item: -abs(item[1] or 0))
            rows += [
                [f"{name} {key}", number_text(value.get(key)), number_text(other.get(key)), _sign(one)]
                for key, one in largest[:top]
            ]
        elif not isinstance(value, dict) and not isinstance(other, dict) and not isinstance(change, dict):
            rows.append([name, number_text(value), number_text(other), _sign(change)])
    yield from table(["metric", "A", "B", "change"], rows)


def _sign(value: Number | None) -> str:
    text = number_text(value)
    return f"+{text}" if value is not None and value > 0 else text


def warnings(result: Result) -> Iterator[str]:
    """What a person must know of a result, in lines."""
    for line in result.first_invalid:
        yield printable(line)
    if more := result.invalid - len(result.first_invalid):
        yield f"and {plural(more, 'more invalid event')}"
    for name, count in result.nulls.items():
        yield f"{printable(name)}: arithmetic had no result {'once' if count == 1 else f'{count:,} times'}: it is null"
    if more := result.alert_count - len(result.alerts):
        yield f"{plural(more, 'more alert')}; --max-alerts {result.alert_count} prints them"
