"""`go test -json`: an action a line, those of several packages mixed. A process a package, and a span a test.

What a parallel test waits for its turn, between `pause` and `cont`, is a span of its own, for it is no work.
"""

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from tracerd.importers.fields import fields, nanoseconds, number, outcome, text, wall_ns, without_empty
from tracerd.importers.head import Head
from tracerd.importers.source import Source
from tracerd.importers.timeline import Clock, Timeline
from tracerd.importers.tree import Tree

_ENDS: Final = ("pass", "fail", "skip")
_SECOND: Final = 1_000_000_000
_ROUNDED_NS: Final = 10_000_000
"""The time that a test took is rounded to that; a time of the report that is nearer is more exact."""


@dataclass(slots=True)
class _Open:
    """A test that has begun, or a package."""

    start_ns: int
    paused_ns: int | None = None
    waits: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    last_ns: int = 0
    reported_ns: int | None = None
    args: dict[str, object] = field(default_factory=dict[str, object])


def fits(head: Head) -> bool:
    """Whether a file that begins so is of go's tests."""
    return head.first.keys() >= {"Time", "Action"} or head.first.keys() >= {"ImportPath", "Action"}


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    timeline.tool = "go test"
    timeline.clock = Clock.WALL
    tree = Tree(timeline)
    opened: dict[tuple[str, str], _Open] = {}
    ended: list[tuple[str, str, _Open]] = []
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
            begun.reported_ns = at_ns
            begun.args = {"result": action, "elapsed_s": number(line.get("Elapsed"))}
            begun.args |= without_empty(outcome=outcome(action))
            ended.append((package, test, begun))
    ends = _ends(ended)
    for package, test, begun in ended:
        _put(tree, package, test, begun, ends[package, test])
    for (package, test), begun in opened.items():
        _put(tree, package, test, begun, None)
    for process in tree.processes():
        timeline.process(process, f"go test {process}")
    tree.put()


def _ends(ended: list[tuple[str, str, _Open]]) -> dict[tuple[str, str], int]:
    """When each test has ended: before go 1.20 the ends of subtests are reported when their parent has ended.

    Then the time it took decides, which has neither its waits nor that of its parallel subtests, and is rounded:
    what never waited has ended before the next one of its parent begins.
    """
    starts: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for package, test, begun in ended:
        starts[package, test.rpartition("/")[0]].append(begun.start_ns)
    for of_parent in starts.values():
        of_parent.sort()
    ends: dict[tuple[str, str], int] = {}
    last_of_subtests: dict[tuple[str, str], int] = {}
    for package, test, begun in sorted(ended, key=lambda of: -of[1].count("/")):
        end_ns = begun.reported_ns or 0
        parent = (package, test.rpartition("/")[0])
        elapsed_ns = nanoseconds(begun.args["elapsed_s"], _SECOND)
        if "/" in test and elapsed_ns is not None:
            waited_ns = sum(until_ns - since_ns for since_ns, until_ns in begun.waits)
            took_until_ns = begun.start_ns + waited_ns + max(elapsed_ns, 0)
            following = bisect_right(starts[parent], begun.start_ns)
            if following < len(starts[parent]) and not begun.waits:
                took_until_ns = min(took_until_ns, starts[parent][following])
            took_until_ns = max(took_until_ns, last_of_subtests.get((package, test), 0))
            if end_ns > took_until_ns + _ROUNDED_NS:
                end_ns = took_until_ns
        ends[package, test] = end_ns
        last_of_subtests[parent] = max(last_of_subtests.get(parent, 0), end_ns)
    return ends


def _put(tree: Tree, package: str, test: str, begun: _Open, end_ns: int | None) -> None:
    dur_ns = None if end_ns is None else end_ns - begun.start_ns
    parent = (package, test.rpartition("/")[0]) if test else None
    cat = "test" if test else "package"
    tree.span(
        package, (package, test), parent, test or package, begun.start_ns, dur_ns, begun.args, cat=cat, rows="tests"
    )
    for start_ns, until_ns in begun.waits:
        key = (package, test, start_ns)
        tree.span(package, key, (package, test), "paused", start_ns, until_ns - start_ns, cat="wait", rows="tests")
