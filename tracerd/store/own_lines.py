"""The lines of a log that no client has written: the daemon's own.

All readers know them by how they begin. The clock line is also read, here and nowhere else.
"""

import time
from functools import cache
from pathlib import Path
from typing import Annotated

import msgspec
import orjson

from tracerd.core.own_prefixes import CLOCK_PREFIX, FULL_PREFIX, LOST_PREFIX

# ------------------------------------------------------------------ the clock line

_Microseconds = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class ClockReadings(msgspec.Struct, frozen=True, omit_defaults=True):
    """The clocks of the machine, all read at one moment, in microseconds.

    Attributes:
        monotonic_us: `CLOCK_MONOTONIC`, which clients take `ts` from.
        boottime_us: `CLOCK_BOOTTIME`: as monotonic, but it goes on while the machine sleeps.
        realtime_us: `CLOCK_REALTIME`: since 1970.
        boot_id: Which boot: times of one boot can be compared. Empty if it is unknown, as without /proc.
    """

    monotonic_us: _Microseconds
    boottime_us: _Microseconds
    realtime_us: _Microseconds
    boot_id: str = ""


class _ClockLine(msgspec.Struct):
    args: ClockReadings


_line_decoder = msgspec.json.Decoder(_ClockLine)


def decode_clock(line: bytes) -> ClockReadings | None:
    """The readings in a clock line; None for any other line, and for one from elsewhere that lacks a reading."""
    if not line.startswith(CLOCK_PREFIX):
        return None
    try:
        return _line_decoder.decode(line).args
    except (msgspec.DecodeError, RecursionError):
        return None


@cache
def boot_id() -> str:
    """Which boot of the machine this is; empty if that is unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:  # no /proc: an event is stored all the same
        return ""


def clock_line() -> bytes:
    """The line that ties the clocks of a trace together, as of now."""
    readings = ClockReadings(
        monotonic_us=time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000,
        boottime_us=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000,
        realtime_us=time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000,
        boot_id=boot_id(),
    )
    return CLOCK_PREFIX + b'"args":' + msgspec.json.encode(readings) + b"}\n"


def wall_offset_us() -> int:
    """What the wall clock is ahead of `CLOCK_MONOTONIC` now, as exactly as three tries show it."""
    tries: list[tuple[int, int]] = []
    for _ in range(3):
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        wall = time.clock_gettime_ns(time.CLOCK_REALTIME)
        took = time.clock_gettime_ns(time.CLOCK_MONOTONIC) - before
        tries.append((took, wall - before - took // 2))
    return min(tries)[1] // 1000


# ------------------------------------------------------------------ where a log is full, and where events are missing


_Id = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]


class _Owner(msgspec.Struct, omit_defaults=True):
    pid: _Id | None = None
    tid: _Id | None = None


def full_line(max_log_bytes: int, last_line: bytes) -> bytes:
    """The line that stands where a log has become full, behind the last event that was taken."""
    return FULL_PREFIX + _rest_of_line(last_line, {"max_log_bytes": max_log_bytes})


def lost_line(events: int, one: bytes) -> bytes:
    """The line that stands where so many events are missing, one of which is given.

    The log could not be written for too long.
    """
    return LOST_PREFIX + b'%d event%b lost",' % (events, b"s" * (events != 1)) + _rest_of_line(one, {"events": events})


def _rest_of_line(neighbour: bytes, args: dict[str, int]) -> bytes:
    """What follows the name.

    Perfetto shows such an event on a track of its own, above all processes. It also makes a row for any process that
    it has not seen, and an event without a pid is of pid 0: so ours borrows pid and tid of an event beside it.
    """
    try:
        owner: dict[str, int] = msgspec.to_builtins(msgspec.json.decode(neighbour, type=_Owner))
    except msgspec.DecodeError:  # a pid that is a string, or the like
        owner = {}
    rest = {"ts": time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000, **owner, "args": args}
    return orjson.dumps(rest)[1:] + b"\n"
