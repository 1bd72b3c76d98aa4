"""A line of git's trace2 event format, and what may be kept of it; the lines may come from anybody."""

import signal
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec

from tracerd import redact

MAX_TEXT: Final = 10_000
"""Longer texts and values are left out: what is cut could be half a secret, which is not recognised."""

MAX_LINE: Final = 1024 * 1024
"""A longer one would take much memory; a longer command line can hardly be run."""

MAX_ARGV: Final = 65_536
"""Characters of a command line."""

MAX_WORDS: Final = 1000
"""The same of its words."""

MAX_US: Final = 4 * 10**15
"""Later times are no times."""

MAIN: Final = "main"
"""What git calls its first thread."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)
_TOO_LONG: Final = "(too long)"
_MAX_NESTED: Final = 100


class Line(msgspec.Struct, gc=False):
    """What is read of a line."""

    event: str = ""
    thread: str = MAIN
    time: str = ""
    t_abs: float = 0
    exe: str = ""
    argv: list[str] = []
    name: str = ""
    worktree: str = ""
    alias: str = ""
    param: str = ""
    category: str = ""
    label: str = ""
    key: str = ""
    msg: str = ""
    hook_name: str = ""
    child_id: Annotated[int, msgspec.Meta(ge=0)] = 0
    pid: int = 0
    code: int = 0
    signo: int = 0
    value: msgspec.Raw = msgspec.Raw()
    count: msgspec.Raw = msgspec.Raw()
    intervals: msgspec.Raw = msgspec.Raw()
    t_total: msgspec.Raw = msgspec.Raw()


_LINE: Final = msgspec.json.Decoder(Line)


def decode(data: bytes) -> Line:
    """A line.

    Raises:
        msgspec.DecodeError: Git writes no such line.
    """
    return _LINE.decode(data)


def time_us(text: str) -> int:
    """Microseconds since 1970; 0 if that is no time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    us = (moment - _EPOCH) // _US if moment.tzinfo else 0
    return us if 0 < us < MAX_US else 0


def short(text: str) -> str:
    """The text, unless it is too long."""
    return text if len(text) <= MAX_TEXT else _TOO_LONG


def raw(value: msgspec.Raw) -> object:
    """The value, unless it is too long or deeply nested."""
    data = bytes(value)
    nested = data.count(b"[") + data.count(b"{")  # so that the event is not nested deeper than a log's line may be
    return value if len(data) <= MAX_TEXT and nested <= _MAX_NESTED else _TOO_LONG


def argv(words: list[str]) -> list[str]:
    """As many of the first words as fit, without secrets."""
    room = MAX_ARGV
    for number, word in enumerate(words):
        room -= len(word)
        if room < 0 or number >= MAX_WORDS:
            return [*redact.argv(words[:number]), _TOO_LONG]
    return redact.argv(words)


def child_name(line: Line) -> str:
    """A hook, or a program with its command if it has one, as git itself has."""
    if line.hook_name:
        return short(f"hook: {line.hook_name}")
    program, command = [*line.argv, "", ""][:2]
    has_command = command[:1].isalpha() and command.replace("-", "").isalnum()
    return short(f"child: {program.rpartition('/')[2]}{' ' + command if has_command else ''}")


def signal_name(number: int) -> str:
    """`SIGTERM` for 15."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
