"""meson's testlog.json: a line a test. The environment in it is never read."""

from tracerd.importers.fields import fields, nanoseconds, outcome, text, texts, without_empty
from tracerd.importers.head import Head
from tracerd.importers.source import Source
from tracerd.importers.timeline import Clock, Timeline
from tracerd.importers.tree import Tree

_SECOND = 1_000_000_000


def fits(head: Head) -> bool:
    """Whether a file that begins so is a log of tests of meson."""
    return head.first.keys() >= {"name", "starttime", "duration", "result"}


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    timeline.tool = "meson test"
    timeline.clock = Clock.WALL
    timeline.process("", "meson test")
    tree = Tree(timeline)
    for at, value in enumerate(source.values()):
        test = fields(value)
        start_ns, dur_ns = nanoseconds(test.get("starttime"), _SECOND), nanoseconds(test.get("duration"), _SECOND)
        if start_ns is None:
            timeline.left_out["lines without a start"] += 1
            continue
        args = without_empty(
            result=test.get("result"),
            outcome=outcome(test.get("result")),
            returncode=test.get("returncode"),
            command=texts(test.get("command")),
        )
        name = text(test.get("name")) or "?"
        tree.span("", at, None, name, start_ns, dur_ns, args, cat="test", rows="tests")
    tree.put()
