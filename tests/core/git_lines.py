"""Lines as git writes them to its socket, and what the core makes of them."""

import json

from tracerd.core.git_client import GitClient, GitTotals, begun
from tracerd.core.lines import check_line
from tracerd.core.messages import Events, Refused
from tracerd.core.protocol import MessageReader

SID = "build-42/20261122T010051.756122Z-H0a7c9cdf-P00005d88"
PID = 0x5D88
OFFSET_US = 1_795_000_000_000_000
"""What the wall clock is ahead of the trace's clock."""


def line(event: str, us: int | None = 0, **fields: object) -> bytes:
    """A line of git, so many microseconds after the begin of the minute."""
    time = {} if us is None else {"time": f"2026-11-22T01:00:{us // 1_000_000:02}.{us % 1_000_000:06}Z"}
    fields = {"event": event, "sid": SID, "thread": "main"} | time | fields
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


VERSION = line("version", 100, exe="2.39.5")
BEGUN = VERSION + line("start", 200, t_abs=0.00015, argv=["git", "status"]) + line("cmd_name", 300, name="status")
ENDED = line("exit", 900, code=0) + line("atexit", 1000, code=0)


def run(data: bytes, first_line: int = 1) -> Events:
    """Lines that a reader found good."""
    return Events(data, data.count(b"\n"), first_line=first_line)


def client(first: bytes = VERSION, totals: GitTotals | None = None) -> GitClient:
    """The git that begins so."""
    made = begun(run(first), 7, lambda: OFFSET_US, totals or GitTotals())
    assert made is not None
    return made


def meant(data: bytes) -> tuple[list[dict[str, object]], list[str]]:
    """The events that a whole connection means, and why lines are refused."""
    git = client(data[: data.index(b"\n") + 1])
    refused: list[str] = []
    events: list[Events] = []
    for message in MessageReader().feed(data):
        if isinstance(message, Refused):
            refused.append(message.reason)
        elif isinstance(message, Events):
            meaning = git.take(message)
            events.append(meaning.events)
            refused += [each.reason for each in meaning.refused]
    events.append(git.finish().events)
    lines = b"".join(each.block for each in events).split(b"\n")[:-1]
    assert sum(each.count for each in events) == len(lines)
    assert [check_line(each) for each in lines] == lines, "a log holds such lines"
    return [json.loads(each) for each in lines], refused
