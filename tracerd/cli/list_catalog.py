"""The options of `tracerd list` that need to know what logs hold: which traces, in which order, by day."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar

import click

from tracerd.cli.conditions import option_errors
from tracerd.cli.options import moment, where_option
from tracerd.cli.progress import progress_of
from tracerd.text import plural

if TYPE_CHECKING:
    from tracerd.catalog.store import Described
    from tracerd.query.computation import Window
    from tracerd.rows.moment import Moment

_Row = TypeVar("_Row")
_Function = Callable[..., object]

SORTS = ("time", "dur", "events", "errors", "name")
"""What can be sorted by; with `-` before it, the largest first."""

DAY_SUMS = ("events", "spans", "errors")
"""What is added up for a day."""

_COLUMNS = {"dur": "dur_us"}


class Options(TypedDict):
    """The values of the options."""

    names: tuple[str, ...]
    sessions: tuple[str, ...]
    users: tuple[str, ...]
    tags: tuple[str, ...]
    versions: tuple[str, ...]
    releases: tuple[str, ...]
    environments: tuple[str, ...]
    errors: bool
    start: "Moment | None"
    end: "Moment | None"
    where: str | None
    sort: str | None
    limit: int | None
    page: int | None
    by: str | None


def catalog_options(command: _Function) -> _Function:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _repeated(name: str, variable: str, metavar: str, text: str) -> Callable[[_Function], _Function]:
    return click.option(name, variable, multiple=True, metavar=metavar, help=text)


_OPTIONS: Sequence[Callable[[_Function], _Function]] = (
    _repeated("--name", "names", "GLOB", "Only traces with such a name, such as 'night*'; several: any of them."),
    _repeated("--session", "sessions", "SESSION", "Only traces of this session; several: any of them."),
    _repeated("--user", "users", "USER", "Only traces of this user; several: any of them."),
    _repeated("--tag", "tags", "TAG", "Only traces with this tag; several: all of them."),
    _repeated("--version", "versions", "VERSION", "Only traces of this version; several: any of them."),
    _repeated("--release", "releases", "RELEASE", "Only traces of this release; several: any of them."),
    _repeated("--environment", "environments", "NAME", "Only traces of this environment; several: any of them."),
    click.option("--errors", is_flag=True, help="Only traces with an error."),
    click.option("--from", "start", type=moment, metavar="TIME", help="Only traces that began then or later."),
    click.option("--to", "end", type=moment, metavar="TIME", help="Only traces that began before; -5m is from now."),
    where_option("traces"),
    click.option(
        "--sort",
        type=click.Choice([*SORTS, *(f"-{name}" for name in SORTS)]),
        metavar="[-]KEY",
        help="Sort by time, dur, events, errors or name; with - the largest first.",
    ),
    click.option("--limit", type=click.IntRange(min=1), metavar="N", help="List N of them."),
    click.option("--page", type=click.IntRange(min=1), metavar="N", help="Pass over N - 1 times the limit before."),
    click.option("--by", type=click.Choice(["day"]), help="One row for each day (UTC) on which traces began."),
)


def chosen(directory: Path, options: Options) -> "list[Described]":
    """The traces that are asked for, in order; a page of them, unless they are counted by day."""
    from tracerd.catalog.store import Catalog, cache_path
    from tracerd.cli.reading import no_gc
    from tracerd.traces.stored import list_logs

    if options["page"] is not None and options["limit"] is None:
        raise click.UsageError("--page needs --limit: how many are on a page")
    if options["by"] and options["sort"]:
        raise click.UsageError("--by day and --sort cannot be combined: days are in their order")
    is_wanted = _condition(options)
    with no_gc(), progress_of("logs") as progress:
        described = Catalog(directory, cache_path()).described(list_logs(directory), progress.reach)
        found = [one for one in described if is_wanted(one)]
    if options["by"]:
        return found
    if options["sort"]:
        found = _sorted(found, options["sort"])
    return list(page_of(found, options))


def page_of(rows: Sequence[_Row], options: Options) -> Sequence[_Row]:
    """The rows of the page that is asked for."""
    if (limit := options["limit"]) is None:
        return rows
    start = limit * ((options["page"] or 1) - 1)
    return rows[start : start + limit]


def _condition(options: Options) -> "Callable[[Described], bool]":
    from tracerd.catalog.choice import Choice

    one_of = (
        ("session", options["sessions"]),
        ("user", options["users"]),
        ("version", options["versions"]),
        ("release", options["releases"]),
        ("environment", options["environments"]),
    )
    choice = Choice(options["names"], one_of, options["tags"], options["errors"], _window(options), options["where"])
    with option_errors():
        return choice.condition()


def _window(options: Options) -> "Window | None":
    """What --from and --to are."""
    if options["start"] is None and options["end"] is None:
        return None
    from tracerd.cli.querying import window_of

    window = window_of(options["start"], options["end"])
    if window is None or window.column != "time":
        raise click.UsageError("--from and --to are times here, such as 2026-11-26T21:24:00Z or -2d")
    return window


def _sorted(found: "list[Described]", by: str) -> "list[Described]":
    from tracerd.catalog.choice import in_order

    key = by.removeprefix("-")
    return in_order(found, _COLUMNS.get(key, key), largest_first=by.startswith("-"))


# ------------------------------------------------------------------ by day


def days(found: "Sequence[Described]") -> Iterator[dict[str, str | int]]:
    """How many traces began on each day, and what they hold; a trace whose time is not known is in none."""
    from tracerd.catalog.columns import COLUMNS
    from tracerd.query.grains import DAY_US, label

    counted: dict[int, Counter[str]] = {}
    undated = 0
    for one in found:
        if one.summary.time is None:
            undated += 1
            continue
        sums = counted.setdefault(one.summary.time // DAY_US, Counter(traces=0))
        sums["traces"] += 1
        for name in DAY_SUMS:
            value = COLUMNS[name].value(one)
            sums[name] += value if isinstance(value, int) else 0
    if undated:
        click.echo(f"{plural(undated, 'trace')} without a time since 1970: in no day", err=True)
    name_of = label("day")
    for number in sorted(counted):
        yield {"day": name_of(number), **counted[number]}
