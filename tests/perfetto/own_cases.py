"""Perfetto's own tests of its import, recorded clients, and how a daemon's export comes to the judge."""

import json
from pathlib import Path
from typing import NotRequired, TypedDict

from tests.harness import Daemon
from tests.perfetto.judge import Row, Unavailable, find_web_dist

HERE = Path(__file__).parent.parent

CAPTURES = HERE / "captures"

SLICES = "select name from slice order by ts"


def emit(daemon: Daemon, trace_id: str, lines: bytes, out: Path) -> bytes:
    """Send the lines, have the trace written to `out`, and return the daemon's last word."""
    replies = daemon.session(b"OPEN %s\n%sEMIT_TEF %s\nFLUSH\n" % (trace_id.encode(), lines, bytes(out)))
    return replies.splitlines()[-1]


class Case(TypedDict):
    """One of Perfetto's own tests of JSON import; `perfetto/README.md` describes the fields."""

    name: str
    events: list[dict[str, object]]
    sql: str
    rows: list[Row]
    ordered: NotRequired[bool]
    problems: NotRequired[dict[str, int]]
    min: NotRequired[int]


def cases() -> list[Case]:
    """Return the cases for the installed Perfetto.

    The others are absent and not skipped: a skip is to mean that something can be installed.
    """
    everything: list[Case] = json.loads((HERE / "perfetto" / "cases.json").read_bytes())
    try:
        major, _ = find_web_dist()
    except Unavailable:
        return everything  # which the fixture skips
    return [case for case in everything if case.get("min", 0) <= major]
