"""strace's output with `-f -ttt -T`: a span a call, a moment a signal or an end, a thread a tid.

A call that was interrupted has two lines: the first has its start, and the second its duration.
"""

import json
import os
import re
from typing import Final

from tracerd import redact
from tracerd.importers.fields import without_empty
from tracerd.importers.head import Head
from tracerd.importers.source import Source
from tracerd.importers.timeline import Clock, Timeline
from tracerd.text import plural

_LINE: Final = re.compile(
    rb"(?:\[pid +)?(\d{1,10}\b(?!\.|:))?\]? *(?:(\d{9,11})\.(\d{6})|(\d\d):(\d\d):(\d\d)\.(\d{6})) (.*)"
)
_CALL: Final = re.compile(rb"(\w+)\((.*)")
_RESUMED: Final = re.compile(rb"<\.\.\. (\w+) resumed> ?(.*)")
_END: Final = re.compile(rb"(.*?)\) += +(.*?)(?: <(\d+)\.(\d{6})>)?", re.DOTALL)
_SIGNAL: Final = re.compile(rb"--- (.*) ---|\+\+\+ (.*) \+\+\+")
_EXEC: Final = re.compile(
    rb'"((?:[^"\\]|\\.)*+)"(?:\.\.\.)?, \[(?:"(?:[^"\\]|\\.)*+"(?:\.\.\.)?(?:, )?|\.\.\.|(?!))*+\]'
)
_WITHIN: Final = re.compile(rb"\[.*\]\Z", re.DOTALL)
_WORD: Final = re.compile(rb'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_UNFINISHED: Final = b"<unfinished ...>"
_MAX_TEXT: Final = 1000
_SECOND: Final = 1_000_000_000
_DAY_NS: Final = 24 * 3600 * _SECOND
_BACK_NS: Final = 2 * 3600 * _SECOND
"""Lines are in the order of time: what is earlier by more, which no change of the clock is, is of the next day."""

_Open = tuple[str, int, bytes]
"""A call that has not returned: its name, its start in ns, and its arguments."""


def fits(head: Head) -> bool:
    """Whether a file that begins so is strace's."""
    line = head.text.partition(b"\n")[0]
    match = _LINE.fullmatch(line)
    return match is not None and any(kind.match(match[8]) for kind in (_CALL, _RESUMED, _SIGNAL))


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    timeline.tool = "strace"
    reader = _Reader(timeline)
    for line in source.lines():
        reader.take(line)
    reader.finish()


class _Reader:
    """Reads the lines."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._open: dict[int, _Open] = {}
        self._untimed = 0
        self._midnight_ns = 0  # before the line at hand, since that before the first one
        self._last_ns = 0

    def take(self, line: bytes) -> None:
        """Read a line."""
        match = _LINE.fullmatch(line)
        if match is None:
            self._timeline.left_out["lines that are no calls"] += 1
            return
        pid = int(match[1] or 0)
        at_ns = self._time(match)
        text = match[8]
        if signal := _SIGNAL.fullmatch(text):
            self._timeline.instant(self._track(pid), _text(signal[1] or signal[2]), at_ns, cat="signal")
        elif resumed := _RESUMED.fullmatch(text):
            self._resumed(pid, at_ns, resumed)
        elif call := _CALL.fullmatch(text):
            name, rest = _text(call[1]), call[2]
            if rest.endswith(_UNFINISHED):
                self._open[pid] = (name, at_ns, rest.removesuffix(_UNFINISHED))
            else:
                self._ended(pid, (name, at_ns, b""), rest, None)
        else:
            self._timeline.left_out["lines that are no calls"] += 1

    def finish(self) -> None:
        """Take what has not returned, as exit_group never does."""
        for pid, (name, start_ns, arguments) in self._open.items():
            self._timeline.span(self._track(pid), name, start_ns, None, _args(name, arguments, b""), "syscall")
        if self._untimed:
            self._timeline.notes.append(f"{plural(self._untimed, 'call')} without a duration: strace writes it with -T")

    def _time(self, match: re.Match[bytes]) -> int:
        if match[2]:
            self._timeline.clock = Clock.WALL
            return int(match[2] + match[3]) * 1000
        hours, minutes, seconds = int(match[4]), int(match[5]), int(match[6])
        of_day_ns = ((hours * 60 + minutes) * 60 + seconds) * _SECOND + int(match[7]) * 1000
        if of_day_ns + self._midnight_ns < self._last_ns - _BACK_NS:
            self._midnight_ns += _DAY_NS
        self._last_ns = of_day_ns + self._midnight_ns
        return self._last_ns

    def _track(self, pid: int) -> int:
        track = self._timeline.track(pid, pid)
        if not self._timeline.tracks[track].process.name:
            self._timeline.process(pid, f"process {pid}" if pid else "strace")
        return track

    def _resumed(self, pid: int, at_ns: int, resumed: re.Match[bytes]) -> None:
        begun = self._open.pop(pid, None)
        if begun is None or begun[0] != _text(resumed[1]):
            self._timeline.left_out["calls whose begin is missing"] += 1
            return
        rest = resumed[2]
        self._ended(pid, begun, rest if b") " in rest else b")" + rest, at_ns)

    def _ended(self, pid: int, begun: _Open, rest: bytes, returned_ns: int | None) -> None:
        name, start_ns, first = begun
        end = _END.fullmatch(rest)
        arguments, result = (first + end[1], end[2]) if end else (first + rest, b"")
        track = self._track(pid)
        args = _args(name, arguments, result)
        if result == b"?":  # it never returned, as exit
            self._timeline.instant(track, name, start_ns, args, "syscall")
            return
        if end and end[3]:
            dur_ns = int(end[3] + end[4]) * 1000
        elif returned_ns is not None:
            dur_ns = returned_ns - start_ns
        else:
            self._untimed += 1
            dur_ns = 0
        self._timeline.span(track, name, start_ns, dur_ns, args, "syscall")
        self._follow(name, track, arguments, result)

    def _follow(self, name: str, track: int, arguments: bytes, result: bytes) -> None:
        """Name what has begun: a program, or a thread of the same process."""
        if name.startswith("execve") and result == b"0" and (program := _EXEC.search(arguments)):
            self._timeline.tracks[track].process.name = _text(program[1]).rpartition("/")[2]
        elif name.startswith("clone") and b"CLONE_THREAD" in arguments and result.isdigit():
            thread = self._timeline.track(int(result), int(result))
            self._timeline.tracks[thread].process = self._timeline.tracks[track].process


def _args(name: str, arguments: bytes, result: bytes) -> dict[str, object]:
    if name.startswith("execve"):  # with -v an environment follows
        program = _EXEC.search(arguments)
        arguments = _WITHIN.sub(_without_secrets, program[0]) if program else b""
    (hidden,) = redact.argv([_text(arguments.strip())])  # what is written may be a command line, too
    return without_empty(args=hidden[:_MAX_TEXT], result=_text(result)[:_MAX_TEXT])


def _without_secrets(command: re.Match[bytes]) -> bytes:
    """A command line, as strace prints it, with the options hidden that are secrets of its program."""
    words = [_decoded(word) for word in _WORD.findall(command[0])]
    hidden = iter(zip(words, redact.argv(words), strict=True))

    def quoted(word: re.Match[bytes]) -> bytes:
        before, after = next(hidden)
        return word[0] if before == after else json.dumps(after, ensure_ascii=False).encode(errors="surrogateescape")

    return _WORD.sub(quoted, command[0])


def _decoded(word: bytes) -> str:
    try:
        return os.fsdecode(word.decode("unicode_escape").encode("latin-1"))
    except ValueError:  # an escape that is none
        return os.fsdecode(word)


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
