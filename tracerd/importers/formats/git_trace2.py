"""git's trace2 events in a file: a process a git, with its regions and children; all of a tree append to one file."""

import re
from dataclasses import dataclass, field
from typing import Final

from tracerd.importers.fields import fields, nanoseconds, text, texts, wall_ns, without_empty
from tracerd.importers.head import Head
from tracerd.importers.source import Source
from tracerd.importers.timeline import Clock, Timeline
from tracerd.importers.tree import Tree

_SECOND: Final = 1_000_000_000
_PID: Final = re.compile(r".*-P([0-9a-f]{8})", re.DOTALL)

_Line = dict[str, object]


@dataclass(slots=True)
class _Git:
    """A git that has begun."""

    start_ns: int
    name: str = "git"
    args: dict[str, object] = field(default_factory=dict[str, object])
    end_ns: int | None = None
    regions: dict[str, list[tuple[int, str]]] = field(default_factory=dict[str, list[tuple[int, str]]])
    children: dict[object, tuple[int, str, dict[str, object]]] = field(
        default_factory=dict[object, tuple[int, str, dict[str, object]]]
    )


def fits(head: Head) -> bool:
    """Whether a file that begins so is of git's events."""
    return head.first.keys() >= {"event", "sid"}


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    timeline.tool = "git"
    timeline.clock = Clock.WALL
    reader = _Reader(timeline)
    for value in source.values():
        line = fields(value)
        if not line:
            timeline.left_out["lines that are no JSON"] += 1
        else:
            reader.take(line)
    reader.finish()


class _Reader:
    """Reads the events."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._gits: dict[str, _Git] = {}
        self._tree = Tree(timeline)  # of the children, which may run at the same time

    def take(self, line: _Line) -> None:
        """Read an event."""
        sid, at_ns = text(line.get("sid")), wall_ns(line.get("time"))
        git = self._gits.get(sid)
        if git is None:
            if at_ns is None:
                self._timeline.left_out["events of a git whose begin is missing"] += 1
                return
            git = self._gits[sid] = _Git(at_ns)
        event = text(line.get("event"))
        match event:
            case "start":
                git.start_ns = (at_ns or git.start_ns) - (nanoseconds(line.get("t_abs"), _SECOND) or 0 if at_ns else 0)
                git.args["argv"] = texts(line.get("argv"))
            case "cmd_name":
                git.name = f"git {text(line.get('name'))}"
            case "region_enter" | "region_leave" | "child_start" | "child_exit" if at_ns is None:
                self._timeline.left_out["events without a time"] += 1
            case "region_enter":
                git.regions.setdefault(text(line.get("thread")), []).append((at_ns or 0, _region(line)))
            case "region_leave":
                self._region_ended(sid, git, line)
            case "child_start":
                argv = texts(line.get("argv"))
                git.children[line.get("child_id")] = (at_ns or 0, f"child: {' '.join(argv[:2])}", {"argv": argv})
            case "child_exit":
                self._child_ended(sid, git, line)
            case "data" | "data_json" | "error" if at_ns is not None:
                self._moment(sid, line, at_ns)
            case "exit" | "atexit" | "signal":
                git.args["code"] = line.get("code", line.get("signo"))
                git.end_ns = git.start_ns + (nanoseconds(line.get("t_abs"), _SECOND) or 0)
            case _:
                pass

    def finish(self) -> None:
        """Take what has begun: a process ends once, and what has not ended before ends with it."""
        for sid, git in self._gits.items():
            process = self._process(sid)
            self._timeline.process(process, git.name)
            dur_ns = None if git.end_ns is None else git.end_ns - git.start_ns
            self._timeline.span(self._track(sid, "main"), git.name, git.start_ns, dur_ns, git.args, "git")
            for thread, regions in git.regions.items():
                for start_ns, name in regions:
                    dur_ns = None if git.end_ns is None else git.end_ns - start_ns
                    self._timeline.span(self._track(sid, thread), name, start_ns, dur_ns, cat="region")
            for child, (start_ns, name, args) in git.children.items():
                dur_ns = None if git.end_ns is None else git.end_ns - start_ns
                self._child(sid, child, start_ns, name, dur_ns, args)
        self._tree.put()

    def _region_ended(self, sid: str, git: _Git, line: _Line) -> None:
        thread = text(line.get("thread"))
        if not git.regions.get(thread):
            self._timeline.left_out["regions whose begin is missing"] += 1
            return
        start_ns, name = git.regions[thread].pop()
        args = without_empty(message=line.get("msg"))
        track = self._track(sid, thread)
        self._timeline.span(track, name, start_ns, nanoseconds(line.get("t_rel"), _SECOND) or 0, args, "region")

    def _child_ended(self, sid: str, git: _Git, line: _Line) -> None:
        child = line.get("child_id")
        if child not in git.children:
            self._timeline.left_out["children whose begin is missing"] += 1
            return
        start_ns, name, args = git.children.pop(child)
        args |= without_empty(code=line.get("code"), pid=line.get("pid"))
        self._child(sid, child, start_ns, name, nanoseconds(line.get("t_rel"), _SECOND), args)

    def _child(
        self, sid: str, child: object, start_ns: int, name: str, dur_ns: int | None, args: dict[str, object]
    ) -> None:
        key = (sid, str(child), start_ns)
        self._tree.span(self._process(sid), key, None, name, start_ns, dur_ns, args, cat="child", rows="children")

    def _moment(self, sid: str, line: _Line, at_ns: int) -> None:
        name = "/".join(filter(None, [text(line.get("category")), text(line.get("key"))])) or text(line.get("event"))
        args = without_empty(value=line.get("value"), message=line.get("msg"))
        self._timeline.instant(self._track(sid, text(line.get("thread"))), name, at_ns, args)

    def _process(self, sid: str) -> str:
        number = _PID.fullmatch(sid)
        self._timeline.process(sid, number=int(number[1], 16) if number else 0)
        return sid

    def _track(self, sid: str, thread: str) -> int:
        process = self._process(sid)
        return self._timeline.track(process, thread, "" if thread == "main" else thread)


def _region(line: _Line) -> str:
    return "/".join(filter(None, [text(line.get("category")), text(line.get("label"))])) or "region"
