"""`go test -json`: an action a line, those of several packages mixed. A process a package, and a span a test.

What a parallel test waits for its turn, between `pause` and `cont`, is a span of its own, for it is no work.
"""

from dataclasses import dataclass, field
from typing import Final

from tracerd.importers.fields import fields, number, text, wall_ns
from tracerd.importers.head import Head
from tracerd.importers.source import Source
from tracerd.importers.timeline import Clock, Timeline
from tracerd.importers.tree import Tree

_ENDS: Final = ("pass", "fail", "skip")


@dataclass(slots=True)
class _Open:
    """A test that has begun, or a package."""

    start_ns: int
    paused_ns: int | None = None
    waits: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    last_ns: int = 0


def fits(head: Head) -> bool:
    """Whether a file that begins so is of go's tests."""
    return head.first.keys() >= {"Time", "Action"} or head.first.keys() >= {"ImportPath", "Action"}


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    timeline.tool = "go test"
    timeline.clock = Clock.WALL
    tree = Tree(timeline)
    opened: dict[tuple[str, str], _Open] = {}
    for value in source.values():
        line = fields(value)
        at_ns = wall_ns(line.get("Time"))
        package, test, action = text(line.get("Package")), text(line.get("Test")), text(line.get("Action"))
        if not line:
            timeline.left_out["lines that are no JSON"] += 1
        if at_ns is None or not package:
            continue
        whole = opened.setdefault((package, ""), _Open(at_ns))  # before go 1.20 nothing marks its begin
        whole.last_ns = at_ns
        if action == "run":
            opened[package, test] = _Open(at_ns)
        elif action == "pause" and (begun := opened.get((package, test))):
            begun.paused_ns = at_ns
        elif action == "cont" and (begun := opened.get((package, test))) and begun.paused_ns is not None:
            begun.waits.append((begun.paused_ns, at_ns))
            begun.paused_ns = None
        elif action in _ENDS and (begun := opened.pop((package, test), None)):
            args: dict[str, object] = {"result": action, "elapsed_s": number(line.get("Elapsed"))}
            _put(tree, package, test, begun, at_ns, args)
    for (package, test), begun in opened.items():
        _put(tree, package, test, begun, None, {})
    for process in tree.processes():
        timeline.process(process, f"go test {process}")
    tree.put()


def _put(tree: Tree, package: str, test: str, begun: _Open, end_ns: int | None, args: dict[str, object]) -> None:
    dur_ns = None if end_ns is None else end_ns - begun.start_ns
    parent = (package, test.rpartition("/")[0]) if test else None
    cat = "test" if test else "package"
    tree.span(package, (package, test), parent, test or package, begun.start_ns, dur_ns, args, cat=cat, rows="tests")
    for start_ns, until_ns in begun.waits:
        key = (package, test, start_ns)
        tree.span(package, key, (package, test), "paused", start_ns, until_ns - start_ns, cat="wait", rows="tests")
