"""Jest's JSON report, and that of Vitest, which has no start of a test: there a span a file, not a test."""

from tracerd.importers.fields import fields, nanoseconds, objects, outcome, text, texts, without_empty
from tracerd.importers.head import Head
from tracerd.importers.source import Source
from tracerd.importers.timeline import Clock, Timeline
from tracerd.importers.tree import Tree

_MS = 1_000_000
_NO_START = "tests without a start"
_SKIPPED = ("pending", "skipped", "todo", "disabled")


def fits(head: Head) -> bool:
    """Whether a file that begins so is a report of Jest or Vitest."""
    return head.has("numTotalTestSuites") or head.has("numFailedTestSuites") or head.has("testResults")


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    timeline.tool = "Jest"
    timeline.clock = Clock.WALL
    tree = Tree(timeline)
    is_vitest = False
    process = timeline.process("", "Jest")
    for file in objects(fields(source.document("testResults", "assertionResults")).get("testResults")):
        path = text(file.get("name")) or text(file.get("testFilePath"))
        start_ns, end_ns = nanoseconds(file.get("startTime"), _MS), nanoseconds(file.get("endTime"), _MS)
        if start_ns and end_ns:
            args = without_empty(
                status=file.get("status"), outcome=outcome(file.get("status")), message=file.get("message")
            )
            tree.span("", path, None, path, start_ns, end_ns - start_ns, args, cat="file", rows="tests")
        elif start_ns is None and end_ns is None:
            timeline.left_out["files without a start"] += 1
        for test in objects(file.get("assertionResults")):
            is_vitest = is_vitest or ("meta" in test and "startAt" not in test)
            _test(test, path, timeline, tree)
    if is_vitest:
        timeline.tool = process.name = "Vitest"
    tree.put()


def _test(test: dict[str, object], path: str, timeline: Timeline, tree: Tree) -> None:
    start_ns, dur_ns = nanoseconds(test.get("startAt"), _MS), nanoseconds(test.get("duration"), _MS)
    status = text(test.get("status"))
    if start_ns is None or dur_ns is None:
        timeline.left_out["skipped tests" if status in _SKIPPED else _NO_START] += 1
        return
    name = " > ".join([*texts(test.get("ancestorTitles")), text(test.get("title"))])
    args = without_empty(status=status, outcome=outcome(status), file=path, failures=texts(test.get("failureMessages")))
    tree.span("", (path, name), path, name, start_ns, dur_ns, args, cat="test", rows="tests")
