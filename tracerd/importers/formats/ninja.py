"""ninja's log: a span a command, on as many rows as ran at once.

A log holds many builds, whose times begin at 0 each. What tells them apart is how far the time of an output's last
change is from the time in its line: all of a build agree. Until 1.11 (v5) that change is the command's end, since 1.12
its start. Lines of one build follow one another with rising ends, until ninja rewrites its log in any order.
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Final

from tracerd.importers.head import Head
from tracerd.importers.source import Source
from tracerd.importers.timeline import Clock, Timeline
from tracerd.importers.tree import Tree

_MS: Final = 1_000_000
_GAP_NS: Final = 50 * _MS
"""Lines whose distances are further apart may be of two builds."""
_RUN: Final = 8
"""So many lines with rising ends are not in this order by accident."""
_V_START: Final = 6
"""From this version on the time is that of the command's start."""
_NO_TIME_NS: Final = 10**17
"""An output that is no file has the time 0, or about."""
_MAX_OUTPUTS: Final = 50

_VERSION: Final = re.compile(rb"# ninja log v(\d+)")
_LINE: Final = re.compile(rb"(\d{1,12})\t(\d{1,12})\t(\d{1,19})\t([^\t]+)\t([0-9a-f]+)")


@dataclass(slots=True)
class _Edge:
    """A command."""

    start_ms: int
    end_ms: int
    distance_ns: int | None
    """How far the time of its file is from the times of its line; None if there was no file."""
    outputs: list[str]


def fits(head: Head) -> bool:
    """Whether a file that begins so is ninja's log."""
    return _VERSION.match(head.text) is not None


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    timeline.tool = "ninja"
    timeline.clock = Clock.WALL
    edges: dict[tuple[bytes, ...], _Edge] = {}
    version = 5
    for line in source.lines():
        if line.startswith(b"#"):
            found = _VERSION.match(line)
            version = int(found[1]) if found else version
        elif match := _LINE.fullmatch(line):
            start, end, mtime, output, command = match.groups()
            edge = edges.get((start, end, command))
            if edge is None:
                at_ms = int(start if version >= _V_START else end)
                distance_ns = int(mtime) - at_ms * _MS if int(mtime) > _NO_TIME_NS else None
                edge = edges[start, end, command] = _Edge(int(start), int(end), distance_ns, [])
            if len(edge.outputs) < _MAX_OUTPUTS:
                edge.outputs.append(output.decode(errors="replace"))
        else:
            timeline.left_out["lines that are none of ninja's"] += 1
    builds = _builds(list(edges.values()))
    if missing := len(edges) - sum(map(len, builds.values())):
        timeline.left_out["commands without a time"] += missing
    if len(builds) > 1:
        timeline.notes.append(f"{len(builds)} builds")
    tree = Tree(timeline)
    for number, (origin_ns, commands) in enumerate(sorted(builds.items())):
        timeline.process(number, "ninja")
        for at, edge in enumerate(commands):
            name, *others = edge.outputs
            args: dict[str, object] = {"outputs": edge.outputs} if others else {}
            start_ns, dur_ns = origin_ns + edge.start_ms * _MS, (edge.end_ms - edge.start_ms) * _MS
            tree.span(number, (number, at), None, name, start_ns, dur_ns, args, rows="jobs")
    tree.put()


def _builds(edges: list[_Edge]) -> dict[int, list[_Edge]]:
    """The commands of each build, by the time in ns at which it began."""
    origin_of = _origins(edges)
    builds: defaultdict[int, list[_Edge]] = defaultdict(list)
    run: list[_Edge] = []
    for edge in edges:
        if run and edge.end_ms < run[-1].end_ms:
            _add_run(run, origin_of, builds)
            run = []
        run.append(edge)
    if run:
        _add_run(run, origin_of, builds)
    return builds


def _origins(edges: list[_Edge]) -> dict[int, int]:
    """Of each distance that of its build: their largest, for a file is changed before its command has ended.

    A build begins when the one before it has ended. So what would begin earlier is of the same build, whose file was
    written long before ninja noticed, as on a busy machine.
    """
    origins: dict[int, int] = {}
    build: list[int] = []  # its distances so far
    end_ns = 0
    for distance, end_ms in sorted((edge.distance_ns, edge.end_ms) for edge in edges if edge.distance_ns is not None):
        if build and distance - build[-1] > _GAP_NS and distance >= end_ns:
            origins |= dict.fromkeys(build, build[-1])
            build, end_ns = [], 0
        build.append(distance)
        end_ns = max(end_ns, distance + end_ms * _MS)
    return origins | dict.fromkeys(build, build[-1] if build else 0)


def _add_run(run: list[_Edge], origin_of: dict[int, int], builds: defaultdict[int, list[_Edge]]) -> None:
    """In a long run the odd one is an output that kept an older time, as that of a copied file."""
    origins = [origin_of[edge.distance_ns] for edge in run if edge.distance_ns is not None]
    if not origins:
        return
    common, count = Counter(origins).most_common(1)[0]
    is_one_build = len(run) >= _RUN and count * 2 > len(run)
    for edge in run:
        is_common = is_one_build or edge.distance_ns is None
        builds[common if is_common else origin_of[edge.distance_ns or 0]].append(edge)
