"""What a log says of its whole trace: its command, how it ended; found without reading all of it.

`tracerd exec` writes a line `tracerd_trace` at the beginning and at the end of a trace. Of several such lines the last
one counts, key by key. Only the first and the last 64 KiB of a log are read: there may be ten thousand logs.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from tracerd.store.log import lines_with
from tracerd.store.own_lines import ClockReadings, decode_clock
from tracerd.store.packed import parts
from tracerd.traces.stored import StoredTrace, list_logs

END_BYTES: Final = 65536
"""How much is read of a log at each of its ends."""

_MENTION: Final = b'"tracerd_trace"'


class _Line(msgspec.Struct, gc=False):
    ph: str
    name: str = ""
    args: dict[str, object] = {}


_LINE = msgspec.json.Decoder(_Line)


@dataclass(slots=True)
class Attributes:
    """What is known of a trace; None where it does not say.

    Attributes:
        command: Its command line.
        begun_by: `exec` if the log is exec's own.
        exit_code: How the command ended.
        signal: The signal that ended it.
        dur_us: How long it took.
        processes: How many processes it had.
        start_s: When the trace began, in seconds of the Unix epoch.
    """

    command: str | None = None
    begun_by: str | None = None
    exit_code: int | None = None
    signal: str | None = None
    dur_us: int | float | None = None
    processes: int | None = None
    start_s: float | None = None


_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "command": str,
    "begun_by": str,
    "exit_code": int,
    "signal": str,
    "dur_us": (int, float),
    "processes": int,
}


def read_attributes(path: Path) -> Attributes:
    """What a log says of its trace.

    Raises:
        OSError: It cannot be read.
        UnsafePathError: It is no regular file.
    """
    with parts(path) as opened:
        head = opened.head(END_BYTES)
        tail = opened.tail(min(END_BYTES, opened.length - END_BYTES)) if opened.length > END_BYTES else b""
    clock = decode_clock(head[: head.find(b"\n") + 1])
    found = Attributes(start_s=clock.realtime_us / 1e6 if clock else None)
    for part in (head, tail):
        _take_lines(found, part)
    return found


def first_clock(path: Path) -> ClockReadings | None:
    """The readings in a log's first line; None if there are none.

    Raises:
        OSError: The log cannot be read.
    """
    with parts(path) as opened:
        return decode_clock(opened.head(4096).partition(b"\n")[0])


def is_of_exec(path: Path) -> bool:
    """Whether `tracerd exec` began this log for itself, so that nothing else knows of it.

    Raises:
        OSError: It cannot be read.
        UnsafePathError: It is no regular file.
    """
    with parts(path) as opened:
        head = opened.head(END_BYTES)
    found = Attributes()
    if _MENTION in head:
        _take_lines(found, head)
    return found.begun_by == "exec"


def _take_lines(found: Attributes, part: bytes) -> None:
    """Take what is said in a part of a log, which may begin and end within a line."""
    for _, line in lines_with(part, _MENTION):
        _take(found, line)


def _take(found: Attributes, line: bytes) -> None:
    try:
        event = _LINE.decode(line)
    # It is cut off, or something else that mentions it, or of a log that no daemon has written.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if event.ph == "M" and event.name == "tracerd_trace":
        for key, kind in _TYPES.items():
            if isinstance(event.args.get(key), kind):
                setattr(found, key, event.args[key])


def logs_of_command(directory: Path, text: str) -> list[StoredTrace]:
    """The logs whose command line has this text in it, the oldest last write first."""
    found: list[StoredTrace] = []
    for log in list_logs(directory):
        try:
            command = read_attributes(log.path).command
        except OSError:  # removed since
            continue
        if command and text in command:
            found.append(log)
    return found
