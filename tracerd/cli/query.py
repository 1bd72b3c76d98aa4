"""`tracerd query`: metrics of traces, by an expression or a tracker."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd.cli.clickhouse import password_option
from tracerd.cli.options import complete_trace, directory_option, moment, top_option
from tracerd.cli.printing import check_stdout, print_json_text, print_lines
from tracerd.cli.query_sql import computed_by, selects, tracker_or_metric
from tracerd.cli.querying import computed, read_text, read_tracker, window_of
from tracerd.text import printable

if TYPE_CHECKING:
    from tracerd.query.result import Result
    from tracerd.query.tracker import Tracker
    from tracerd.query.view_result import ViewQuery
    from tracerd.rows.moment import Moment


@click.command()
@click.argument("traces", nargs=-1, metavar="[TRACE]... [EXPR]", shell_complete=complete_trace)
@directory_option
@click.option("--tracker", type=click.Path(dir_okay=False), metavar="FILE", help="A tracker, instead of EXPR.")
@click.option("--check", "checked", type=click.Path(dir_okay=False), metavar="FILE", help="Check trackers, and exit.")
@click.option(
    "--sql", "dialect", type=click.Choice(["duckdb", "clickhouse"]), help="Print the SELECT of each metric, and exit."
)
@click.option("--engine", metavar="URL", help="Ask this ClickHouse, such as clickhouse://localhost:8123/tracerd.")
@password_option
@click.option("--from", "start", type=moment, metavar="T", help="Only events from T on, see below.")
@click.option("--to", "end", type=moment, metavar="T", help="Only events before T.")
@click.option(
    "--against", metavar="TRACE", shell_complete=complete_trace, help="Compare: TRACE is after, the others are before."
)
@click.option("--strict", is_flag=True, help="Exit 1 if an event is not as the tracker declares.")
@click.option("--round", "digits", type=click.IntRange(0, 15), metavar="N", help="Round floats to N decimals.")
@click.option(
    "--max-alerts", type=click.IntRange(0), default=1000, show_default=True, metavar="N", help="Keep N alerts."
)
@click.option("--view", metavar="NAME", help="Print a view of the tracker, as JSON.")
@click.option("--metric", metavar="NAME", help="The metric of the view.")
@click.option("--group-by", metavar="NAME", help="The key of the view.")
@click.option("--filter", "filters", multiple=True, metavar="NAME=VALUE", help="A filter of the view; may be repeated.")
@top_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def query(
    ctx: click.Context,
    traces: tuple[str, ...],
    directory: Path,
    tracker: str | None,
    checked: str | None,
    dialect: str | None,
    engine: str | None,
    password_file: str | None,
    start: "Moment | None",
    end: "Moment | None",
    against: str | None,
    strict: bool,
    digits: int | None,
    max_alerts: int,
    view: str | None,
    metric: str | None,
    group_by: str | None,
    filters: tuple[str, ...],
    top: int | None,
    as_json: bool,
) -> None:
    """Compute metrics of traces.

    EXPR is a metric such as 'p95(dur_us) by name where cat == "cc"', of events.
    --tracker reads many, with fields, derived values and alerts, from a file.
    TRACE is a path, a file name, a trace id, an unambiguous prefix of one, `latest`, or `-` for stdin.
    Several traces are read as one, in this order.
    With --engine TRACE is a whole trace id; without one all traces of the database count.
    With --sql give only EXPR, or the file of a tracker; the tables are those of `tracerd export`.
    T is a time such as 2026-11-26T21:24:00Z, a time before now such as -5m, or a ts in microseconds.
    """
    from tracerd.query.tracker import Tracker
    from tracerd.query.view_result import question, tracker_of
    from tracerd.view.query_text import warnings

    check_stdout()
    if checked is not None:
        Tracker.parse_all(read_text(checked), checked)
        return
    window = window_of(start, end)
    if dialect is not None:
        print_lines(selects(tracker_or_metric(tracker, traces), dialect, window))
        return
    if tracker is None:
        if len(traces) < (1 if engine else 2):
            raise click.UsageError("give a TRACE and an EXPR, or --tracker FILE")
        asked = Tracker.of_metric(traces[-1], "EXPR")
        traces = traces[:-1]
    else:
        asked = read_tracker(tracker)
    if not traces and not engine:
        raise click.UsageError("give a TRACE")
    if password_file and not engine:
        raise click.UsageError("--password-file is for --engine")
    viewed = None
    if view is not None:
        viewed = question(asked, view, metric, group_by, _filters(filters))
        asked = tracker_of(asked, viewed)
    elif metric or group_by or filters:
        raise click.UsageError("--metric, --group-by and --filter are of a --view")
    results: list[Result] = []
    for some in [traces] if against is None else [traces, (against,)]:
        if engine is None:
            result = computed(asked, directory, some, window, max_alerts)
        else:
            result = computed_by(engine, password_file, asked, some, window)
        results.append(result)
        for line in warnings(result):
            click.echo(line, err=True)
    _print(asked, viewed, results, digits, top, as_json=as_json)
    if strict and any(result.invalid for result in results):
        ctx.exit(1)


def _print(
    asked: "Tracker",
    viewed: "ViewQuery | None",
    results: "list[Result]",
    digits: int | None,
    top: int | None,
    *,
    as_json: bool,
) -> None:
    from tracerd.query.result import comparison_json, json_text
    from tracerd.query.view_result import view_json
    from tracerd.view.query_text import as_comparison, as_text
    from tracerd.view.stats import SHOWN

    if viewed is not None:
        print_json_text(json_text(view_json(viewed, results[0])))
    elif as_json:
        whole = results[0].as_json(digits) if len(results) == 1 else comparison_json(results[0], results[1], digits)
        print_json_text(json_text(whole))
    elif len(results) == 1:
        print_lines(as_text(results[0], asked.tree.metrics, top or SHOWN))
    else:
        print_lines(as_comparison(results[0], results[1], top or SHOWN))


def _filters(written: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in written:
        name, equals, value = one.partition("=")
        if not equals:
            raise click.UsageError(f"--filter {printable(one)!r}: write NAME=VALUE")
        found[name] = value
    return found
