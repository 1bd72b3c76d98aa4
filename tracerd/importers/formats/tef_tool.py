"""Which tool has written plain trace events, and so what its times count from."""

from datetime import datetime
from typing import Final, TypeVar

import msgspec

from tracerd.importers.timeline import OPEN_NS, Clock, Timeline
from tracerd.store.own_lines import ClockReadings

_BASE = b'"beginningOfTime"'
_NANOSECONDS = b'"baseTimeNanoseconds"'
_DEVICES = b'"deviceProperties"'  # of kineto before it had a base: its times are since 1970
_OTHER = b'"otherData"'
_METADATA = b'"metadata"'

WANTED: Final = frozenset({_BASE, _NANOSECONDS, _DEVICES, _OTHER, _METADATA})
"""Keys beside the events that decide."""

_Kind = TypeVar("_Kind")

_SINCE_1970_NS = 10**18
"""Times from here on, since 2001, count from 1970; no machine runs for so long."""


class _Metadata(msgspec.Struct):
    clock: ClockReadings | None = None


class _OtherData(msgspec.Struct):
    date: str = ""
    build_id: str = ""
    profile_start_ts: int | None = None
    bazel_version: str = ""


def recognise(timeline: Timeline, values: dict[bytes, bytes], *, has_clock: bool) -> None:
    """Set tool, clock and base of a timeline.

    Args:
        timeline: Of the whole file.
        values: Of the keys in WANTED, as JSON.
        has_clock: Whether the times are since 1970 already, by clock lines of tracerd.
    """
    timeline.tool = timeline.tool or "trace events"
    if has_clock:
        timeline.tool = "tracerd"
    elif (clock := _decoded(values.get(_METADATA), _Metadata)) and clock.clock:
        timeline.tool = "tracerd"
        timeline.clock = Clock.WALL
        timeline.base_ns = (clock.clock.realtime_us - clock.clock.monotonic_us) * 1000
    elif (base := _decoded(values.get(_BASE), int)) is not None:
        timeline.tool = "clang"
        timeline.clock = Clock.WALL
        timeline.base_ns = base * 1000
    elif (base := _decoded(values.get(_NANOSECONDS), int)) is not None:
        timeline.tool = "kineto"
        timeline.clock = Clock.WALL
        timeline.base_ns = base
    elif _DEVICES in values:
        timeline.tool = "kineto"
    elif other := _decoded(values.get(_OTHER), _OtherData):
        _bazel(timeline, other)
    if _SINCE_1970_NS < timeline.first_ns < OPEN_NS:
        timeline.clock = Clock.WALL
        timeline.base_ns = 0


def _bazel(timeline: Timeline, other: _OtherData) -> None:
    if not other.build_id:
        return
    timeline.tool = "bazel"
    if other.profile_start_ts is not None:
        timeline.clock = Clock.WALL
        timeline.base_ns = other.profile_start_ts * 1_000_000
        return
    try:  # newer ones write the zone as a number, older ones as letters that are not to be trusted
        started = datetime.fromisoformat(other.date)
    except ValueError:
        return
    if started.tzinfo is not None:
        timeline.clock = Clock.WALL
        timeline.base_ns = int(started.timestamp()) * 10**9


def _decoded(text: bytes | None, kind: type[_Kind]) -> _Kind | None:
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError):
        return None
