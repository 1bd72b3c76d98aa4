"""git's trace2 events in a file: a process a git, with its regions and children; all of a tree append to one file."""

import re
from typing import Final

import msgspec

from tracerd.git_trace2.process import Event, GitProcess
from tracerd.importers.fields import decoded
from tracerd.importers.head import Head
from tracerd.importers.source import Source
from tracerd.importers.timeline import Clock, Timeline
from tracerd.importers.tree import Tree

_PID: Final = re.compile(r".*-P([0-9a-f]{8})", re.DOTALL)


class _Sid(msgspec.Struct):
    sid: str


_SID: Final = msgspec.json.Decoder(_Sid)


def fits(head: Head) -> bool:
    """Whether a file that begins so is of git's events."""
    return head.first.keys() >= {"event", "sid"}


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    timeline.tool = "git"
    timeline.clock = Clock.WALL
    tree = Tree(timeline)  # of the children, which may run at the same time
    gits: dict[str, _Git] = {}
    for given in source.lines():
        line = given if given.isascii() else given.decode(errors="replace").encode()  # names of files may be no UTF-8
        try:
            sid = _SID.decode(line).sid
        except msgspec.DecodeError:
            timeline.left_out["lines that are no events of git"] += 1
            continue
        git = gits.get(sid)
        if git is None:
            git = gits[sid] = _Git(sid, timeline, tree)
        git.take(line)
    for git in gits.values():
        git.finish()
    tree.put()


class _Git:
    """A process of git: its events, as it hands them out."""

    def __init__(self, sid: str, timeline: Timeline, tree: Tree) -> None:
        self._sid = sid
        self._timeline = timeline
        self._tree = tree
        self._process = GitProcess(with_monitors=True)
        self._begun: dict[int, Event] = {}  # children
        pid = _PID.fullmatch(sid)
        timeline.process(sid, number=int(pid[1], 16) if pid else 0)

    def take(self, line: bytes) -> None:
        """Take a line."""
        for event in self._process.take(line):
            if isinstance(event, str):
                self._timeline.left_out[event] += 1
            else:
                self._put(event)

    def finish(self) -> None:
        """Take what the end of the lines means."""
        for event in self._process.finish():
            self._put(event)

    def _put(self, event: Event) -> None:
        track = self._timeline.track(self._sid, event.thread, "" if event.thread == "main" else event.thread)
        at_ns, args = event.at_us * 1000, {key: _value(value) for key, value in event.args.items()}
        match event.ph:
            case "M":
                self._timeline.process(self._sid, event.name)
            case "X":
                is_open = event.cat == "git" and not self._process.is_seen
                self._timeline.span(track, event.name, at_ns, None if is_open else event.dur_us * 1000, args, event.cat)
            case "i":
                self._timeline.instant(track, event.name, at_ns, args, event.cat)
            case "b":
                self._begun[event.child] = event
            case "e":
                begun = self._begun.pop(event.child)
                start_ns, key = begun.at_us * 1000, (self._sid, event.child, begun.at_us)
                dur_ns, args = at_ns - start_ns, begun.args | args
                self._tree.span(
                    self._sid, key, None, event.name, start_ns, dur_ns, args, cat=event.cat, rows="children"
                )
            case _:
                pass


def _value(value: object) -> object:
    return decoded(bytes(value)) if isinstance(value, msgspec.Raw) else value
