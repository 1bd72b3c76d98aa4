"""The spans of a track as columns, for conditions and for groups of any columns."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Final

from tracerd.replay.observer import NO_PARENT
from tracerd.rows.columns import COLUMNS, Input
from tracerd.rows.details import Details
from tracerd.rows.recording import Recording
from tracerd.rows.spans import ERROR, INSTANT, Id, Spans
from tracerd.rows.table_values import at_path, service_of

Values = Iterable[object]
_Column = Callable[[Recording, Spans], Values]


def _pids(_recording: Recording, track: Spans) -> Iterable[Id | None]:
    return map(track.pid_of, range(len(track.flags))) if track.is_async else repeat(track.pid, len(track.flags))


def _dur_us(_recording: Recording, track: Spans) -> Values:
    for dur, flags in zip(track.dur, track.flags, strict=True):
        yield None if dur < 0 or flags & INSTANT else dur / 1000


def _self_us(_recording: Recording, track: Spans) -> Values:
    for time, dur, flags in zip(track.self_times(), track.dur, track.flags, strict=True):
        yield None if dur < 0 or flags & INSTANT else time / 1000


def _depths(_recording: Recording, track: Spans) -> Iterator[int]:
    depths = array("i")
    for parent in track.parent:
        depths.append(0 if parent == NO_PARENT else depths[parent] + 1)
        yield depths[-1]


def _processes(recording: Recording, track: Spans) -> Values:
    for pid in _pids(recording, track):
        yield None if pid is None else recording.processes[pid].name


def _threads(recording: Recording, track: Spans) -> Values:
    for pid in _pids(recording, track):
        named = None if pid is None or track.tid is None else recording.processes[pid].threads.get(track.tid)
        yield named or ""


def _trace(recording: Recording, track: Spans) -> Values:
    return repeat(_details(recording).trace, len(track.flags))


def _parents(_recording: Recording, track: Spans) -> Values:
    return (None if parent == NO_PARENT else track.line[parent] for parent in track.parent)


def _detail(column: str) -> _Column:
    def values(recording: Recording, track: Spans) -> Values:
        details = _details(recording)
        return (details.value(column, line) for line in track.line)

    return values


def _args(recording: Recording, track: Spans) -> Values:
    return map(_details(recording).args, track.line, track.end_line)


def _services(recording: Recording, track: Spans) -> Values:
    for args, process in zip(_args(recording, track), _processes(recording, track), strict=True):
        yield service_of(at_path(args, ("service",)), str(process or ""))


def _details(recording: Recording) -> Details:
    assert recording.details is not None  # noqa: S101  who asks for such columns has read them
    return recording.details


_COLUMNS: Final[Mapping[str, _Column]] = {
    "trace": _trace,
    "line": lambda _, track: track.line,
    "ph": _detail("ph"),
    "name": lambda recording, track: map(recording.names.text, track.name),
    "cat": lambda recording, track: map(recording.names.text, track.cat),
    "pid": _pids,
    "tid": lambda _, track: repeat(track.tid, len(track.flags)),
    "ts_us": lambda _, track: (ts / 1000 for ts in track.ts),
    "time": _detail("time"),
    "dur_us": _dur_us,
    "self_us": _self_us,
    "depth": _depths,
    "parent": _parents,
    "error": lambda _, track: (bool(flags & ERROR) for flags in track.flags),
    "process": _processes,
    "thread": _threads,
    "service": _services,
    "args": _args,
}

TYPES: Final = {column: COLUMNS[column].type for column in _COLUMNS}
"""The columns that spans have here."""


def rows(recording: Recording, track: Spans, columns: Sequence[Input]) -> Iterator[tuple[object, ...]]:
    """The values of some columns and paths, for each span and instant of a track."""
    return zip(*(_values(recording, track, column) for column in columns), strict=True)


def _values(recording: Recording, track: Spans, column: Input) -> Values:
    if isinstance(column, tuple):
        return (at_path(args, column) for args in _args(recording, track))
    return _COLUMNS[column](recording, track)
