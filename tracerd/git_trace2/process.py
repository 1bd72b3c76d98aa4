"""One process of git: its lines, one by one, to spans, moments and children; for a socket and for files.

Strategy: one object for each process of git takes its lines one by one. A span is handed out when it ends, a child
when it begins and when it ends. The lines may come from anybody: what is open is limited, and so is a text. Times are
of the wall clock, as git has them, and never go back: so what git nests is nested here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from tracerd.git_trace2.line import (
    MAIN,
    MAX_LINE,
    MAX_TEXT,
    MAX_US,
    Line,
    argv,
    child_name,
    decode,
    raw,
    short,
    signal_name,
    time_us,
)

MAX_OPEN: Final = 1000
"""Regions and threads of a process that are open, and as many children; others are left out."""

_FSMONITOR: Final = "fsmonitor--daemon"
_TOO_MANY: Final = f"more than {MAX_OPEN} regions, threads or children of a git"
_NO_BEGIN: Final = "ends whose begin is missing"
_NO_TIME: Final = "events without a time, as with GIT_TRACE2_EVENT_BRIEF"
_TIMED: Final = frozenset({
    "region_enter", "region_leave", "thread_start", "thread_exit", "child_start", "child_exit", "child_ready",
    "def_param", "data", "data_json", "counter", "th_counter", "timer", "th_timer", "error", "printf", "exec",
})  # fmt: skip
"""The kinds of events that mean something at their time."""


BACKGROUND: Final = "background"
"""The thread of what goes on when the process has ended."""


class Event(NamedTuple):
    """What has happened, as a trace event with git's names for threads and its times.

    `ph` is `B` for the begin of the process, `M` for its name, `X` for a span that has ended, `i` for a moment, `b` and
    `e` for the ends of a child, whose number is `child`.
    """

    ph: str
    name: str
    at_us: int
    args: dict[str, object]
    cat: str = "git"
    thread: str = MAIN
    dur_us: int = 0
    child: int = 0


@dataclass(slots=True)
class _Thread:
    open: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    left_out: int = 0
    """Regions inside the open ones, of which only the number is known."""


class GitProcess:
    """One process of git.

    Args:
        with_monitors: Not to ignore what watches a file system for days.

    Attributes:
        unknown: How many of its events are of kinds that are not known here.
        is_ignored: It does: nothing of it is recorded.
        is_seen: Whether its end was reported.
    """

    def __init__(self, *, with_monitors: bool = False) -> None:
        self.unknown = 0
        self.is_ignored = False
        self.is_seen = False
        self._with_monitors = with_monitors
        self._name = "git"
        self._main = MAIN
        self._args: dict[str, object] = {}
        self._start_us = self._now_us = 0  # not known
        self._began = self._ended = False
        self._threads: dict[str, _Thread] = {}
        self._open = 0
        self._children: dict[int, str] = {}

    def take(self, data: bytes) -> Iterator[Event | str]:
        """What a line means, which is a JSON object; of a line that means nothing, why."""
        if len(data) > MAX_LINE:
            yield f"lines of more than {MAX_LINE} bytes"
            return
        try:
            line = decode(data)
        except msgspec.DecodeError as error:
            yield f"lines that are no events of git: {error}"
            return
        at_us = time_us(line.time)
        if self.is_ignored:
            return
        if not (at_us or self._start_us):
            yield _NO_TIME
            return
        self._now_us = max(self._now_us, at_us)
        if self._ended:
            self._go_on()
        if line.thread == MAIN:
            line.thread = self._main
        self._start_us = self._start_us or at_us
        yield from self._take(line, at_us)

    def _take(self, line: Line, at_us: int) -> Iterator[Event | str]:
        match line.event:
            case "version" | "cmd_mode" | "def_repo" | "alias":
                about = {"version": line.exe, "mode": line.name, "worktree": line.worktree, "alias": line.alias}
                self._args |= {key: short(text) for key, text in about.items() if text}
            case "start":
                if at_us and 0 <= line.t_abs < MAX_US:
                    self._start_us = max(1, min(self._start_us, at_us - round(line.t_abs * 1_000_000)))
                self._ignore_if(_FSMONITOR in line.argv[:2])
                self._args["argv"] = argv(line.argv)
            case "cmd_name":
                self._ignore_if(line.name == _FSMONITOR and not self._began)
                if not self.is_ignored:
                    self._name = f"git {short(line.name)}"
                    yield from self._begin()
                    yield Event("M", self._name, self._now_us, {})
            case "cmd_ancestry" | "too_many_files" | "exec_result":
                pass
            case "exit" | "atexit" | "signal":
                yield from self._end(line, has_time=bool(at_us))
            case _ if line.event not in _TIMED:
                self.unknown += 1
            case _ if not at_us and line.event != "child_exit":
                yield _NO_TIME
            case _:
                yield from self._begin()
                yield from self._take_timed(line)

    def _take_timed(self, line: Line) -> Iterator[Event | str]:
        match line.event:
            case "region_enter" | "thread_start":
                yield from self._opened(line)
            case "region_leave" | "thread_exit":
                yield from self._closed(line)
            case "child_start":
                yield from self._child_begun(line)
            case "child_exit" | "child_ready":
                yield from self._child_ended(line)
            case "def_param":
                yield from self._parameter(line)
            case _:
                yield from self._moment(line)

    def finish(self) -> Iterator[Event]:
        """What follows from the end of the lines: all that is open ends with the process, or with the last line."""
        if self._ended or self.is_ignored or not self._start_us:
            return
        self._ended = True
        yield from self._begin()
        for thread, state in self._threads.items():
            while state.open:
                yield self._span(thread, *state.open.pop(), {"end": "not seen"})
        for number, name in self._children.items():
            yield Event("e", name, self._now_us, {"end": "not seen"}, "child", child=number)
        self._threads, self._open, self._children = {}, 0, {}
        yield self._span(self._main, self._name, "git", self._start_us, self._args)

    def _go_on(self) -> None:
        """Git has ended, and a copy of it goes on in the background, as of `git gc --auto`."""
        self._ended = self.is_seen = False
        self._main = BACKGROUND
        self._start_us = self._now_us
        self._args = {}

    def _ignore_if(self, is_monitor: bool) -> None:
        self.is_ignored = is_monitor and not self._with_monitors

    def _begin(self) -> Iterator[Event]:
        if not self._began:
            self._began = True
            yield Event("B", self._name, self._start_us, {})

    def _end(self, line: Line, *, has_time: bool) -> Iterator[Event]:
        self.is_seen = True
        if not has_time and 0 <= line.t_abs < MAX_US:
            self._now_us = max(self._now_us, self._start_us + round(line.t_abs * 1_000_000))
        self._args |= {"signal": signal_name(line.signo)} if line.event == "signal" else {"exit_code": line.code}
        if line.event == "atexit":
            yield from self.finish()

    def _span(self, thread: str, name: str, cat: str, start_us: int, args: dict[str, object]) -> Event:
        return Event("X", name, start_us, args, cat, thread, max(0, self._now_us - start_us))

    def _moment(self, line: Line) -> Iterator[Event]:
        kind = "" if line.event.startswith("data") else line.event
        name = "/".join(filter(None, (kind, line.category, line.key, line.name)))
        raws = {"value": line.value, "count": line.count, "intervals": line.intervals, "t_total": line.t_total}
        args = {key: raw(value) for key, value in raws.items() if value}
        args |= {"error" if kind == "error" else "message": short(line.msg)} if line.msg else {}
        args |= {"argv": argv(line.argv)} if line.argv else {}
        yield Event("i", short(name), self._now_us, args, "data", line.thread)

    def _parameter(self, line: Line) -> Iterator[Event]:
        value = bytes(line.value).decode().strip('"')  # after its name, as in a command line, a secret is recognised
        yield Event("i", "config", self._now_us, {"config": argv([short(f"{line.param}={value}")])}, "data")

    def _opened(self, line: Line) -> Iterator[str]:
        state = self._threads.get(line.thread)
        if state is None and len(self._threads) < MAX_OPEN and len(line.thread) <= MAX_TEXT:
            state = self._threads[line.thread] = _Thread()
        if state is None:
            yield _TOO_MANY
        elif self._open >= MAX_OPEN or state.left_out:
            state.left_out += 1
            yield _TOO_MANY
        else:
            name = "/".join(filter(None, (line.category, line.label))) or line.thread
            state.open.append((short(name), line.event.partition("_")[0], self._now_us))
            self._open += 1

    def _closed(self, line: Line) -> Iterator[Event | str]:
        state = self._threads.get(line.thread)
        if state is not None and state.left_out:
            state.left_out -= 1
        elif state is None or not state.open:
            yield from self._unknown_end()
        else:
            self._open -= 1
            yield self._span(line.thread, *state.open.pop(), {"message": short(line.msg)} if line.msg else {})

    def _child_begun(self, line: Line) -> Iterator[Event | str]:
        if len(self._children) >= MAX_OPEN or line.child_id in self._children:
            yield _TOO_MANY
            return
        name = self._children[line.child_id] = child_name(line)
        yield Event("b", name, self._now_us, {"argv": argv(line.argv)}, "child", child=line.child_id)

    def _child_ended(self, line: Line) -> Iterator[Event | str]:
        name = self._children.pop(line.child_id, None)
        if name is None:
            yield from self._unknown_end()
        else:
            args: dict[str, object] = {"pid": line.pid}
            args |= {"exit_code": line.code} if line.event == "child_exit" else {}
            yield Event("e", name, self._now_us, args, "child", child=line.child_id)

    def _unknown_end(self) -> Iterator[str]:
        if self._main != BACKGROUND:  # else it began before git itself had ended, and was closed with it
            yield _NO_BEGIN
