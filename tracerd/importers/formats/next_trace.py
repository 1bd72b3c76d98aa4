"""Next.js's .next/trace: an array of spans a line. Times are of the machine's clock, beside a date of each span."""

from collections import defaultdict
from statistics import median_low

from tracerd.importers.fields import decoded, fields, nanoseconds, objects, text, without_empty
from tracerd.importers.head import Head
from tracerd.importers.source import Source
from tracerd.importers.timeline import Clock, Timeline
from tracerd.importers.tree import Tree


def fits(head: Head) -> bool:
    """Whether a file that begins so is a trace of Next.js."""
    return head.first.keys() >= {"name", "timestamp", "duration", "startTime", "id"}


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    timeline.tool = "Next.js"
    timeline.clock = Clock.WALL
    runs: defaultdict[str, list[dict[str, object]]] = defaultdict(list)
    for line in source.lines():
        value = decoded(line)
        if value is None:
            timeline.left_out["lines that are no JSON"] += 1
        for span in objects(value):
            runs[text(span.get("traceId"))].append(span)
    tree = Tree(timeline)
    for run, spans in runs.items():
        _run(run, spans, timeline, tree)
    tree.put()


def _run(run: str, spans: list[dict[str, object]], timeline: Timeline, tree: Tree) -> None:
    timeline.process(run, "Next.js")
    distances: list[int] = []
    for span in spans:
        wall_ns, at_ns = nanoseconds(span.get("startTime"), 1_000_000), nanoseconds(span.get("timestamp"), 1000)
        if wall_ns is not None and at_ns is not None:
            distances.append(wall_ns - at_ns)
    base_ns = median_low(distances) if distances else 0
    for span in spans:
        at_ns, dur_ns = nanoseconds(span.get("timestamp"), 1000), nanoseconds(span.get("duration"), 1000)
        if at_ns is None or not distances:
            timeline.left_out["spans without a start"] += 1
            continue
        parent = span.get("parentId")
        key = None if parent is None else (run, str(parent))
        name = text(span.get("name")) or "?"
        args = without_empty(**{str(tag): value for tag, value in fields(span.get("tags")).items()})
        tree.span(run, (run, str(span.get("id"))), key, name, base_ns + at_ns, dur_ns, args)
