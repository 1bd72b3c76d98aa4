"""Options that several commands share, and types of values that click does not know."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from tracerd.cli.completion import complete_trace as complete_trace
from tracerd.exec.options import LAYOUTS
from tracerd.socket_path import socket_path
from tracerd.store.paths import log_dir
from tracerd.text import printable

if TYPE_CHECKING:
    from tracerd.rows.moment import Moment

Command = TypeVar("Command", bound=Callable[..., object])


_QUANTITY = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([A-Za-z]+)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SPAN_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_BYTES = {"b": 1} | {
    f"{prefix}{unit}": base**power
    for unit, base in (("b", 1000), ("ib", 1024))
    for power, prefix in enumerate("kmgt", 1)
}


def duration(value: str | float) -> float:
    """A type for options: `90s`, `12h`, `7d`, `4w`; in seconds."""
    return _quantity(value, _SECONDS, "no duration: write a number and s, m, h, d or w, such as 12h or 7d")


def span_duration(value: str | float) -> float:
    """A type for options: `500us`, `5ms`, `1.5s`; in seconds."""
    if value == "0":
        return 0
    what = "no duration: write a number and ns, us, ms, s, m or h, such as 5ms"
    return _quantity(value, _SPAN_SECONDS, what, nothing_allowed=True)


def signed_duration(value: str | float) -> float:
    """A type for options: `2s`, `-1.5ms`; in seconds."""
    if isinstance(value, str) and value.startswith(("-", "+")):
        seconds = span_duration(value[1:])
        return -seconds if value[0] == "-" else seconds
    return span_duration(value)


def size(value: str | float) -> float:
    """A type for options: `500MB`, `2GB`, `1GiB`; in bytes."""
    return _quantity(value, _BYTES, "no size: write a number and B, kB, MB, GB, TB, KiB, MiB, GiB or TiB, such as 2GB")


def moment(value: str) -> "Moment":
    """A type for options: `2026-11-26T21:24:00Z`, `1.5s`, `-5m`, `2359638806`."""
    from tracerd.rows.moment import parse_moment

    try:
        return parse_moment(value.strip())
    except ValueError:
        what = "no moment: write a time such as 2026-11-26T21:24:00Z, a duration such as -5m, or a ts in microseconds"
        raise click.BadParameter(f"{printable(value)!r} is {what}") from None


def _quantity(value: str | float, units: Mapping[str, float], what: str, *, nothing_allowed: bool = False) -> float:
    if not isinstance(value, str):  # the option's default
        return value
    match = _QUANTITY.fullmatch(value.strip())
    factor = units.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise click.BadParameter(f"{printable(value)!r} is {what}")
    if not float(match[1]) and not nothing_allowed:
        raise click.BadParameter(f"{value!r} is nothing: it must be more")
    return float(match[1]) * factor


def _directory_option(path: click.Path) -> Callable[[Command], Command]:
    return click.option(
        "-d",
        "--dir",
        "directory",
        type=path,
        default=log_dir,
        show_default="$TRACERD_DIR, or the user's data directory",
        help="Where the logs are.",
    )


def _socket_option(path: click.Path) -> Callable[[Command], Command]:
    return click.option(
        "--socket",
        type=path,
        default=lambda: Path(socket_path()),
        show_default="$TRACERD_SOCKET, or the usual place",
        help="The daemon's socket.",
    )


directory_option = _directory_option(click.Path(file_okay=False, path_type=Path))
socket_option = _socket_option(click.Path(dir_okay=False, path_type=Path))

_ANYTHING = click.Path(readable=False, path_type=Path)
any_directory_option = _directory_option(_ANYTHING)
any_socket_option = _socket_option(_ANYTHING)
"""For a command that finds out itself what is wrong with a path."""

trace_argument = click.argument("trace", shell_complete=complete_trace)

layout_option = click.option(
    "--layout",
    type=click.Choice(LAYOUTS),
    show_default="lanes, if processes record only their span",
    help="Show processes on as few rows as ran at once, or on a row each.",
)

redact_option = click.option(
    "--redact", "redacts", is_flag=True, help="Hide passwords, tokens and keys, as far as they can be recognised."
)

BY_NAME = "name"
"""What spans are grouped by without the option --by."""

by_option = click.option(
    "--by",
    show_default="name; of a build the steps by their names",
    metavar="COLUMN[,...]",
    help="Group spans by name, cat, process, or any columns, such as process,name.",
)

top_option = click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="N",
    help="Print N rows of each table; the default is 20, and with --json all.",
)


def where_option(what: str) -> Callable[[Command], Command]:
    """The option --where, a condition on this."""
    return click.option("--where", metavar="EXPR", help=f"Only {what} for which EXPR is true, such as 'dur_us > 1000'.")
