"""Options that are moments: `--from` and `--to`."""

import re
import time
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import click

from tracerd.cli.options import duration
from tracerd.text import printable

_NUMBER = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,6})?", re.ASCII)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII)


class Moment(NamedTuple):
    """A moment.

    Attributes:
        column: `time` if it is in microseconds since 1970, `ts_us` if it is of the trace's own clock.
        us: The microseconds.
    """

    column: Literal["time", "ts_us"]
    us: float


def moment(value: str) -> Moment:
    """A type for options: `2026-11-26T21:24:00Z`, `-5m` for five minutes ago, or a `ts` in microseconds."""
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return Moment("ts_us", float(text))
    if text.startswith("-"):
        return Moment("time", (time.time() - duration(text[1:])) * 1e6)
    if _RFC_3339.fullmatch(text):
        try:
            found = datetime.fromisoformat(text.upper())
        except ValueError:
            pass
        else:
            since = found.replace(tzinfo=found.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)
            return Moment("time", (since.days * 86400 + since.seconds) * 10**6 + since.microseconds)
    what = "no moment: write 2026-11-26T21:24:00Z, -5m for five minutes ago, or a ts in microseconds"
    raise click.BadParameter(f"{printable(value)!r} is {what}")
