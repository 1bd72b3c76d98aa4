"""The lines of a log that no client has written: the daemon's own marks."""

import time
from pathlib import Path
from typing import Annotated

import msgspec
import orjson

from tracerd.core.tef import CLOCK_NAME

CLOCK_PREFIX = b'{"ph":"M","name":"%s",' % CLOCK_NAME.encode()
"""How the line begins that the daemon adds at a trace's first event."""

FULL_PREFIX = b'{"ph":"i","s":"g","cat":"tracerd","name":"trace full: later events are refused",'
"""How the line begins that the daemon adds when a log has reached the size it may have."""

LOST_PREFIX = b'{"ph":"i","s":"g","cat":"tracerd","name":"tracerd: '
"""How the line begins that the daemon adds where events are missing that it could not write."""

OWN_PREFIXES = (CLOCK_PREFIX, FULL_PREFIX, LOST_PREFIX)
"""How the lines begin that no client has written."""


def clock_line() -> bytes:
    """The line that ties the clocks of a trace together: all read at one moment, in microseconds."""
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    args = {
        "monotonic_us": time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000,
        "boottime_us": time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000,
        "realtime_us": time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000,
        "boot_id": boot_id,
    }
    return CLOCK_PREFIX + b'"args":' + orjson.dumps(args) + b"}\n"


_Id = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]


class _Owner(msgspec.Struct, omit_defaults=True):
    pid: _Id | None = None
    tid: _Id | None = None


def full_line(max_log_bytes: int, last_line: bytes) -> bytes:
    """The line that marks where a log has become full.

    Args:
        max_log_bytes: The limit.
        last_line: The last event that was taken.
    """
    return FULL_PREFIX + _rest_of_mark(last_line, {"max_log_bytes": max_log_bytes})


def lost_line(events: int, one: bytes) -> bytes:
    """The line that marks where events are missing, because the log could not be written for too long.

    Args:
        events: How many.
        one: One of them.
    """
    return LOST_PREFIX + b'%d events lost",' % events + _rest_of_mark(one, {"events": events})


def _rest_of_mark(neighbour: bytes, args: dict[str, int]) -> bytes:
    """What follows the name of a mark.

    Perfetto shows it on a track of its own, above all processes. It makes a row for any process that it has not seen,
    though, and without a pid that is one of pid 0: so a mark borrows pid and tid of an event beside it.
    """
    try:
        place: dict[str, int] = msgspec.to_builtins(msgspec.json.decode(neighbour, type=_Owner))
    except msgspec.DecodeError:  # a pid that is a string, or the like
        place = {}
    rest = {"ts": time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000, **place, "args": args}
    return orjson.dumps(rest)[1:] + b"\n"
