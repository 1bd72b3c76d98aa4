"""`tracerd metrics`: points in windows of time."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd.cli.measuring import Points, metric_names, windowed
from tracerd.cli.options import complete_trace, directory_option, duration, moment, where_option
from tracerd.cli.printing import can_print, check_stdout, print_json_text, print_lines
from tracerd.cli.querying import window_of
from tracerd.errors import ViewError
from tracerd.query.windows import FUNCTIONS, MAX_SERIES, MAX_WINDOWS
from tracerd.text import plural, printable

if TYPE_CHECKING:
    from tracerd.query.windows import Windowed
    from tracerd.rows.moment import Moment

_SHOWN_NAMES = 5


def _seconds(value: str | float) -> int:
    seconds = duration(value)
    if seconds != int(seconds):
        raise click.BadParameter(f"{printable(str(value))!r} is no whole number of seconds")
    return int(seconds)


def _label(value: str) -> tuple[str, str]:
    key, equals, text = value.partition("=")
    if not equals:
        raise click.BadParameter(f"{printable(value)!r}: write KEY=VALUE")
    return key, text


@click.command()
@click.argument("name", required=False)
@click.argument("traces", nargs=-1, metavar="[TRACE]...", shell_complete=complete_trace)
@directory_option
@click.option("--names", "only_names", is_flag=True, help="Print the names; each argument is a TRACE.")
@click.option(
    "--label", "labels", type=_label, multiple=True, metavar="KEY=VALUE", help="Only with this label; may be repeated."
)
@click.option("--by", "by", multiple=True, metavar="LABEL", help="One series for each of its values; may be repeated.")
@click.option("--step", type=_seconds, metavar="D", help="The length of a window, such as 30s, 1m or 1d.")
@click.option(
    "--agg", "function", type=click.Choice(FUNCTIONS), default="avg", show_default=True, help="Of its values."
)
@click.option("--from", "start", type=moment, metavar="T", help="Only points from T on, see below.")
@click.option("--to", "end", type=moment, metavar="T", help="Only points before T.")
@where_option("points")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def metrics(
    ctx: click.Context,
    name: str | None,
    traces: tuple[str, ...],
    directory: Path,
    only_names: bool,
    labels: tuple[tuple[str, str], ...],
    by: tuple[str, ...],
    step: int | None,
    function: str,
    start: "Moment | None",
    end: "Moment | None",
    where: str | None,
    as_json: bool,
) -> None:
    """Show a metric over time: its points in windows, a series for each set of labels.

    NAME is the name of a counter or metric; of a counter with several values it is `counter.key`.
    Without NAME, or with --names, print the names.
    TRACE is a path, a file name, a trace id, an unambiguous prefix of one, `latest`, or `-` for stdin.
    Without TRACE, read all traces of the directory.
    T is a time such as 2026-11-26T21:24:00Z, a time before now such as -5m, or a ts in microseconds.

    Without --step the windows are as short as they can be if there are 60 at most.
    Exit 1 if there are no points.
    """
    check_stdout()
    if only_names:
        traces = traces if name is None else (name, *traces)
        name = None
    if name is None and (labels or by or step is not None):
        raise click.UsageError("--label, --by and --step are of a NAME")
    points = Points(directory.absolute(), traces, where, window_of(start, end))
    if name is None:
        _print_names(metric_names(points), as_json=as_json)
        return
    found = windowed(points, name, function, step, labels, by or None)
    _warn(found, points)
    if as_json:
        from tracerd.query.result import json_text
        from tracerd.view.metrics import as_json as windows_json

        print_json_text(json_text(windows_json(found, is_wall=points.is_wall)))
    elif found.series:
        from tracerd.view.metrics import ASCII_LEVELS, LEVELS, as_text

        levels = LEVELS if can_print(LEVELS) else ASCII_LEVELS
        print_lines(as_text(found, f"{function} of {name}", levels, is_wall=points.is_wall))
    if not found.series:
        click.echo(_not_found(name, points), err=True)
        ctx.exit(1)


def _print_names(names: dict[str, int], *, as_json: bool) -> None:
    from tracerd.query.result import json_text
    from tracerd.view.tables import table

    if as_json:
        print_json_text(json_text({"data": sorted(names)}))
    elif names:
        print_lines(table(["name", "points"], [[name, f"{count:,}"] for name, count in sorted(names.items())]))
    else:
        raise ViewError("there are no metrics: a counter, or metric() of a client, makes one")


def _not_found(name: str, points: "Points") -> str:
    if points.chosen:
        return f"no point of {printable(name)} that is asked for"
    from tracerd.query.lexer import did_you_mean

    known = sorted(points.names)
    some = (
        f"; there are {', '.join(known[:_SHOWN_NAMES])}{' ...' if len(known) > _SHOWN_NAMES else ''}" if known else ""
    )
    return printable(f"there are no points of {name!r}{did_you_mean(name, known) or some}")


def _warn(found: "Windowed", points: "Points") -> None:
    """Report on stderr what is not in the result."""
    if points.without_time:
        why = "there is no clock line before them, and ts does not count from 1970"
        click.echo(f"{plural(points.without_time, 'point')} left out, of unknown time: {why}", err=True)
    if not points.is_wall and not points.is_asked_by_ts:
        click.echo("the trace has no clock line: windows are of ts, which counts from an unknown time", err=True)
    if found.too_many:
        counts = list(found.too_many.items())[:_SHOWN_NAMES]
        which = ", ".join(f"{printable(key)} ({_count_text(count)})" for key, count in counts)
        what = f"more than {MAX_SERIES} series, of which the first {MAX_SERIES} are left"
        click.echo(f"{what}: by {which}; --label or --by choose", err=True)
    if found.has_older:
        click.echo(
            f"only the newest {MAX_WINDOWS:,} windows of a series are left; a longer --step shows more", err=True
        )


def _count_text(count: int) -> str:
    return f"more than {MAX_SERIES} values" if count > MAX_SERIES else plural(count, "value")
