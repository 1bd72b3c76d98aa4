"""What commands print: lines, of which there may be millions, and JSON. A stdout may be closed, or know no UTF-8."""

import os
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from io import TextIOWrapper
from itertools import islice

import click

from tracerd.errors import ViewError
from tracerd.text import printable_json

_LINES = 1000
"""Lines that are printed at once: each call flushes."""


def check_stdout() -> None:
    """Check that there is a stdout.

    Raises:
        ViewError: It was closed when we were started; click would print nothing, without an error.
    """
    if not sys.stdout:
        raise ViewError("cannot write to stdout: it is closed")


def print_lines(lines: Iterable[str]) -> None:
    """Print lines; what stdout cannot write is escaped."""
    stdout: object = sys.stdout
    if isinstance(stdout, TextIOWrapper):
        stdout.reconfigure(errors="backslashreplace")
    rest = iter(lines)
    while some := list(islice(rest, _LINES)):
        click.echo("\n".join(some))


def print_json(value: object) -> None:
    """Print a value as one line of JSON, in UTF-8."""
    import orjson

    click.echo(printable_json(orjson.dumps(value)))


def json_lines(values: Iterable[object]) -> Iterator[str]:
    """Values as JSON, for `print_lines`."""
    import orjson

    for value in values:
        yield printable_json(orjson.dumps(value)).decode()


def print_json_text(text: str) -> None:
    """The same of what is JSON already."""
    sys.stdout.buffer.write(printable_json(text.encode(errors="backslashreplace")) + b"\n")


def time_text(seconds: float | None) -> str:
    """A time since 1970 as people here write it; `-` if it is not known, or in no calendar."""
    if seconds is None:
        return "-"
    try:
        return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):  # a log from elsewhere may have any time
        return "-"


def can_print(text: str) -> bool:
    """Whether stdout, as it is encoded, can write this."""
    try:
        text.encode(sys.stdout.encoding)
    except (UnicodeEncodeError, AttributeError):  # there may be no stdout
        return False
    return True


def has_colours() -> bool:
    """Whether a person looks at stdout, and wants colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
