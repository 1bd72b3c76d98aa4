"""Trackers over traces in ClickHouse."""

from collections.abc import Sequence
from typing import cast

from tracerd.errors import ExportError
from tracerd.exporters.clickhouse_http import Server
from tracerd.query.computation import Window
from tracerd.query.kinds import Number
from tracerd.query.result import MetricValue, Result
from tracerd.query.sql import counts_select, metric_select
from tracerd.query.tracker import Tracker
from tracerd.query.tracker_tree import Metric

ENGINE = "clickhouse"


def ask_tracker(server: Server, tracker: Tracker, traces: Sequence[str] = (), window: Window | None = None) -> Result:
    """The result of a tracker; of events that do not fit only the number is known.

    Args:
        server: Who has the traces.
        tracker: The tracker.
        traces: The ids of the traces; none for all.
        window: Of which time; None for all.

    Raises:
        QueryError: ClickHouse cannot say it, or the tracker has alerts.
        ExportError: The server does not answer.
    """
    if tracker.tree.alerts:
        raise tracker.text.error(
            tracker.tree.alerts[0].at, "alerts are found in logs, not by an engine: take them away"
        )
    selects = [(one, metric_select(tracker, one, ENGINE, window, traces)) for one in tracker.tree.metrics]
    counts = server.numbers(counts_select(tracker, ENGINE, window, traces), 3)
    total, valid, within = [int(count or 0) for count in counts]
    metrics = {metric.name: _value(server, metric, select) for metric, select in selects}
    return Result(total, within, metrics, [], 0, total - valid, [], {})


def _value(server: Server, metric: Metric, select: str) -> MetricValue:
    if not (metric.by or metric.grain not in (None, "all_time")):
        return server.numbers(select, 1)[0]
    answer = server.ask(select)
    if len(answer.columns) != 2:
        raise ExportError(f"{server} answers with something else than keys and numbers")
    rows = sorted(((str(key), value) for key, value in answer.rows()), key=lambda row: row[0])
    return {key: cast("Number | None", value) for key, value in rows}
